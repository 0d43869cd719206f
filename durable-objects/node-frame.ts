/** Reads the frames of nodes. */
import { z } from "zod";
import { LIMITS, type NodeMessage, nodeMessage, wire } from "../protocol/index.ts";
import { frameJson } from "./frame-json.ts";

const messageWire = wire(nodeMessage);

/** A `hello` of any version, as far as it can be read. */
const anyHello = z.object({
  type: z.literal("hello"),
  protocol_version: z.int().min(0),
  epoch: z.int().min(1).nullable().catch(null),
});

/** Returns the version that a connection's first frame claims, where it is a `hello` of any version; null otherwise. */
export function versionOf(frame: string | ArrayBuffer): { version: number; epoch: number | null } | null {
  const [first] = jsonOf(frame);
  const hello = anyHello.safeParse(first);
  return hello.success ? { version: hello.data.protocol_version, epoch: hello.data.epoch } : null;
}

/** Returns the messages of a frame, checked. Throws a Problem that names the fault. */
export function parseFrame(frame: string | ArrayBuffer): NodeMessage[] {
  return jsonOf(frame).map((message) => messageWire.parse(message, "message"));
}

function jsonOf(frame: string | ArrayBuffer): unknown[] {
  const json = frameJson(frame, LIMITS.socketMessageBytes);
  return Array.isArray(json) ? json : [json];
}
