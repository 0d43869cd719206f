/** Makes the ids of traces and spans: random ones, and derived ones that need no storage. */
import { formatTraceparent, parseTraceparent } from "../protocol/index.ts";

/** 16 random bytes. */
export function makeTraceId(): string {
  return randomHex(16);
}

/** 8 random bytes. */
export function makeSpanId(): string {
  return randomHex(8);
}

/**
 * Makes the id of a span that several processes have to know and none keeps, from its parent's id and its name. The two
 * halves are MurmurHash3's 32-bit variant with different seeds (A. Appleby, public domain).
 */
export function derivedSpanId(parentSpanId: string, name: string): string {
  const text = `${parentSpanId} ${name}`;
  const id = hex32(murmur32(text, 0x9747b28c)) + hex32(murmur32(text, 0x1b873593));
  return id === "0".repeat(16) ? `${"0".repeat(15)}1` : id;
}

/** Names the span of one attempt of an operation, as `assign` hands it to the node. Null where the operation has no trace. */
export function attemptTraceparent(of: string | null, operationId: string, attempt: number): string | null {
  const context = parseTraceparent(of);
  if (context === null) return null;
  return formatTraceparent({ ...context, spanId: derivedSpanId(context.spanId, `${operationId} attempt ${attempt}`) });
}

/** Returns the trace's id, or null where there is no trace or it is not recorded. */
export function sampledTraceId(of: string | null): string | null {
  const context = parseTraceparent(of);
  return context?.isSampled ? context.traceId : null;
}

/** Never all zero in practice: that is as unlikely as guessing an id. */
function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Hashes the text's UTF-16 code units, each as a block of its own. */
function murmur32(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index++) {
    const mixed = Math.imul(text.charCodeAt(index), 0xcc9e2d51);
    hash ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
