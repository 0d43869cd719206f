/** Redis and PostgreSQL from the distribution's packages, on loopback, in a temporary folder, gone afterwards. */
import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningChild, startChild } from "../../cli/local/child-process.ts";
import { probePort } from "../../cli/local/free-port.ts";

export interface Server {
  readonly port: number;
  readonly version: string;
  readonly folder: string;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 5_000;
const POSTGRES_HOME = "/usr/lib/postgresql";

/** The reason why the server cannot run here, or null. */
export function redisMissing(): string | null {
  return existsSync("/usr/bin/redis-server") ? null : "redis-server is not installed (apt-get install redis-server)";
}

export function postgresMissing(): string | null {
  return postgresPrograms() === null ? "PostgreSQL is not installed (apt-get install postgresql)" : null;
}

/** Durable as the others are: every write is on the disk before it is acknowledged. */
export async function startRedis(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-bench-redis-"));
  const port = await probePort(0);
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
  const version = /v=(\S+)/.exec(execFileSync("/usr/bin/redis-server", ["--version"], { encoding: "utf8" }))![1]!;
  const child = startChild({
    name: "redis-server",
    command: "/usr/bin/redis-server",
    arguments: [...settings, ...durable],
    environment: process.env,
    workingFolder: folder,
    logFile: join(folder, "redis.log"),
  });
  return listening(await child, { port, version, folder });
}

/** A new cluster with PostgreSQL's own defaults: fsync and synchronous_commit are on. */
export async function startPostgres(): Promise<Server> {
  const programs = postgresPrograms()!;
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-bench-postgres-"));
  const port = await probePort(0);
  const data = join(folder, "data");
  const asUser = unprivileged(folder);
  const run = (program: string, words: readonly string[]): [string, string[]] => {
    const [command, ...rest] = [...asUser, join(programs, program), ...words];
    return [command!, rest];
  };
  try {
    execFileSync(...run("initdb", ["-D", data, "-A", "trust", "-U", "postgres", "--no-sync"]), { stdio: "pipe" });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const version = execFileSync(join(programs, "postgres"), ["--version"], { encoding: "utf8" });
  const [command, words] = run("postgres", [
    ...["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1"],
    ...["-c", `unix_socket_directories=${folder}`],
  ]);
  const child = startChild({
    name: "postgres",
    command,
    arguments: words,
    environment: { ...process.env, LC_ALL: "C" },
    workingFolder: folder,
    logFile: join(folder, "postgres.log"),
  });
  return listening(await child, { port, version: /(\d+\.\d+)/.exec(version)![1]!, folder });
}

/** The newest version's programs. */
function postgresPrograms(): string | null {
  if (!existsSync(POSTGRES_HOME)) return null;
  const versions = readdirSync(POSTGRES_HOME).toSorted((left, right) => Number(left) - Number(right));
  const programs = versions.map((version) => join(POSTGRES_HOME, version, "bin"));
  return programs.findLast((folder) => existsSync(join(folder, "initdb"))) ?? null;
}

/** PostgreSQL refuses to run as root: the words that make a command another user's, after giving it the folder. */
function unprivileged(folder: string): string[] {
  if (process.getuid?.() !== 0) return [];
  const id = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  chownSync(folder, id("-u"), id("-g"));
  return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];
}

async function listening(child: RunningChild, about: Omit<Server, "stop">): Promise<Server> {
  const stop = async (): Promise<void> => {
    await child.stop(STOP_WITHIN_MS);
    rmSync(about.folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await accepts(about.port))) {
    if (!child.hasEnded() && performance.now() < deadline) {
      await sleep(50);
      continue;
    }
    const said = child.lastLines().join("\n");
    await stop();
    throw new Error(`${child.name} does not listen:\n${said}`);
  }
  return { ...about, stop };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    const settle = (value: boolean) => (): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once("connect", settle(true)).once("error", settle(false));
  });
}
