/**
 * Artefacts from the store: `GET /api/v1/artefacts/{sha256}`, datasets straight into the shared memory that jobs read. A
 * download that is cut goes on where it was; the hash of the bytes that arrived decides if they are the right ones.
 */
import { createHash, type Hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type BackoffRange, fullJitterMs, RECONNECT_BACKOFF } from "../../client/backoff.ts";
import { DATASET_BYTES_PER_BAR, LIMITS, Problem, pathOf, ROUTES } from "../../protocol/index.ts";
import { type BarColumns, barsOn } from "../market-data/index.ts";
import { causeText } from "./enrolment.ts";

/** Where to ask, and with what; asked for at each try, since a credential may change meanwhile. */
export interface Source {
  readonly url: string;
  readonly credential: string;
}

export interface DownloadOptions {
  readonly source: () => Source;
  readonly sha256: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: { bytes: number; totalBytes: number }) => void;
  readonly backoff?: BackoffRange;
  /** Tries in a row that bring nothing before it gives up. */
  readonly patience?: number;
}

const PATIENCE = 8;
/** The longest silence of a server in the middle of a download. */
const SILENCE_MS = 30_000;

/** The bytes that have arrived so far. */
interface Arrived {
  readonly target: Uint8Array;
  bytes: number;
  readonly hash: Hash;
}

/**
 * The dataset's columns. Rejects with the signal's reason when aborted; with a `Problem` otherwise: `data-not-found` when
 * the store does not have it, `unavailable` when it could not be fetched, `invalid-data` when it is not a dataset.
 */
export async function downloadDataset(options: DownloadOptions): Promise<BarColumns> {
  return columnsOn(await download(options, DATASET));
}

/**
 * The bytes of a model or a checkpoint. Rejects as `downloadDataset` does. `what` names it in problems, such as `model`.
 */
export async function downloadArtefact(options: DownloadOptions, what: string): Promise<Uint8Array> {
  return download(options, { what, cure: `Publish the ${what} again.`, allocate: (bytes) => new Uint8Array(bytes) });
}

/** Names the file to fetch, and where its bytes go. */
interface Wanted {
  readonly what: string;
  /** The cure when the store does not have it. */
  readonly cure: string;
  /** Throws a `Problem` for a size that it cannot have. */
  allocate(bytes: number, sha256: string): Uint8Array;
}

const DATASET: Wanted = {
  what: "dataset",
  cure: "Push it again with ktrdr data push, and submit the operation again.",
  allocate(bytes, sha256) {
    if (bytes < DATASET_BYTES_PER_BAR || bytes % DATASET_BYTES_PER_BAR !== 0) {
      throw new Problem("invalid-data", `Artefact ${sha256} has ${bytes} bytes, and no number of bars takes that.`);
    }
    return new Uint8Array(new SharedArrayBuffer(bytes));
  },
};

async function download(options: DownloadOptions, wanted: Wanted): Promise<Uint8Array> {
  const { sha256, signal, backoff = RECONNECT_BACKOFF, patience = PATIENCE } = options;
  let arrived: Arrived | null = null;
  for (let failures = 0; ; ) {
    const before: number = arrived?.bytes ?? 0;
    let { fault, arrived: now } = await fetchRest(options, wanted, arrived);
    if (now !== null && now.bytes === now.target.byteLength) {
      if (now.hash.digest("hex") === sha256) return now.target;
      fault = "its bytes were damaged on the way";
      now = null;
    }
    failures = (now?.bytes ?? 0) > before ? 0 : failures + 1;
    arrived = now;
    if (failures >= patience) throw unreachable(wanted, sha256, fault, patience);
    await sleep(fullJitterMs(failures, Math.random, backoff), undefined, { signal });
  }
}

/** Requests the missing bytes once. Ends with those that have arrived, and why there were not more. */
async function fetchRest(
  { source, sha256, signal, onProgress }: DownloadOptions,
  wanted: Wanted,
  before: Arrived | null,
): Promise<{ arrived: Arrived | null; fault: string }> {
  const { url, credential } = source();
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  let arrived = before;
  try {
    const response = await fetch(`${url}${pathOf(ROUTES.downloadArtefact, { sha256 })}`, {
      headers: {
        authorization: `Bearer ${credential}`,
        ...(before === null ? {} : { range: `bytes=${before.bytes}-` }),
      },
      signal: AbortSignal.any([signal, silence.signal]),
      redirect: "error",
    });
    if (response.status === 404) throw notInStore(wanted, sha256);
    if (!response.ok || response.body === null) return { arrived, fault: `status ${response.status}` };
    arrived = response.status === 206 && before !== null ? before : begin(response, wanted, sha256);
    for await (const chunk of response.body) {
      timer.refresh();
      take(arrived, chunk);
      onProgress?.({ bytes: arrived.bytes, totalBytes: arrived.target.byteLength });
    }
    return { arrived, fault: "the answer ended too early" };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Problem) throw error;
    return { arrived, fault: causeText(error) };
  } finally {
    clearTimeout(timer);
  }
}

function begin(response: Response, wanted: Wanted, sha256: string): Arrived {
  const bytes = Number(response.headers.get("content-length"));
  if (!Number.isInteger(bytes) || bytes < 1) {
    throw new Problem("invalid-data", `The store does not say how many bytes the ${wanted.what} ${sha256} has.`);
  }
  if (bytes > LIMITS.artefactBytes) {
    const message = `The ${wanted.what} ${sha256} has ${bytes} bytes; the limit is ${LIMITS.artefactBytes}.`;
    throw new Problem("too-large", message);
  }
  return { target: wanted.allocate(bytes, sha256), bytes: 0, hash: createHash("sha256") };
}

/** A server that sends more than it said is cut off at the end; the hash tells. */
function take(arrived: Arrived, chunk: Uint8Array): void {
  const wanted = chunk.subarray(0, arrived.target.byteLength - arrived.bytes);
  arrived.target.set(wanted, arrived.bytes);
  arrived.hash.update(wanted);
  arrived.bytes += wanted.byteLength;
}

function columnsOn(target: Uint8Array): BarColumns {
  return barsOn(target.buffer, target.byteLength / DATASET_BYTES_PER_BAR);
}

function notInStore({ what, cure }: Wanted, sha256: string): Problem {
  return new Problem("data-not-found", `The ${what} ${sha256} is no longer in the store.`, { cure });
}

function unreachable({ what }: Wanted, sha256: string, fault: string, patience: number): Problem {
  return new Problem("unavailable", `The ${what} ${sha256} could not be fetched in ${patience} tries: ${fault}.`, {
    cure: "Look at the network between the node and the control plane.",
  });
}
