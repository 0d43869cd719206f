/**
 * A training run as bytes. After the eight letters `ktrdrckp` come two 32-bit little-endian integers, the version of
 * this format and the length of the header; the header, JSON in UTF-8 filled with spaces to a multiple of four; the
 * floats that the header counts, little-endian; and the SHA-256 of all before it.
 */
import { createHash } from "node:crypto";
import { Problem, type ProblemDetails } from "../../protocol/problem.ts";
import type { LearntState } from "./network.ts";
import type { ScheduleState, StoppingState } from "./schedule.ts";

const MAGIC = "ktrdrckp";
const VERSION = 1;
const HASH_BYTES = 32;
const PREFIX_BYTES = 16;

export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  /** Mean over the examples, each as its batch saw it. */
  readonly trainingLoss: number;
  readonly trainingAccuracy: number;
  /** `null` without validation rows. */
  readonly validationLoss: number | null;
  readonly validationAccuracy: number | null;
  /** The one that the epoch was trained with. */
  readonly learningRate: number;
  /** Largest L2 norm of a batch's gradient, before clipping. */
  readonly largestGradient: number;
}

/** Where a run is, all but the weights. */
export interface RunPosition {
  /** Epochs that are complete. */
  readonly epochs: number;
  /** Batches of the epoch that has begun. */
  readonly batches: number;
  /** Sums over those batches: loss x examples, right answers, and the largest gradient norm. */
  readonly lossSum: number;
  readonly correct: number;
  readonly largestGradient: number;
  readonly schedule: ScheduleState;
  readonly stopping: StoppingState;
  readonly best: { readonly epoch: number; readonly loss: number } | null;
  readonly history: readonly EpochRecord[];
  readonly end: "running" | "epochs" | "early_stopping";
  /** Why it cannot go on; absent for a run that can. Its weights are then those of some batch before. */
  readonly failure?: ProblemDetails;
}

export interface Checkpoint {
  /** Names the network, the options and the data; only a run of the same identity continues it. */
  readonly identity: string;
  readonly position: RunPosition;
  readonly learnt: LearntState;
  /** Weights of the best epoch so far. */
  readonly bestParameters: Float32Array | null;
}

interface Header {
  readonly identity: string;
  readonly position: RunPosition;
  readonly steps: number;
  /** Lengths of parameters, each moment, and the best parameters if there are any. */
  readonly parameters: number;
  readonly moments: readonly number[];
  readonly bestParameters: number | null;
}

export function encodeCheckpoint({ identity, position, learnt, bestParameters }: Checkpoint): Uint8Array<ArrayBuffer> {
  const header: Header = {
    identity,
    position,
    steps: learnt.steps,
    parameters: learnt.parameters.length,
    moments: learnt.moments.map(({ length }) => length),
    bestParameters: bestParameters?.length ?? null,
  };
  const text = Buffer.from(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / 4) * 4;
  const arrays = [learnt.parameters, ...learnt.moments, ...(bestParameters === null ? [] : [bestParameters])];
  const floatCount = arrays.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(PREFIX_BYTES + headerBytes + floatCount * 4 + HASH_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from(MAGIC));
  view.setUint32(8, VERSION, true);
  view.setUint32(12, headerBytes, true);
  bytes.fill(0x20, PREFIX_BYTES, PREFIX_BYTES + headerBytes);
  bytes.set(text, PREFIX_BYTES);
  let at = PREFIX_BYTES + headerBytes;
  for (const array of arrays) {
    for (const value of array) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  bytes.set(sha256(bytes.subarray(0, at)), at);
  return bytes;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function damaged(reason: string): Problem {
  return new Problem("invalid-data", `The checkpoint cannot be used: ${reason}.`, {
    cure: "Continue from an older checkpoint, or start the training anew.",
  });
}

/** Throws a Problem for bytes that are cut short, changed, or of another version. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  if (bytes.length < PREFIX_BYTES + HASH_BYTES) throw damaged(`it has ${bytes.length} bytes, too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = Buffer.from(bytes.subarray(0, 8)).toString("latin1");
  if (magic !== MAGIC) throw damaged(`it begins with ${JSON.stringify(magic)}, not with ${MAGIC}`);
  const version = view.getUint32(8, true);
  if (version !== VERSION)
    throw damaged(`its format is version ${version}, and this software reads version ${VERSION}`);
  const end = bytes.length - HASH_BYTES;
  if (Buffer.compare(sha256(bytes.subarray(0, end)), bytes.subarray(end)) !== 0) {
    throw damaged("its checksum does not fit, so it was cut short or changed");
  }
  const headerBytes = view.getUint32(12, true);
  const text = Buffer.from(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerBytes)).toString("utf8");
  const header = JSON.parse(text) as Header;
  let at = PREFIX_BYTES + headerBytes;
  const take = (length: number) => {
    const array = new Float32Array(length);
    for (let index = 0; index < length; index++, at += 4) array[index] = view.getFloat32(at, true);
    return array;
  };
  return {
    identity: header.identity,
    position: header.position,
    learnt: { parameters: take(header.parameters), moments: header.moments.map(take), steps: header.steps },
    bestParameters: header.bestParameters === null ? null : take(header.bestParameters),
  };
}
