import { byteLength } from "./byte-length.ts";
import { LIMITS } from "./limits.ts";

/** Bytes of the brackets around an array of messages. */
const BRACKETS_BYTES = 2;

/**
 * Packs `messages`, each of them JSON, into frames. A message alone stands as it is. Several share an array of at most
 * `limitBytes`. A single message above the limit gets a frame of its own.
 */
export function framesOf(messages: readonly string[], limitBytes: number = LIMITS.socketMessageBytes): string[] {
  const frames: string[] = [];
  let shared: string[] = [];
  let sharedBytes = BRACKETS_BYTES;
  const finish = (): void => {
    const [first] = shared;
    if (first !== undefined) frames.push(shared.length === 1 ? first : `[${shared.join(",")}]`);
    shared = [];
    sharedBytes = BRACKETS_BYTES;
  };
  for (const message of messages) {
    const bytes = byteLength(message) + 1;
    if (sharedBytes + bytes > limitBytes) finish();
    shared.push(message);
    sharedBytes += bytes;
  }
  finish();
  return frames;
}
