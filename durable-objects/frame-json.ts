import { byteLength, Problem } from "../protocol/index.ts";

/** Parses the JSON of a socket's frame. Throws a Problem for a frame that is binary, larger than `limitBytes`, or no JSON. */
export function frameJson(frame: string | ArrayBuffer, limitBytes: number): unknown {
  if (typeof frame !== "string") throw new Problem("invalid-request", "A frame must be text, not binary.");
  const bytes = byteLength(frame);
  if (bytes > limitBytes) {
    throw new Problem("too-large", `A frame of ${bytes} bytes is over the limit of ${limitBytes}.`);
  }
  try {
    return JSON.parse(frame);
  } catch {
    throw new Problem("invalid-request", "The frame is not JSON.");
  }
}
