/**
 * @file A run's state as bytes, so that another process goes on from there.
 *
 * Layout: the text `ktrdrckp`, the format's version (uint32, little-endian), the payload's length (uint32), the payload's
 * SHA-256 (32 bytes), the payload: V8's structured clone of `{ kind, inputs, state }`, which keeps NaN, infinities and -0
 * and holds only data, no code. Bytes of one run may differ between versions of Node; the restored state does not.
 */
import { createHash } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import { Problem } from "../../../protocol/problem.ts";

const MAGIC = new TextEncoder().encode("ktrdrckp");
/** Raised with every change of the state that a run keeps. */
export const CHECKPOINT_VERSION = 2;
const VERSION_AT = 8;
const LENGTH_AT = 12;
const HASH_AT = 16;
const PAYLOAD_AT = 48;

/** Tells a run where to begin and when to keep its state. */
export interface RunCheckpoints {
  /** The checkpoint to go on from; null to begin. */
  readonly from: Uint8Array | null;
  /** Asked between stretches of bars, tens of thousands apart: true for a checkpoint now. */
  readonly isDue: () => boolean;
  readonly save: (checkpoint: Uint8Array) => void;
}

type CheckpointKind = "signals" | "script";

interface Payload {
  readonly kind: CheckpointKind;
  readonly inputs: string;
  readonly state: unknown;
}

/**
 * @param inputs names the inputs of the run (specification, data, engine), so that no other run takes the checkpoint
 * @throws Problem `invalid-strategy` for state that is no plain data, such as functions
 */
export function encodeCheckpoint(kind: CheckpointKind, inputs: string, state: unknown): Uint8Array {
  const payload = payloadOf({ kind, inputs, state });
  const bytes = new Uint8Array(PAYLOAD_AT + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(VERSION_AT, CHECKPOINT_VERSION, true);
  view.setUint32(LENGTH_AT, payload.length, true);
  bytes.set(sha256(payload), HASH_AT);
  bytes.set(payload, PAYLOAD_AT);
  return bytes;
}

function payloadOf(payload: Payload): Uint8Array {
  try {
    return serialize(payload);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Problem("invalid-strategy", `The strategy's state cannot be kept: ${message}`, {
      cure: "Keep plain data in state: numbers, texts, arrays, objects, maps, typed arrays.",
      cause,
    });
  }
}

/**
 * The state of a checkpoint that `encodeCheckpoint` made for the same kind and inputs.
 *
 * @throws Problem `invalid-request` for bytes that are none or damaged, `conflict` for another version or another run's
 */
export function decodeCheckpoint(bytes: Uint8Array, kind: CheckpointKind, inputs: string): unknown {
  const payload = checkedPayload(bytes);
  const found = deserialize(payload) as Payload;
  if (found.kind === kind && found.inputs === inputs) return found.state;
  const what = found.kind === kind ? "of other inputs" : `of a run of ${found.kind}, not of ${kind}`;
  throw new Problem("conflict", `The checkpoint is ${what}.`, {
    cure: "Resume with the specification, data and engine that it was made with, or start from the beginning.",
  });
}

function checkedPayload(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < PAYLOAD_AT || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw damaged(`These ${bytes.length} bytes are no checkpoint.`);
  }
  const version = view.getUint32(VERSION_AT, true);
  if (version !== CHECKPOINT_VERSION) {
    throw new Problem("conflict", `The checkpoint has version ${version}; this engine reads ${CHECKPOINT_VERSION}.`, {
      cure: "Start from the beginning, or resume with the version that made it.",
    });
  }
  const length = view.getUint32(LENGTH_AT, true);
  const payload = bytes.subarray(PAYLOAD_AT);
  if (payload.length !== length) {
    throw damaged(`The checkpoint has ${payload.length} bytes of ${length}: it was cut or added to.`);
  }
  const expected = bytes.subarray(HASH_AT, PAYLOAD_AT);
  if (!sha256(payload).every((byte, index) => byte === expected[index])) {
    throw damaged("The checkpoint's bytes do not have the checksum that it states.");
  }
  return payload;
}

function damaged(message: string): Problem {
  return new Problem("invalid-request", message, { cure: "Fetch it again, or start from the beginning." });
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
