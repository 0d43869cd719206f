/**
 * @file The safetensors format: a header in JSON, then the tensors' bytes one after another. Nothing in a file is code.
 *
 * 8 bytes: length of the header, little-endian; the header: `{name: {dtype, shape, data_offsets: [begin, end]}}` and
 * texts under `__metadata__`; then the data, without holes. https://github.com/huggingface/safetensors
 */
import { Problem } from "../../protocol/problem.ts";

export interface Tensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

export interface TensorFile {
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const METADATA = "__metadata__";
/** As much as the reference implementation reads. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

/** The same tensors and texts give the same bytes; both keep their order. */
export function writeSafetensors({ tensors, metadata }: TensorFile): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = [...tensors].map(([name, { shape, values }]) => {
    const begin = end;
    end += values.byteLength;
    return [name, { dtype: "F32", shape, data_offsets: [begin, end] }];
  });
  const json = JSON.stringify({ [METADATA]: metadata, ...Object.fromEntries(entries) });
  const text = new TextEncoder().encode(json);
  // Spaces are part of the format: they bring the data to a multiple of 8.
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  bytes.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const { values } of tensors.values()) {
    for (const value of values) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
}

/** Reads one element of a type as a number, and says how many bytes it takes. */
const TYPES: Readonly<Record<string, { bytes: number; read: (view: DataView, at: number) => number }>> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => view.getFloat16(at, true) },
  BF16: { bytes: 2, read: (view, at) => bfloat(view.getUint16(at, true)) },
  I64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
};

/** Every number comes back as a 32-bit float. Throws a `Problem` (`invalid-request`) for a file that is not whole. */
export function readSafetensors(bytes: Uint8Array): TensorFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LENGTH_BYTES) throw damaged(`it has ${bytes.length} bytes, and the length alone takes 8`);
  const headerBytes = Number(view.getBigUint64(0, true));
  const dataStart = LENGTH_BYTES + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || dataStart > bytes.length)
    throw damaged(`its header should have ${headerBytes} bytes, and the file has ${bytes.length}`);
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart));
  const { [METADATA]: metadata = {}, ...entries } = header;
  const data = new DataView(bytes.buffer, bytes.byteOffset + dataStart, bytes.length - dataStart);
  const tensors = new Map(Object.entries(entries).map(([name, entry]) => [name, readTensor(name, entry, data)]));
  const last = Object.values(entries).reduce<number>((end, entry) => Math.max(end, endOf(entry)), 0);
  if (last !== data.byteLength) throw damaged(`its tensors end at byte ${last} of ${data.byteLength}`);
  return { tensors, metadata: metadata as Record<string, string> };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw damaged("its header is not JSON", error);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) throw damaged("its header is no mapping");
  return header as Record<string, unknown>;
}

interface Entry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

function isEntry(entry: unknown): entry is Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Entry>;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  return (
    typeof dtype === "string" &&
    Array.isArray(shape) &&
    shape.every(isCount) &&
    Array.isArray(offsets) &&
    offsets.length === 2 &&
    offsets.every(isCount)
  );
}

function endOf(entry: unknown): number {
  return isEntry(entry) ? entry.data_offsets[1] : 0;
}

function readTensor(name: string, entry: unknown, data: DataView): Tensor {
  if (!isEntry(entry)) throw damaged(`tensor "${name}" lacks its type, shape or place`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const type = TYPES[dtype];
  if (type === undefined)
    throw new Problem("invalid-request", `Tensor "${name}" has the type ${dtype}, which is not read here.`, {
      cure: `Store it as one of ${Object.keys(TYPES).join(", ")}.`,
    });
  const [begin, end] = offsets;
  const count = shape.reduce((product, size) => product * size, 1);
  if (end > data.byteLength || end - begin !== count * type.bytes)
    throw damaged(`tensor "${name}" of shape [${shape.join(", ")}] does not fit bytes ${begin} to ${end}`);
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) values[index] = type.read(data, begin + index * type.bytes);
  return { shape, values };
}

function bfloat(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits * 65_536);
  return view.getFloat32(0);
}

function damaged(why: string, cause?: unknown): Problem {
  return new Problem("invalid-request", `This is not a whole safetensors file: ${why}.`, {
    cure: "Fetch it again and check its SHA-256.",
    cause,
  });
}
