/**
 * Starts processes that this command must not leave behind. Each leads its own process group, for two reasons. Its own
 * children (wrangler starts workerd) would outlive it otherwise. And Ctrl-C on the terminal reaches only this command, which
 * then stops the processes in its own order.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../../protocol/problem.ts";
import { COMPILE_CACHE_FOLDER } from "../compile-cache.ts";

export interface ChildOptions {
  /** Its name in messages to people. */
  name: string;
  command: string;
  arguments: readonly string[];
  environment: NodeJS.ProcessEnv;
  workingFolder: string;
  /** Gets all of its output. */
  logFile: string;
  onLine?: (line: string) => void;
}

interface ChildEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunningChild {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended in any way and its output was read; never rejects. */
  readonly ended: Promise<ChildEnd>;
  hasEnded(): boolean;
  /** The newest lines of its output, for an error message. */
  lastLines(): readonly string[];
  /**
   * Sends SIGTERM to the process, then to its group, then SIGKILL to the group. The process has `graceMs` to end well.
   * Resolves when nothing of the group is left.
   */
  stop(graceMs: number): Promise<void>;
}

const KEPT_LINES = 12;
const LAST_WORDS_MS = 300;
const GROUP_POLL_MS = 20;
const KILL_WAIT_MS = 2000;
/** A group that outlives its leader after SIGTERM has this long to end. */
const ORPHAN_GRACE_MS = 1000;

/** Throws a `Problem` when the program cannot be started at all. */
export async function startChild(options: ChildOptions): Promise<RunningChild> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const child = spawn(options.command, [...options.arguments], {
    cwd: options.workingFolder,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE_FOLDER, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once("exit", (code, signal) => {
      const end = (): void => resolve({ code, signal });
      // Its last words may still be in the pipe; a process that it left behind may keep the pipe open for ever.
      child.once("close", end);
      setTimeout(end, LAST_WORDS_MS).unref();
    });
    child.once("error", () => resolve({ code: null, signal: null }));
  });
  const lines = keepOutput(child, options);
  const { pid } = child;
  if (pid === undefined) {
    throw new Problem("internal", `${options.name} cannot be started: ${options.command} does not run`, {
      cure: "Install the packages with: npm ci",
    });
  }
  guard(pid);
  return {
    name: options.name,
    pid,
    logFile: options.logFile,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    lastLines: () => lines,
    stop: (graceMs) => stopGroup(pid, graceMs),
  };
}

/** Copies the output to the log file, keeps the newest lines, and hands stdout's lines on. */
function keepOutput(child: ChildProcess, options: ChildOptions): string[] {
  const log = createWriteStream(options.logFile, { fd: openSync(options.logFile, "a", 0o600) });
  log.on("error", () => {}); // A full disk must not end the processes; their last lines are still kept.
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    const reader = createInterface({ input: stream });
    reader.on("line", (line) => {
      log.write(`${line}\n`);
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      if (stream === child.stdout) options.onLine?.(line);
    });
  }
  child.once("close", () => log.end());
  return lines;
}

/** Tells only the leader first: it may need its children to end well, as the control plane needs its workerd. */
async function stopGroup(pid: number, graceMs: number): Promise<void> {
  signal(pid, "SIGTERM");
  await goes(pid, graceMs);
  signal(-pid, "SIGTERM");
  if (!(await goes(-pid, Math.min(graceMs, ORPHAN_GRACE_MS)))) {
    signal(-pid, "SIGKILL");
    // Any process left after this is dead and waits for a parent outside this command to collect it.
    await goes(-pid, KILL_WAIT_MS);
  }
  unguard(pid);
}

/** `target` is a process, or the negative of a group's leader. */
async function goes(target: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(target)) {
    if (performance.now() > deadline) return false;
    await sleep(GROUP_POLL_MS);
  }
  return true;
}

function signal(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isAlive(target: number): boolean {
  try {
    process.kill(target, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * A shell that waits on a pipe from this process. When this process dies without stopping its children (kill -9), the pipe
 * ends and the shell stops the groups whose ids it was sent.
 */
const GUARD_SCRIPT = `
pids=""
while read -r change pid; do
  case "$change" in
    add) pids="$pids $pid" ;;
    drop) rest=""; for p in $pids; do [ "$p" = "$pid" ] || rest="$rest $p"; done; pids="$rest" ;;
  esac
done
[ -n "$pids" ] || exit 0
for p in $pids; do kill -TERM "-$p" 2>/dev/null; done
sleep 3
for p in $pids; do kill -KILL "-$p" 2>/dev/null; done
`;

let guardProcess: ChildProcess | undefined;

function guard(pid: number): void {
  if (guardProcess === undefined) {
    guardProcess = spawn("/bin/sh", ["-c", GUARD_SCRIPT], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    guardProcess.on("error", () => {}); // Without a shell there is no guard; stopping in order still works.
    guardProcess.stdin?.on("error", () => {}); // The guard was killed by someone; the same holds.
    guardProcess.unref();
    (guardProcess.stdin as { unref?: () => void } | null)?.unref?.();
  }
  guardProcess.stdin?.write(`add ${pid}\n`);
}

function unguard(pid: number): void {
  guardProcess?.stdin?.write(`drop ${pid}\n`);
}
