/** Runs the control plane as a child process, self-hosted or under `wrangler dev`. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HomePaths } from "../../client/home.ts";
import { installationCure, isInstalled } from "../../compute-node/installed-package.ts";
import { Problem } from "../../protocol/problem.ts";
import { type ChildOptions, type RunningChild, startChild } from "./child-process.ts";
import { probePort } from "./free-port.ts";

/** The checkout or package that this file is part of. */
export const PROJECT_FOLDER = join(import.meta.dirname, "..", "..");

const WRANGLER = join(PROJECT_FOLDER, "node_modules", "wrangler", "bin", "wrangler.js");
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const STOP_GRACE_MS = 5000;

interface ControlPlaneOptions {
  home: HomePaths;
  /** 0 takes any free port. */
  port: number;
  adminTokenSha256: string;
  /** `wrangler dev`, which reloads when the sources change. */
  isDevelopment: boolean;
  environment: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

export interface RunningControlPlane {
  readonly url: string;
  readonly child: RunningChild;
  stop(): Promise<void>;
}

/**
 * Resolves when it answers. Throws a `Problem` for a taken port, a home in use, a process that ends, and an installation
 * without what it needs.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<RunningControlPlane> {
  if (options.isDevelopment) requireSources();
  else requireRuntime();
  mkdirSync(options.home.controlPlane, { recursive: true, mode: 0o700 });
  const release = lockState(options.home);
  let child: RunningChild | undefined;
  try {
    const port = await probePort(options.port);
    const url = `http://127.0.0.1:${port}`;
    child = await startChild(options.isDevelopment ? wranglerDev(options, port) : selfHosted(options, port));
    const running = child;
    await waitForHealth(url, running, options.signal);
    return {
      url,
      child: running,
      async stop() {
        await running.stop(STOP_GRACE_MS);
        release();
      },
    };
  } catch (error) {
    await child?.stop(0);
    release();
    throw error;
  }
}

function requireRuntime(): void {
  if (isInstalled("miniflare")) return;
  throw new Problem("unavailable", "The package miniflare, which a control plane runs on, is not installed.", {
    cure: `${installationCure("miniflare")} Nodes do without it.`,
  });
}

function requireSources(): void {
  if (existsSync(WRANGLER)) return;
  throw new Problem("unavailable", "Development needs the sources and wrangler, which are not in this installation.", {
    cure: "Run it in a clone of the repository, after `npm ci` there.",
  });
}

function selfHosted({ home, adminTokenSha256, environment }: ControlPlaneOptions, port: number): ChildOptions {
  const script = join(PROJECT_FOLDER, "control-plane", "serve.ts");
  return {
    name: "the control plane",
    command: process.execPath,
    arguments: [script, "--port", String(port), "--state", home.controlPlane],
    environment: { ...environment, KTRDR_ADMIN_TOKEN_SHA256: adminTokenSha256 },
    workingFolder: PROJECT_FOLDER,
    logFile: join(home.controlPlane, "control-plane.log"),
  };
}

function wranglerDev({ home, adminTokenSha256, environment }: ControlPlaneOptions, port: number): ChildOptions {
  return {
    name: "wrangler dev",
    command: process.execPath,
    arguments: [
      ...[WRANGLER, "dev", "--ip", "127.0.0.1", "--port", String(port)],
      ...["--persist-to", home.controlPlane, "--var", `ADMIN_TOKEN_SHA256:${adminTokenSha256}`],
      ...["--show-interactive-dev-session=false", "--log-level", "log"],
    ],
    environment: {
      ...environment,
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_HIDE_BANNER: "true",
      CI: "1",
    },
    workingFolder: PROJECT_FOLDER,
    logFile: join(home.controlPlane, "wrangler-dev.log"),
  };
}

/** Both ways of running it answer `/health` when they are ready. */
async function waitForHealth(url: string, child: RunningChild, signal: AbortSignal | undefined): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    signal?.throwIfAborted();
    if (child.hasEnded()) throw await endedEarly(child);
    if (await answers(url)) return;
    if (performance.now() > deadline) {
      throw new Problem("unavailable", `${child.name} did not answer at ${url} within ${READY_TIMEOUT_MS / 1000} s`, {
        cure: `Its output is in ${child.logFile}.`,
      });
    }
    await sleep(POLL_MS);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // Not listening yet; the caller asks again.
  }
}

/** The last lines of a child's output, as the reason that it ended. */
export async function endedEarly(child: RunningChild): Promise<Problem> {
  await child.ended;
  return new Problem("unavailable", `${child.name} ended unexpectedly`, {
    cure: `Look at ${child.logFile}; its last lines are above.`,
    issues: child.lastLines().map((message) => ({ message })),
  });
}

/** Locks the state, since two control planes would damage it. Takes over the lock of a process that is gone. */
function lockState(home: HomePaths): () => void {
  const path = join(home.controlPlane, "running.pid");
  const holder = lockHolder(path);
  if (holder !== null) {
    throw new Problem("conflict", `A control plane already runs in ${home.root} (process ${holder})`, {
      cure: "Use that one, stop it, or give this one a folder of its own with --home.",
    });
  }
  rmSync(path, { force: true });
  const file = openSync(path, "wx");
  writeSync(file, String(process.pid));
  closeSync(file);
  return () => rmSync(path, { force: true });
}

function lockHolder(path: string): number | null {
  let pid: number;
  try {
    pid = Number(readFileSync(path, "utf8"));
  } catch {
    return null; // Nobody holds it.
  }
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? pid : null;
  }
}
