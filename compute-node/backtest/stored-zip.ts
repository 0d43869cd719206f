/** A ZIP archive without compression and without a clock: one file that every tool opens, the same bytes every time. */
import { crc32 } from "node:zlib";
import { Problem } from "../../protocol/problem.ts";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
/** 1980-01-01, the format's first day. */
const DOS_DATE = 0x0021;
const VERSION = 20;
/** Names are UTF-8. */
const FLAGS = 0x0800;
/** Beyond it the format needs its 64-bit extension; artefacts are far smaller. */
const MAX_BYTES = 0xffff_ffff;

/** In the order of the record. Throws a `RangeError` beyond 4 GiB. */
export function writeZip(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const entries = Object.entries(files).map(([name, content]) => ({
    name: Buffer.from(name),
    content,
    crc: crc32(content),
  }));
  const nameBytes = entries.reduce((sum, { name }) => sum + name.length, 0);
  const contentBytes = entries.reduce((sum, { content }) => sum + content.length, 0);
  const bytes = contentBytes + 2 * nameBytes + entries.length * (LOCAL_BYTES + CENTRAL_BYTES) + END_BYTES;
  if (bytes > MAX_BYTES) throw new RangeError(`a ZIP archive of ${bytes} bytes is beyond 4 GiB`);
  const zip = Buffer.alloc(bytes);
  let at = 0;
  const offsets = entries.map((entry) => {
    const offset = at;
    zip.writeUInt32LE(LOCAL_HEADER, at);
    writeCommon(zip, at + 4, entry.name.length, entry.content.length, entry.crc);
    at += LOCAL_BYTES;
    zip.set(entry.name, at);
    zip.set(entry.content, at + entry.name.length);
    at += entry.name.length + entry.content.length;
    return offset;
  });
  const directory = at;
  for (const [index, { name, content, crc }] of entries.entries()) {
    zip.writeUInt32LE(CENTRAL_HEADER, at);
    zip.writeUInt16LE(VERSION, at + 4);
    writeCommon(zip, at + 6, name.length, content.length, crc);
    zip.writeUInt32LE(offsets[index], at + 42);
    zip.set(name, at + CENTRAL_BYTES);
    at += CENTRAL_BYTES + name.length;
  }
  zip.writeUInt32LE(END_RECORD, at);
  zip.writeUInt16LE(entries.length, at + 8);
  zip.writeUInt16LE(entries.length, at + 10);
  zip.writeUInt32LE(at - directory, at + 12);
  zip.writeUInt32LE(directory, at + 16);
  return new Uint8Array(zip.buffer, zip.byteOffset, zip.byteLength);
}

/** What a local and a central header share, from the version that it takes to read the entry. */
function writeCommon(zip: Buffer, at: number, nameBytes: number, contentBytes: number, crc: number): void {
  zip.writeUInt16LE(VERSION, at);
  zip.writeUInt16LE(FLAGS, at + 2);
  zip.writeUInt16LE(DOS_DATE, at + 8);
  zip.writeUInt32LE(crc, at + 10);
  zip.writeUInt32LE(contentBytes, at + 14);
  zip.writeUInt32LE(contentBytes, at + 18);
  zip.writeUInt16LE(nameBytes, at + 22);
}

export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= END_BYTES && viewOf(bytes).getUint32(0, true) === LOCAL_HEADER;
}

/** The files of an archive that `writeZip` made, as views. Throws a `Problem` (`invalid-request`) for anything else. */
export function readZip(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = viewOf(bytes);
  const files = new Map<string, Uint8Array>();
  let at = 0;
  while (at + LOCAL_BYTES <= bytes.length && view.getUint32(at, true) === LOCAL_HEADER) {
    const isStored = view.getUint16(at + 8, true) === 0;
    const crc = view.getUint32(at + 14, true);
    const size = view.getUint32(at + 18, true);
    const nameEnd = at + LOCAL_BYTES + view.getUint16(at + 26, true);
    const end = nameEnd + view.getUint16(at + 28, true) + size;
    // Not a Buffer, whose `slice` would be a view and not a copy.
    const content = new Uint8Array(bytes.buffer, bytes.byteOffset).subarray(end - size, Math.min(end, bytes.length));
    if (!isStored || content.length !== size || crc32(content) !== crc) throw damaged(bytes, at);
    files.set(new TextDecoder().decode(bytes.subarray(at + LOCAL_BYTES, nameEnd)), content);
    at = end;
  }
  if (at + 4 > bytes.length || view.getUint32(at, true) !== CENTRAL_HEADER) throw damaged(bytes, at);
  return files;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(bytes: Uint8Array, at: number): Problem {
  return new Problem("invalid-request", `These ${bytes.length} bytes are a damaged archive, from byte ${at} on.`, {
    cure: "Fetch the artefact again and check its SHA-256.",
  });
}
