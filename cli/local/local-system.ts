/** Runs a control plane and its nodes on this machine. The control plane starts first and stops last. */
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { adminToken, keepAdminToken } from "../../client/admin-token.ts";
import { type Client, createClient } from "../../client/client.ts";
import type { HomePaths } from "../../client/home.ts";
import { Problem } from "../../protocol/problem.ts";
import type { Worker, WorkerType } from "../../protocol/workers.ts";
import { type RunningChild, startChild } from "./child-process.ts";
import { endedEarly, PROJECT_FOLDER, type RunningControlPlane, startControlPlane } from "./control-plane.ts";

const NODE_STOP_GRACE_MS = 8000;
const REGISTER_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const ENROLMENT_TTL_MS = 10 * 60_000;

export interface LocalSystemOptions {
  home: HomePaths;
  environment: NodeJS.ProcessEnv;
  /** 0 takes any free port. */
  port: number;
  nodeCount: number;
  workerType: WorkerType;
  /** Additional nodes that train; none by default. */
  trainerCount?: number;
  isDevelopment: boolean;
  /** An admin token from a flag or the environment. */
  givenToken: string | undefined;
  signal?: AbortSignal;
  on: LocalSystemEvents;
}

/** Takes lines for people while the system starts. */
export interface LocalSystemEvents {
  tokenMade(token: string): void;
  controlPlaneReady(url: string): void;
  workerRegistered(worker: Worker): void;
}

export interface LocalSystem {
  readonly url: string;
  readonly client: Client;
  readonly children: readonly RunningChild[];
  /**
   * Rejects with the reason when the control plane ends by itself. When a node ends, `onNodeEnd` is called and the node is
   * started again, after a pause that grows while it keeps ending.
   */
  watch(onNodeEnd: (node: RunningChild) => void): Promise<never>;
  /** Stops the nodes, then the control plane; resolves when no process is left. Safe to call twice. */
  stop(): Promise<void>;
}

/** Resolves when every node has registered. On a failure it stops everything before it rejects. */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const { home, environment, on, signal } = options;
  const admin = adminToken(home, options.givenToken);
  const plane = await startControlPlane({
    ...{ home, port: options.port, isDevelopment: options.isDevelopment, environment },
    adminTokenSha256: admin.sha256,
    ...(signal === undefined ? {} : { signal }),
  });
  const nodes: RunningChild[] = [];
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    await Promise.all(nodes.map((node) => node.stop(NODE_STOP_GRACE_MS)));
    await plane.stop();
  };
  try {
    keepAdminToken(home, plane.url, admin);
    if (admin.isNew) on.tokenMade(admin.token);
    on.controlPlaneReady(plane.url);
    const client = createClient({ url: plane.url, token: admin.token, tokenSource: home.credentials });
    const restart = async (workerId: string): Promise<RunningChild> => {
      const planned = plannedNodes(options).find((other) => other.workerId === workerId);
      if (planned === undefined) throw new Error(`${workerId} was never started`);
      // Its credential is in its folder, so it needs no enrolment token to come back.
      const node = await startNode(options, client.url, planned, undefined);
      nodes.push(node);
      return node;
    };
    await startNodes(options, client, nodes);
    await waitForWorkers(client, nodes, plane, options);
    return {
      url: plane.url,
      client,
      children: [...nodes, plane.child],
      watch: watcher(plane, nodes, restart, () => stopping),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Names nodes `desktop-1`, `desktop-2`: the same at each start, so that they come back as the same workers. */
export function workerIds(count: number, host: string = hostname()): string[] {
  const base =
    host
      .replace(/[^A-Za-z0-9._-]/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 56) || "node";
  return Array.from({ length: count }, (_, index) => `${base}-${index + 1}`);
}

interface PlannedNode {
  readonly workerId: string;
  readonly workerType: WorkerType;
}

function plannedNodes({ nodeCount, workerType, trainerCount = 0 }: LocalSystemOptions): PlannedNode[] {
  return [
    ...workerIds(nodeCount).map((workerId) => ({ workerId, workerType })),
    ...workerIds(trainerCount, `${hostname().slice(0, 48)}-trainer`).map((workerId) => ({
      workerId,
      workerType: "cpu_training" as const,
    })),
  ];
}

async function startNodes(options: LocalSystemOptions, client: Client, nodes: RunningChild[]): Promise<void> {
  const planned = plannedNodes(options);
  if (planned.length === 0) return;
  const enrolment = await client.createEnrolment({
    name: "ktrdr up",
    maxUses: planned.length,
    ttlMs: ENROLMENT_TTL_MS,
  });
  for (const node of planned) {
    options.signal?.throwIfAborted();
    nodes.push(await startNode(options, client.url, node, enrolment.token));
  }
}

function startNode(
  { home, environment }: LocalSystemOptions,
  url: string,
  { workerId, workerType }: PlannedNode,
  token?: string,
): Promise<RunningChild> {
  return startChild({
    name: `node ${workerId}`,
    command: process.execPath,
    arguments: [
      join(PROJECT_FOLDER, "compute-node", "main.ts"),
      ...["--url", url, "--home", home.root, "--worker-id", workerId, "--type", workerType],
    ],
    // The node gets what it needs to enrol, not the admin token that may stand in our environment.
    environment: {
      ...environment,
      KTRDR_TOKEN: undefined,
      ENROLMENT_TOKEN: token,
      // The person who submits here started this system, so their code may run with their rights.
      KTRDR_ALLOW_SCRIPTS: environment.KTRDR_ALLOW_SCRIPTS || "yes",
    },
    workingFolder: PROJECT_FOLDER,
    logFile: join(home.nodes, workerId, "node.log"),
  });
}

async function waitForWorkers(
  client: Client,
  nodes: readonly RunningChild[],
  plane: RunningControlPlane,
  options: LocalSystemOptions,
): Promise<void> {
  const { on, signal } = options;
  const expected = new Set(plannedNodes(options).map(({ workerId }) => workerId));
  const deadline = performance.now() + REGISTER_TIMEOUT_MS;
  while (expected.size > 0) {
    signal?.throwIfAborted();
    const ended = [plane.child, ...nodes].find((child) => child.hasEnded());
    if (ended !== undefined) throw await endedEarly(ended);
    for (const worker of (await client.listWorkers()).workers) {
      if (worker.connected && expected.delete(worker.workerId)) on.workerRegistered(worker);
    }
    if (expected.size > 0 && performance.now() > deadline) {
      throw new Problem(
        "unavailable",
        `${[...expected].join(", ")} did not register within ${REGISTER_TIMEOUT_MS / 1000} s`,
        {
          cure: `Look at ${nodes.map((node) => node.logFile).join(", ")}.`,
        },
      );
    }
    if (expected.size > 0) await sleep(POLL_MS);
  }
}

function watcher(
  plane: RunningControlPlane,
  nodes: readonly RunningChild[],
  restart: (workerId: string) => Promise<RunningChild>,
  isStopping: () => boolean,
): LocalSystem["watch"] {
  return async (onNodeEnd) => {
    for (const node of [...nodes]) void keepAlive(node, restart, isStopping, onNodeEnd);
    await plane.child.ended;
    throw await endedEarly(plane.child);
  };
}

const RESTART_FIRST_MS = 250;
const RESTART_LONGEST_MS = 30_000;
/** After a node ran this long, the pause before its next start is short again. */
const SETTLED_MS = 60_000;

/** Starts a node again whenever it ends by itself. */
async function keepAlive(
  first: RunningChild,
  restart: (workerId: string) => Promise<RunningChild>,
  isStopping: () => boolean,
  onNodeEnd: (node: RunningChild) => void,
): Promise<void> {
  const workerId = first.name.replace(/^node /, "");
  let node = first;
  let pauseMs = RESTART_FIRST_MS;
  for (;;) {
    const startedAt = performance.now();
    await node.ended;
    if (isStopping()) return;
    onNodeEnd(node);
    if (performance.now() - startedAt > SETTLED_MS) pauseMs = RESTART_FIRST_MS;
    await sleep(pauseMs);
    if (isStopping()) return;
    pauseMs = Math.min(RESTART_LONGEST_MS, pauseMs * 2);
    node = await restart(workerId);
  }
}
