/**
 * Real processes for tests: one control plane and nodes, each in a process group of its own, all gone after `stop()`.
 * The group matters: killing wrangler alone leaves its workerd serving.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningChild, startChild } from "../../cli/local/child-process.ts";
import { PROJECT_FOLDER, type RunningControlPlane, startControlPlane } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import { hashToken, makeAdminToken } from "../../client/admin-token.ts";
import { type Client, createClient } from "../../client/client.ts";
import { writeCredentials } from "../../client/credentials.ts";
import { type HomePaths, homePaths } from "../../client/home.ts";
import { patience } from "./patience.ts";

interface FleetOptions {
  /** `wrangler dev` instead of the self-hosted server. */
  wrangler?: boolean;
  /** Numbers that differ from the registry's defaults, for tests that cannot wait. */
  registryConfig?: Record<string, number>;
  /** Environment of the control plane, beside this process's own. */
  environment?: Record<string, string>;
}

interface NodeOptions {
  /** The folder whose code it runs; this project's without it. */
  tree?: string;
  /** Beside this process's own. */
  environment?: Record<string, string>;
}

export class Fleet {
  readonly home: HomePaths;
  readonly token = makeAdminToken();
  readonly nodes = new Map<string, RunningChild>();
  readonly #options: FleetOptions;
  #plane: RunningControlPlane | undefined;
  #port = 0;

  private constructor(options: FleetOptions) {
    this.#options = options;
    this.home = homePaths(mkdtempSync(join(tmpdir(), "ktrdr-fleet-")));
  }

  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const fleet = new Fleet(options);
    try {
      fleet.#port = await probePort(0);
      await fleet.startPlane();
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get client(): Client {
    return this.clientOf();
  }

  /** A client whose submissions belong to a trace. */
  clientOf(traceparent?: string): Client {
    return createClient({ url: this.url, token: this.token, tokenSource: "the test" }, traceparent);
  }

  get planePid(): number {
    return this.#plane!.child.pid;
  }

  async startPlane(registryConfig = this.#options.registryConfig): Promise<void> {
    this.#plane = await startControlPlane({
      home: this.home,
      port: this.#port,
      adminTokenSha256: hashToken(this.token),
      isDevelopment: this.#options.wrangler ?? false,
      environment: {
        ...process.env,
        ...this.#options.environment,
        ...(registryConfig === undefined ? {} : { KTRDR_REGISTRY_CONFIG: JSON.stringify(registryConfig) }),
      },
    });
    writeCredentials(this.home.credentials, { url: this.url, token: this.token, workspace: "default" });
  }

  /** Asks it to stop, as systemd does. */
  async stopPlane(): Promise<void> {
    await this.#plane!.stop();
  }

  /** Kills the control plane's whole process group at once, as a power cut would. */
  async killPlane(): Promise<void> {
    killGroup(this.planePid, "SIGKILL");
    await this.#plane!.stop();
  }

  async startNode(
    workerId: string,
    flags: readonly string[] = [],
    { tree = PROJECT_FOLDER, environment = {} }: NodeOptions = {},
  ): Promise<RunningChild> {
    const enrolment = await this.client.createEnrolment({ name: workerId, maxUses: 1, ttlMs: 600_000 });
    const script = join(tree, "compute-node", "main.ts");
    const node = await startChild({
      name: `node ${workerId}`,
      command: process.execPath,
      arguments: [
        ...[script, "--url", this.url, "--home", this.home.root, "--worker-id", workerId],
        ...["--health-port", "0", ...flags],
      ],
      environment: { ...process.env, ...environment, ENROLMENT_TOKEN: enrolment.token },
      workingFolder: tree,
      logFile: join(this.home.nodes, workerId, "node.log"),
    });
    this.nodes.set(workerId, node);
    return node;
  }

  async startNodes(workerIds: readonly string[], flags: readonly string[] = []): Promise<void> {
    for (const workerId of workerIds) await this.startNode(workerId, flags);
    await this.connected(workerIds);
  }

  /** Resolves when all of these workers are connected. */
  async connected(workerIds: readonly string[], withinMs = 30_000): Promise<void> {
    await until(withinMs, `${workerIds.join(", ")} connected`, async () => {
      const { workers } = await this.client.listWorkers();
      return workerIds.every((id) => workers.some((worker) => worker.workerId === id && worker.connected));
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.stop(3000)));
    await this.#plane?.stop();
    rmSync(this.home.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It is gone already, as a kill intends.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Asks until the answer is yes; an error counts as no, since services come and go in these tests. The limit only ends hanging tests,
 * and is longer on a slow machine; for a limit that a test asserts there is `promptly`.
 */
export function until(withinMs: number, what: string, answer: () => Promise<boolean>): Promise<void> {
  return promptly(patience(withinMs), what, answer);
}

/** As `until`, but within that time on every machine. */
export async function promptly(withinMs: number, what: string, answer: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await answer()) return;
    } catch (error) {
      last = error;
    }
    await sleep(25);
  }
  throw new Error(`${what}: not within ${withinMs} ms`, { cause: last });
}
