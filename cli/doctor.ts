/**
 * What `ktrdr doctor` looks at: the usual reasons for which a machine does not serve or does not reach its control plane.
 * Each check answers one finding and throws nothing; the judgements are apart from the measurements, so that they can be tested.
 */
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import WebSocket from "ws";
import { resolveSettings } from "../compute-node/agent/index.ts";
import { API_PREFIX, health, PROTOCOL_VERSION, Problem, type Worker, wire, workerList } from "../protocol/index.ts";
import type { Context } from "./context.ts";
import { PROJECT_FOLDER } from "./control-plane.ts";
import { type Connection, findConnection } from "./credentials.ts";
import { softwareVersion } from "./software-version.ts";

export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly detail: string;
  /** What to do, where something is to be done. */
  readonly cure?: string;
}

type Judgement = Omit<Finding, "check">;

const REQUIRED_NODE_MAJOR = 24;
const GIGABYTE = 1e9;
/** Below this, a dataset or a result may not fit any more. */
const DISK_FAILED_BYTES = 0.5 * GIGABYTE;
const DISK_WARNING_SHARE = 0.1;
/** The server's clock is read in whole seconds. */
const SKEW_WARNING_MS = 5000;
const SKEW_FAILED_MS = 60_000;
const PATIENCE_MS = 10_000;
const KERNELS = ["exact.wasm", "fast.wasm", "exact-shared.wasm", "fast-shared.wasm"];

/** Every check, in the order in which troubles build on each other. */
export async function examine(context: Context, asGpuHost: boolean): Promise<Finding[]> {
  const findings: Finding[] = [
    { check: "node version", ...judgeNodeVersion(process.versions.node) },
    { check: "kernels", ...judgeKernels(join(PROJECT_FOLDER, "compute-node", "training", "kernels", "build")) },
    { check: "disk", ...judgeDiskOf(context.home.root) },
  ];
  const settings = settingsOf(context);
  findings.push({ check: "settings", ...settings.judgement });
  findings.push({ check: "gpu", ...(await judgeGpu(asGpuHost || settings.workerType === "gpu_host")) });
  findings.push(...(await examineControlPlane(context)));
  return findings;
}

export function judgeNodeVersion(version: string): Judgement {
  const major = Number(version.split(".")[0]);
  if (major >= REQUIRED_NODE_MAJOR) return { status: "ok", detail: `Node ${version}` };
  return {
    status: "failed",
    detail: `Node ${version} is older than ${REQUIRED_NODE_MAJOR}, which runs TypeScript as it is.`,
    cure: `Install Node ${REQUIRED_NODE_MAJOR} or later: https://nodejs.org/en/download.`,
  };
}

export function judgeKernels(folder: string): Judgement {
  const missing = KERNELS.filter((name) => !existsSync(join(folder, name)));
  if (missing.length === 0) return { status: "ok", detail: "the training kernels are compiled" };
  return {
    status: "failed",
    detail: `The training kernels are not compiled: ${missing.join(", ")} not in ${folder}.`,
    cure: "Run `make install`, or `npm run build`.",
  };
}

function judgeDiskOf(home: string): Judgement {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const { bavail, blocks, bsize } = statfsSync(home);
    return judgeDisk(home, bavail * bsize, blocks * bsize);
  } catch (error) {
    return {
      status: "failed",
      detail: `${home} cannot be used: ${(error as Error).message}.`,
      cure: "Make it writable for this user, or choose another folder with --home or KTRDR_HOME.",
    };
  }
}

export function judgeDisk(home: string, freeBytes: number, bytes: number): Judgement {
  const free = `${(freeBytes / GIGABYTE).toFixed(1)} GB of ${(bytes / GIGABYTE).toFixed(1)} GB free for ${home}`;
  const cure = "Delete what is not needed (`ktrdr data list`, old backups), or use a larger disk.";
  if (freeBytes < DISK_FAILED_BYTES) return { status: "failed", detail: `Only ${free}.`, cure };
  if (freeBytes < DISK_WARNING_SHARE * bytes) return { status: "warning", detail: `Only ${free}.`, cure };
  return { status: "ok", detail: free };
}

function settingsOf(context: Context): { judgement: Judgement; workerType: string | null } {
  try {
    const { settings } = resolveSettings({ flags: { home: context.home.root }, environment: context.environment });
    const { workerId, workerType, slots } = settings;
    return {
      judgement: { status: "ok", detail: `a node here is ${workerId}, ${workerType}, slots: ${slots}` },
      workerType,
    };
  } catch (error) {
    return { judgement: judgementOf(error), workerType: null };
  }
}

async function judgeGpu(isWanted: boolean): Promise<Judgement> {
  if (!isWanted) return { status: "skipped", detail: "only a gpu_host needs one (--gpu looks anyway)" };
  try {
    const { adapterLine, findAdapter } = await import("../compute-node/training/gpu/index.ts");
    return { status: "ok", detail: adapterLine((await findAdapter()).description) };
  } catch (error) {
    return judgementOf(error);
  }
}

async function examineControlPlane(context: Context): Promise<Finding[]> {
  let connection: Connection;
  try {
    connection = findConnection(context.options, context.environment, context.home);
  } catch (error) {
    return [{ check: "control plane", ...judgementOf(error) }];
  }
  const { plane, clock, version } = await askHealth(connection.url);
  const findings: Finding[] = [{ check: "control plane", ...plane }];
  if (plane.status === "failed") return findings;
  findings.push({ check: "version", ...judgeVersions(version, softwareVersion()) });
  findings.push({ check: "clock", ...clock });
  const token = await askWorkers(connection);
  findings.push({ check: "token", ...token.judgement });
  findings.push({ check: "sockets", ...(await judgeSocket(connection)) });
  if (token.workers !== null) findings.push({ check: "fleet", ...judgeFleet(token.workers, version.software) });
  return findings;
}

interface Versions {
  readonly software: string;
  readonly protocol: number;
  readonly oldestProtocol: number;
}

async function askHealth(url: string): Promise<{ plane: Judgement; clock: Judgement; version: Versions }> {
  const version = { software: "", protocol: PROTOCOL_VERSION, oldestProtocol: PROTOCOL_VERSION };
  const clock: Judgement = { status: "skipped", detail: "the control plane does not answer" };
  const askedAt = Date.now();
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const answeredAt = Date.now();
    const found = wire(health).parse(await response.json(), "answer of /health");
    return {
      plane: { status: "ok", detail: `${url}, version ${found.version}, ${answeredAt - askedAt} ms away` },
      clock: judgeClock(response.headers.get("date"), askedAt, answeredAt),
      version: {
        software: found.version,
        protocol: found.protocolVersion,
        oldestProtocol: found.oldestProtocolVersion,
      },
    };
  } catch (error) {
    const cause = (error as Error).cause as Error | undefined;
    const reason = cause?.message || (error as Error).message;
    const cure =
      "Check --url and that the control plane runs (`ktrdr up`, `systemctl status ktrdr`). From elsewhere: can this machine reach it at all (DNS, firewall, proxy)?";
    return {
      plane: { status: "failed", detail: `${url} does not answer as a control plane: ${reason}.`, cure },
      clock,
      version,
    };
  }
}

/** `date` is the server's clock when it answered, cut to whole seconds. */
export function judgeClock(date: string | null, askedAt: number, answeredAt: number): Judgement {
  const serverAt = Date.parse(date ?? "");
  if (Number.isNaN(serverAt)) return { status: "skipped", detail: "the control plane does not tell the time" };
  const aheadMs = (askedAt + answeredAt) / 2 - (serverAt + 500);
  const uncertainMs = (answeredAt - askedAt) / 2 + 500;
  const seconds = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? "ahead of" : "behind"}`;
  if (Math.abs(aheadMs) <= SKEW_WARNING_MS + uncertainMs) {
    return { status: "ok", detail: "this machine's clock agrees with the control plane's" };
  }
  return {
    status: Math.abs(aheadMs) > SKEW_FAILED_MS ? "failed" : "warning",
    detail: `This machine's clock is ${seconds} the control plane's: deadlines, expiries and logs are off by as much.`,
    cure: "Turn on time synchronisation: `timedatectl set-ntp true`; in a container, on its host.",
  };
}

export function judgeVersions(plane: Versions, own: string): Judgement {
  if (plane.protocol < PROTOCOL_VERSION) {
    return {
      status: "failed",
      detail: `The control plane speaks protocol ${plane.protocol}; a node of this version needs ${PROTOCOL_VERSION}.`,
      cure: "Update the control plane first, then the nodes.",
    };
  }
  if (plane.oldestProtocol > PROTOCOL_VERSION) {
    return {
      status: "failed",
      detail: `This speaks protocol ${PROTOCOL_VERSION}; the control plane serves nodes from ${plane.oldestProtocol} on.`,
      cure: "Update this machine: `ktrdr node update`.",
    };
  }
  if (plane.software === own) return { status: "ok", detail: `${own}, as the control plane` };
  return {
    status: "warning",
    detail: `This is ${own}, the control plane is ${plane.software}.`,
    cure: "Update the older of the two: the control plane before its nodes.",
  };
}

async function askWorkers(connection: Connection): Promise<{ judgement: Judgement; workers: Worker[] | null }> {
  try {
    const response = await fetch(`${connection.url}${API_PREFIX}/workers`, {
      headers: { authorization: `Bearer ${connection.token}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!response.ok) return { judgement: judgeRefusal(response.status, connection.tokenSource), workers: null };
    const { workers } = wire(workerList).parse(await response.json(), "answer of /workers");
    return { judgement: { status: "ok", detail: `the token of ${connection.tokenSource} is accepted` }, workers };
  } catch (error) {
    return { judgement: judgementOf(error), workers: null };
  }
}

function judgeRefusal(status: number, tokenSource: string): Judgement {
  const said = status === 401 ? "is not known there, was revoked or has expired" : `was answered with status ${status}`;
  return {
    status: "failed",
    detail: `The token of ${tokenSource} ${said}.`,
    cure: "An admin makes another with `ktrdr token create`; pass it with --token or KTRDR_TOKEN. A node's: `ktrdr enrol`.",
  };
}

/** Opens the stream of events and closes it: what a node's connection needs, without being one. */
function judgeSocket({ url, token }: Connection): Promise<Judgement> {
  const target = `${url.replace(/^http/, "ws")}${API_PREFIX}/events`;
  return new Promise((resolve) => {
    const socket = new WebSocket(target, [], {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: PATIENCE_MS,
    });
    const end = (judgement: Judgement): void => {
      resolve(judgement);
      socket.terminate();
    };
    socket.on("open", () => end({ status: "ok", detail: "an outbound WebSocket opens" }));
    // A refused token was refused by the control plane: the way there is open.
    socket.on("unexpected-response", (_request, response) => {
      const reached = response.statusCode === 401 || response.statusCode === 403;
      end(
        reached
          ? { status: "ok", detail: "the way is open; the token is refused" }
          : judgeNoSocket(`status ${response.statusCode}`),
      );
    });
    socket.on("error", (error) => end(judgeNoSocket(error.message)));
  });
}

export function judgeNoSocket(reason: string): Judgement {
  return {
    status: "failed",
    detail: `HTTPS works, and a WebSocket to the same address does not open: ${reason}.`,
    cure: "Something in between (a proxy, a firewall, a virus scanner) refuses the upgrade: let it pass `Upgrade: websocket` for this host, such as nginx's `proxy_set_header Upgrade $http_upgrade`.",
  };
}

export function judgeFleet(workers: readonly Worker[], planeVersion: string): Judgement {
  const away = workers.filter((worker) => worker.status === "temporarily_unavailable").map((worker) => worker.workerId);
  const other = workers.filter((worker) => worker.softwareVersion !== planeVersion);
  if (workers.length === 0) {
    return {
      status: "warning",
      detail: "No node is registered: what is submitted waits.",
      cure: "Start one here with `ktrdr node start`; for another machine, `ktrdr enrol`.",
    };
  }
  const faults: string[] = [];
  const refused = workers.filter((worker) => worker.refusal !== null);
  if (refused.length > 0) {
    faults.push(`refused: ${refused.map((worker) => `${worker.workerId} (${worker.refusal})`).join(", ")}`);
  }
  if (away.length > 0) faults.push(`away: ${away.join(", ")}`);
  if (other.length > 0) {
    faults.push(
      `not ${planeVersion}: ${other.map((worker) => `${worker.workerId} (${worker.softwareVersion})`).join(", ")}`,
    );
  }
  if (faults.length === 0) return { status: "ok", detail: `${workers.length} node(s), all there, all ${planeVersion}` };
  return {
    status: "warning",
    detail: `Of ${workers.length} node(s), ${faults.join("; ")}.`,
    cure: "`ktrdr workers history <id>` says what happened to one; run `ktrdr doctor` there.",
  };
}

function judgementOf(error: unknown): Judgement {
  const problem = Problem.from(error);
  return { status: "failed", detail: problem.message, ...(problem.cure === undefined ? {} : { cure: problem.cure }) };
}
