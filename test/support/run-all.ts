/**
 * Runs every kind of test: `node test/support/run-all.ts FOLDER`. Lanes run beside each other; among all that run, the output of one
 * is shown as it comes and that of the others when its turn has come, whole. FOLDER gets each kind's output, JSON and times.
 */
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ALONE, clock, KINDS, type Kind, LANES, type RunnerTime } from "./kinds.ts";
import { OrderedOutput } from "./ordered-output.ts";
import { patience } from "./patience.ts";

/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;

const folder = process.argv[2]!;
mkdirSync(folder, { recursive: true });
const output = new OrderedOutput(KINDS, (text) => process.stdout.write(text));
const running = new Set<number>();
let isStopped = false;
/** Processor time of all children so far. */
let waitedForSeconds = 0;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    isStopped = true;
    for (const pid of running) process.kill(-pid, signal);
  });
}

/** Its first call measures the machine and prints the factor, before anything else runs. */
patience(0);
const times: RunnerTime[] = [];
await Promise.all(LANES.map(runLane));
await runLane(ALONE);
writeFileSync(join(folder, "runners.json"), JSON.stringify(times));
process.exitCode = process.exitCode || (isStopped ? 1 : 0);

async function runLane(kinds: readonly Kind[]): Promise<void> {
  for (const kind of kinds) if (!isStopped) await runKind(kind);
}

/** Resolves when it has ended, however it did. A failure is the failure of the whole. */
function runKind(kind: Kind): Promise<void> {
  const startedAt = performance.now();
  const log = createWriteStream(join(folder, `${kind}.log`));
  output.write(kind, `\n── ${kind} ──\n`);
  // A process group of its own, so that a signal reaches everything in it.
  const child = spawn("make", ["--no-print-directory", `test-${kind}`], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  if (child.pid !== undefined) running.add(child.pid);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output.write(kind, text);
      log.write(text);
    });
  }
  const processorSeconds = Promise.withResolvers<number | null>();
  child.once("exit", () => {
    // Node has waited for it just now, which added its time, and nothing of the other lanes is waited for in between.
    processorSeconds.resolve(newlyWaitedForSeconds());
    if (child.pid !== undefined) running.delete(child.pid);
  });
  child.once("error", (error) => output.write(kind, `make does not start: ${error.message}\n`));
  return new Promise((resolve) => {
    child.once("close", async (code) => {
      const seconds = (performance.now() - startedAt) / 1000;
      if (code !== 0) process.exitCode = 1;
      log.end();
      times.push({ kind, seconds, processorSeconds: await processorSeconds.promise });
      output.end(kind, `── ${kind} ${code === 0 ? "passed" : "FAILED"} after ${clock(seconds)} ──\n`);
      resolve();
    });
  });
}

/** Processor time of children, and of what they waited for, that ended since the last call; null where there is no /proc. */
function newlyWaitedForSeconds(): number | null {
  let stat: string;
  try {
    stat = readFileSync("/proc/self/stat", "utf8");
  } catch {
    return null;
  }
  // After the name in brackets: state is the first field, user and system time of children the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const total = (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
  const added = total - waitedForSeconds;
  waitedForSeconds = total;
  return added;
}
