/**
 * Checks for `ktrdr doctor` the usual reasons why a machine does not serve or does not reach its control plane. Each check
 * answers one finding and throws nothing.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Connection, findConnection } from "../../client/credentials.ts";
import { resolveSettings } from "../../compute-node/agent/index.ts";
import { pathOf, ROUTES, type Worker, wire, workerList } from "../../protocol/index.ts";
import { PROJECT_FOLDER } from "../local/control-plane.ts";
import { softwareVersion } from "../software-version.ts";
import type { Context } from "../terminal/context.ts";
import {
  askHealth,
  type Finding,
  type JudgedSocket,
  type Judgement,
  judgeDiskAt,
  judgeGpu,
  judgementOf,
  judgeSocket,
  judgeVersions,
  PATIENCE_MS,
} from "./doctor-judgements.ts";
import { examineNode } from "./doctor-node.ts";
import { installedTypes } from "./node-service.ts";

const REQUIRED_NODE_MAJOR = 24;
const KERNELS = ["exact.wasm", "fast.wasm", "exact-shared.wasm", "fast-shared.wasm"];

interface Examination {
  /** Also look for a GPU when no node needs one. */
  readonly asGpuHost: boolean;
  /** Ask the fleet's release source for newer releases. */
  readonly withUpdates: boolean;
}

/**
 * Every check, in the order in which troubles build on each other. Where nodes are installed as services it looks at each with
 * that node's own settings and credential, so that no other token has to be on the machine.
 */
export async function examine(context: Context, { asGpuHost, withUpdates }: Examination): Promise<Finding[]> {
  const machine = { prefix: "", isImage: false, environment: context.environment };
  const installed = installedTypes(machine);
  const findings: Finding[] = [
    { check: "node version", ...judgeNodeVersion(process.versions.node) },
    { check: "kernels", ...judgeKernels(join(PROJECT_FOLDER, "compute-node", "training", "kernels", "build")) },
    { check: "disk", ...judgeDiskOf(context.home.root) },
  ];
  const settings = settingsOf(context);
  if (installed.length === 0) findings.push({ check: "settings", ...settings.judgement });
  const isGpuHost = installed.length === 0 ? settings.workerType === "gpu_host" : installed.includes("gpu_host");
  findings.push({ check: "gpu", ...(await judgeGpu(asGpuHost || isGpuHost)) });
  if (installed.length === 0 || isDesk(context)) findings.push(...(await examineControlPlane(context)));
  for (const type of installed) findings.push(...(await examineNode(machine, type, withUpdates)));
  return findings;
}

/** True when a person works from here: a control plane was named, or `ktrdr up` or a login left its credentials. */
function isDesk({ options, environment, home }: Context): boolean {
  return Boolean(options.url || environment.KTRDR_URL) || existsSync(home.credentials);
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
    return judgeDiskAt(home);
  } catch (error) {
    return {
      status: "failed",
      detail: `${home} cannot be used: ${(error as Error).message}.`,
      cure: "Make it writable for this user, or choose another folder with --home or KTRDR_HOME.",
    };
  }
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
  findings.push({ check: "sockets", ...(await judgeSocket(eventsOf(connection))) });
  if (token.workers !== null) findings.push({ check: "fleet", ...judgeFleet(token.workers, version.software) });
  return findings;
}

async function askWorkers(connection: Connection): Promise<{ judgement: Judgement; workers: Worker[] | null }> {
  try {
    const response = await fetch(`${connection.url}${pathOf(ROUTES.listWorkers)}`, {
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

/** Opens the stream of events. It needs the same network path as a node's connection. */
function eventsOf({ url, token }: Connection): JudgedSocket {
  const refused: Judgement = { status: "ok", detail: "the way is open; the token is refused" };
  return { url: `${url}${pathOf(ROUTES.followOperations)}`, bearer: token, subprotocols: [], refused };
}

function judgeRefusal(status: number, tokenSource: string): Judgement {
  const said = status === 401 ? "is not known there, was revoked or has expired" : `was answered with status ${status}`;
  return {
    status: "failed",
    detail: `The token of ${tokenSource} ${said}.`,
    cure: "An admin makes another with `ktrdr token create`; pass it with --token or KTRDR_TOKEN. A node's: `ktrdr enrol`.",
  };
}

function judgeFleet(workers: readonly Worker[], planeVersion: string): Judgement {
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
