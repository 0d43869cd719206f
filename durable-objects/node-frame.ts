/** What a node's frame says. */
import { LIMITS, type NodeMessage, nodeMessage, Problem, wire } from "../protocol/index.ts";

const messageWire = wire(nodeMessage);

/** The messages of a frame, checked. Throws a Problem with what is wrong. */
export function parseFrame(frame: string | ArrayBuffer): NodeMessage[] {
  if (typeof frame !== "string") throw new Problem("invalid-request", "A frame must be text, not binary.");
  if (frame.length > LIMITS.socketMessageBytes) {
    throw new Problem(
      "too-large",
      `A frame of ${frame.length} bytes is over the limit of ${LIMITS.socketMessageBytes}.`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    throw new Problem("invalid-request", "The frame is not JSON.");
  }
  const messages = Array.isArray(json) ? json : [json];
  return messages.map((message) => messageWire.parse(message, "message"));
}
