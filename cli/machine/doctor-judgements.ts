/** Measures and judges for `ktrdr doctor`, for an installed node or for the person's own machine. */
import { statfsSync } from "node:fs";
import { type OutboundSocketEnd, openOutboundSocket } from "../../client/outbound-socket.ts";
import { health, PROTOCOL_VERSION, Problem, wire } from "../../protocol/index.ts";

export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly detail: string;
  /** The remedy, when there is something to do. */
  readonly cure?: string;
}

export type Judgement = Omit<Finding, "check">;

/** Longest wait for an answer. */
export const PATIENCE_MS = 10_000;
const GIGABYTE = 1e9;
/** With less free space, a dataset or a result may not fit. */
const DISK_FAILED_BYTES = 0.5 * GIGABYTE;
const DISK_WARNING_SHARE = 0.1;
/** The server's clock is known in whole seconds only. */
const SKEW_WARNING_MS = 5000;
const SKEW_FAILED_MS = 60_000;

/** Throws Node's error for a folder that is not there or may not be looked at. */
export function judgeDiskAt(folder: string): Judgement {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return judgeDisk(folder, bavail * bsize, blocks * bsize);
}

export function judgeDisk(home: string, freeBytes: number, bytes: number): Judgement {
  const free = `${(freeBytes / GIGABYTE).toFixed(1)} GB of ${(bytes / GIGABYTE).toFixed(1)} GB free for ${home}`;
  const cure = "Delete what is not needed (`ktrdr data list`, old backups), or use a larger disk.";
  if (freeBytes < DISK_FAILED_BYTES) return { status: "failed", detail: `Only ${free}.`, cure };
  if (freeBytes < DISK_WARNING_SHARE * bytes) return { status: "warning", detail: `Only ${free}.`, cure };
  return { status: "ok", detail: free };
}

export async function judgeGpu(isWanted: boolean): Promise<Judgement> {
  if (!isWanted) return { status: "skipped", detail: "only a gpu_host needs one (--gpu looks anyway)" };
  try {
    const { adapterLine, findAdapter } = await import("../../compute-node/training/gpu/index.ts");
    return { status: "ok", detail: adapterLine((await findAdapter()).description) };
  } catch (error) {
    return judgementOf(error);
  }
}

interface Versions {
  readonly software: string;
  readonly protocol: number;
  readonly oldestProtocol: number;
}

/** Asks once; the answer serves to judge its content and the server's clock. */
export async function askHealth(url: string): Promise<{ plane: Judgement; clock: Judgement; version: Versions }> {
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

export interface JudgedSocket {
  readonly url: string;
  readonly bearer: string;
  readonly subprotocols: readonly string[];
  /** Judges a refused bearer. The connection is fine then, since the control plane itself refused it. */
  readonly refused: Judgement;
}

/** Opens a WebSocket and closes it before any message, so that a running node keeps its own. */
export function judgeSocket({ refused, ...target }: JudgedSocket): Promise<Judgement> {
  return new Promise((resolve) => {
    const socket = openOutboundSocket(target, {
      opened: () => {
        resolve({ status: "ok", detail: "an outbound WebSocket opens" });
        socket.terminate();
      },
      ended: (end) => {
        const isRefused = end.type === "answered" && (end.status === 401 || end.status === 403);
        resolve(isRefused ? refused : judgeNoSocket(reasonOf(end)));
      },
    });
  });
}

function reasonOf(end: OutboundSocketEnd): string {
  if (end.type === "answered") return `status ${end.status}`;
  return end.type === "failed" ? end.error.message : `it was closed with ${end.code}`;
}

function judgeNoSocket(reason: string): Judgement {
  return {
    status: "failed",
    detail: `HTTPS works, and a WebSocket to the same address does not open: ${reason}.`,
    cure: "Something in between (a proxy, a firewall, a virus scanner) refuses the upgrade: let it pass `Upgrade: websocket` for this host, such as nginx's `proxy_set_header Upgrade $http_upgrade`.",
  };
}

export function judgementOf(error: unknown): Judgement {
  const problem = Problem.from(error);
  return { status: "failed", detail: problem.message, ...(problem.cure === undefined ? {} : { cure: problem.cure }) };
}
