/**
 * Tar archives (POSIX ustar, with pax headers for long paths and large files) as streams of bytes, so that `tar -tzf` opens a
 * backup too: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html. modern-tar writes and reads the format.
 */
import { ReadableStream } from "node:stream/web";
import { createTarDecoder, createTarPacker } from "modern-tar";
import { Problem } from "../protocol/problem.ts";

export interface TarFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

const FOR_ITS_OWNER = 0o600;

/** The archive of regular files, one after the other. Its stream fails when a file's `content` has not `bytes` bytes. */
export function packTar(files: AsyncIterable<TarFile>, modifiedAtMs: number): AsyncIterable<Uint8Array> {
  const { readable, controller } = createTarPacker();
  const mtime = new Date(modifiedAtMs);
  const write = async (): Promise<void> => {
    for await (const { path, bytes, content } of files) {
      const header = { name: path, size: bytes, mtime, mode: FOR_ITS_OWNER, type: "file" } as const;
      await ReadableStream.from(content).pipeTo(controller.add(header));
    }
    controller.finalize();
  };
  // The stream's reader gets the error.
  write().catch((error: unknown) => controller.error(error));
  return readable;
}

/**
 * Reads one file at a time. Its `content` can be read until the next file is asked for; the rest of it is skipped.
 *
 * @throws Problem for an archive that is damaged, ends early, or holds anything but regular files; a `Problem` of `source`
 * passes through
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const files = ReadableStream.from(source).pipeThrough(createTarDecoder({ strict: true }));
  for await (const { header, body } of judged(files)) {
    if (header.type !== "file") throw damaged(`an entry is not a regular file (${header.type})`);
    yield { path: header.name, bytes: header.size, content: judged(body) };
    if (!body.locked) await body.cancel();
  }
}

async function* judged<Part>(parts: AsyncIterable<Part>): AsyncGenerator<Part> {
  try {
    yield* parts;
  } catch (error) {
    throw error instanceof Problem ? error : damaged(error instanceof Error ? error.message : String(error));
  }
}

function damaged(reason: string): Problem {
  return new Problem("invalid-request", `The file is not a whole backup: ${reason.replace(/\.$/, "")}.`, {
    cure: "Copy it again from where it was made, or take another backup.",
  });
}
