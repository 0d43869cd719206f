/** A ZIP archive without compression and without a clock: one file that every tool opens, the same bytes every time. */
import { Problem } from "../../protocol/index.ts";
import { crc32 } from "./crc32.ts";

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

/** CRC-32 of some bytes, from 0 to 2^32 − 1. */
export type Checksum = (bytes: Uint8Array) => number;

/** Writes files in the order of the record. Throws a `RangeError` beyond 4 GiB. */
export function writeZip(files: Readonly<Record<string, Uint8Array>>, checksum: Checksum = crc32): Uint8Array {
  const encoder = new TextEncoder();
  const entries = Object.entries(files).map(([name, content]) => ({
    name: encoder.encode(name),
    content,
    crc: checksum(content),
  }));
  const nameBytes = entries.reduce((sum, { name }) => sum + name.length, 0);
  const contentBytes = entries.reduce((sum, { content }) => sum + content.length, 0);
  const bytes = contentBytes + 2 * nameBytes + entries.length * (LOCAL_BYTES + CENTRAL_BYTES) + END_BYTES;
  if (bytes > MAX_BYTES) throw new RangeError(`a ZIP archive of ${bytes} bytes is beyond 4 GiB`);
  const zip = new Uint8Array(bytes);
  const view = viewOf(zip);
  let at = 0;
  const offsets = entries.map((entry) => {
    const offset = at;
    view.setUint32(at, LOCAL_HEADER, true);
    writeCommon(view, at + 4, entry.name.length, entry.content.length, entry.crc);
    at += LOCAL_BYTES;
    zip.set(entry.name, at);
    zip.set(entry.content, at + entry.name.length);
    at += entry.name.length + entry.content.length;
    return offset;
  });
  const directory = at;
  for (const [index, { name, content, crc }] of entries.entries()) {
    view.setUint32(at, CENTRAL_HEADER, true);
    view.setUint16(at + 4, VERSION, true);
    writeCommon(view, at + 6, name.length, content.length, crc);
    view.setUint32(at + 42, offsets[index], true);
    zip.set(name, at + CENTRAL_BYTES);
    at += CENTRAL_BYTES + name.length;
  }
  view.setUint32(at, END_RECORD, true);
  view.setUint16(at + 8, entries.length, true);
  view.setUint16(at + 10, entries.length, true);
  view.setUint32(at + 12, at - directory, true);
  view.setUint32(at + 16, directory, true);
  return zip;
}

/** Writes the fields that a local and a central header share, from the version that it takes to read the entry. */
function writeCommon(view: DataView, at: number, nameBytes: number, contentBytes: number, crc: number): void {
  view.setUint16(at, VERSION, true);
  view.setUint16(at + 2, FLAGS, true);
  view.setUint16(at + 8, DOS_DATE, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, contentBytes, true);
  view.setUint32(at + 18, contentBytes, true);
  view.setUint16(at + 22, nameBytes, true);
}

export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= END_BYTES && viewOf(bytes).getUint32(0, true) === LOCAL_HEADER;
}

/** Reads the files of an archive that `writeZip` made, as views. Throws a `Problem` (`invalid-request`) for anything else. */
export function readZip(bytes: Uint8Array, checksum: Checksum = crc32): Map<string, Uint8Array> {
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
    if (!isStored || content.length !== size || checksum(content) !== crc) throw damaged(bytes, at);
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
