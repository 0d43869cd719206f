/**
 * Bars on disk: a header of 64 bytes, then the six columns one after another as little-endian doubles, so that a file
 * is read straight into the memory that job threads share. The content hash covers only the column bytes; it is made
 * when bars are stored, and the checksum, made at the same time, shows at each read that the disk kept them.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 8 | `KTRDBARS` |
 * | 8 | 4 | format version, 1 |
 * | 12 | 4 | number of columns, 6 |
 * | 16 | 8 | rows, unsigned |
 * | 24 | 32 | SHA-256 of the column bytes |
 * | 56 | 8 | checksum of the column bytes |
 * | 64 | 48 × rows | `timeMs`, `open`, `high`, `low`, `close`, `volume` |
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";
import { Problem } from "../../protocol/index.ts";
import { allocateBars, BAR_COLUMN_NAMES, type BarColumns, BYTES_PER_BAR } from "./bars.ts";
import { Checksum } from "./checksum.ts";

const MAGIC = "KTRDBARS";
const FORMAT_VERSION = 1;
const HEADER_BYTES = 64;
/** Read while the part before it is summed. */
const CHUNK_BYTES = 2 * 1024 * 1024;

/** The canonical bytes of each column, as views on the columns' own memory. */
function columnBytes(bars: BarColumns): Uint8Array[] {
  requireLittleEndian();
  return BAR_COLUMN_NAMES.map((name) => {
    const column = bars[name];
    return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  });
}

/** The SHA-256 that names these bars: equal for equal values, however the memory is laid out. */
export function contentHash(bars: BarColumns): string {
  const hash = createHash("sha256");
  for (const bytes of columnBytes(bars)) hash.update(bytes);
  return hash.digest("hex");
}

/** The parts of a bars file, in order; `sha256` is the bars' content hash. */
export function encodeBarsFile(bars: BarColumns, sha256: string): Uint8Array[] {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, "latin1");
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(BAR_COLUMN_NAMES.length, 12);
  header.writeBigUInt64LE(BigInt(bars.rows), 16);
  header.write(sha256, 24, "hex");
  const columns = columnBytes(bars);
  const checksum = new Checksum();
  for (const bytes of columns) checksum.add(bytes);
  header.writeBigUInt64LE(checksum.value, 56);
  return [header, ...columns];
}

/**
 * Reads a bars file into one new SharedArrayBuffer and checks that its bytes are the ones that were stored as `sha256`.
 * Throws `invalid-data` for a file that is cut short, of another format, or damaged; a missing file throws ENOENT.
 */
export async function readBarsFile(path: string, sha256: string): Promise<BarColumns> {
  requireLittleEndian();
  const file = await open(path, "r");
  try {
    const { rows, checksum } = await readHeader(file, path, sha256);
    const bars = allocateBars(rows);
    const actual = await readAndSum(file, path, new Uint8Array(bars.timeMs.buffer));
    if (actual !== checksum) throw damaged(path, "its numbers do not have the checksum with which they were stored");
    return bars;
  } finally {
    await file.close();
  }
}

interface Header {
  rows: number;
  checksum: bigint;
}

async function readHeader(file: FileHandle, path: string, sha256: string): Promise<Header> {
  const header = Buffer.alloc(HEADER_BYTES);
  const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
  if (bytesRead < HEADER_BYTES || header.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw damaged(path, "it does not start like a bars file");
  }
  const version = header.readUInt32LE(8);
  if (version !== FORMAT_VERSION) throw damaged(path, `it has format version ${version}, not ${FORMAT_VERSION}`);
  const columns = header.readUInt32LE(12);
  if (columns !== BAR_COLUMN_NAMES.length) throw damaged(path, `it has ${columns} columns, not 6`);
  const named = header.toString("hex", 24, 56);
  if (named !== sha256) throw damaged(path, `its header names the hash ${named}, its name says ${sha256}`);
  const rows = Number(header.readBigUInt64LE(16));
  const { size } = await file.stat();
  const expected = HEADER_BYTES + rows * BYTES_PER_BAR;
  if (size !== expected) throw damaged(path, `it has ${size} bytes, and ${rows} rows take ${expected}`);
  return { rows, checksum: header.readBigUInt64LE(56) };
}

/** The disk fills one part while the processor sums the part before it. */
async function readAndSum(file: FileHandle, path: string, target: Uint8Array): Promise<bigint> {
  const checksum = new Checksum();
  let ready = target.subarray(0, 0);
  for (let offset = 0; offset < target.length; offset += CHUNK_BYTES) {
    const part = target.subarray(offset, offset + CHUNK_BYTES);
    const reading = readFully(file, path, part, HEADER_BYTES + offset);
    checksum.add(ready);
    await reading;
    ready = part;
  }
  return checksum.add(ready).value;
}

async function readFully(file: FileHandle, path: string, target: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw damaged(path, `it ended at byte ${position + done} while it was read`);
    done += bytesRead;
  }
}

function damaged(path: string, why: string): Problem {
  return new Problem("invalid-data", `The stored bars in ${path} are damaged: ${why}.`, {
    cure: "Delete that file and load the data again with ktrdr data load.",
  });
}

function requireLittleEndian(): void {
  if (endianness() !== "LE") {
    throw new Problem("internal", `Bars are stored as little-endian numbers, and this machine is ${endianness()}.`, {
      cure: "Run the node on an x86-64 or ARM machine.",
    });
  }
}
