/**
 * The plain part of the tar format (POSIX ustar): regular files with relative paths, so that `tar -tzf` opens a backup too.
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
 */
import { Problem } from "../protocol/problem.ts";

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** What eleven octal digits hold. */
const LARGEST_FILE_BYTES = 8 ** 11 - 1;

export interface TarHeader {
  readonly path: string;
  readonly bytes: number;
}

/** The end of an archive: two empty blocks. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

const FOR_ITS_OWNER = 0o600;

/** Throws a `Problem` for a path or a size that the format does not hold. */
export function tarHeader({ path, bytes }: TarHeader, modifiedAtMs: number, mode: number = FOR_ITS_OWNER): Uint8Array {
  const [prefix, name] = splitPath(path);
  if (bytes > LARGEST_FILE_BYTES) throw unfit(`${path} has ${bytes} bytes, more than ${LARGEST_FILE_BYTES}`);
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0);
  block.write(`${octal(mode, 7)}\0`, 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  block.write(`${octal(bytes, 11)}\0`, 124);
  block.write(`${octal(Math.floor(modifiedAtMs / 1000), 11)}\0`, 136);
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  block.write(prefix, 345);
  block.write(`${octal(checksum(block), 6)}\0 `, 148);
  return block;
}

/** Zeros up to the next whole block. */
export function tarPadding(bytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** One file at a time; its `content` is to be read to its end before the next is asked for. */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarHeader & { content: AsyncGenerator<Uint8Array> }> {
  const reader = new ByteReader(source);
  for (;;) {
    const block = await reader.exactly(BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) return;
    const header = parseHeader(block);
    yield { ...header, content: reader.stream(header.bytes) };
    await reader.exactly(tarPadding(header.bytes).byteLength);
  }
}

function parseHeader(block: Buffer): TarHeader {
  const sum = Number.parseInt(textAt(block, 148, 8), 8);
  const blank = Buffer.from(block);
  blank.write("        ", 148);
  if (checksum(blank) !== sum) throw damaged("a header's checksum is wrong");
  const type = textAt(block, 156, 1);
  if (type !== "0" && type !== "") throw damaged(`an entry is not a regular file (type ${type})`);
  const prefix = textAt(block, 345, PREFIX_BYTES);
  const name = textAt(block, 0, NAME_BYTES);
  const bytes = Number.parseInt(textAt(block, 124, 12), 8);
  if (!Number.isSafeInteger(bytes)) throw damaged("a header's size is not a number");
  return { path: prefix === "" ? name : `${prefix}/${name}`, bytes };
}

/** `name` holds 100 bytes; what is before one of the path's slashes goes into `prefix`. */
function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= NAME_BYTES) return ["", path];
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(prefix) <= PREFIX_BYTES && Buffer.byteLength(name) <= NAME_BYTES) return [prefix, name];
  }
  throw unfit(`the path ${path} is too long`);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

function textAt(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? length : end).trim();
}

class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async exactly(bytes: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.stream(bytes)) parts.push(part);
    return Buffer.concat(parts);
  }

  async *stream(bytes: number): AsyncGenerator<Uint8Array> {
    let left = bytes;
    while (left > 0) {
      if (this.#rest.byteLength === 0) {
        const next = await this.#source.next();
        if (next.done === true) throw damaged("it ends in the middle");
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.byteLength);
      left -= part.byteLength;
      yield part;
    }
  }
}

function damaged(reason: string): Problem {
  return new Problem("invalid-request", `The file is not a whole backup: ${reason}.`, {
    cure: "Copy it again from where it was made, or take another backup.",
  });
}

function unfit(reason: string): Problem {
  return new Problem("too-large", `A backup cannot hold a file: ${reason}.`, {
    cure: "Stop the control plane and copy its state folder as it is.",
  });
}
