/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace and which span something belongs to, as the header
 * `traceparent` says it, and span ids that need no storage.
 */
import { z } from "zod";

/** Version 00, ids that are not all zero. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
/** A later version may say more behind the flags, and not ff. */
const LATER_TRACEPARENT = /^(?!ff|00)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** As it is kept and handed on: version 00. */
export const traceparent = z.string().regex(TRACEPARENT, "a W3C traceparent, such as 00-<32 hex>-<16 hex>-01");

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: of the span that what comes next belongs to. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** Null for what is absent or malformed: by the specification, a trace is then begun anew. */
export function parseTraceparent(header: string | null | undefined): TraceContext | null {
  if (header == null) return null;
  const later = LATER_TRACEPARENT.exec(header.trim())?.[1];
  const match = TRACEPARENT.exec(later === undefined ? header.trim() : `00-${later}`);
  if (match === null) return null;
  return { traceId: match[1], spanId: match[2], isSampled: (Number.parseInt(match[3], 16) & SAMPLED) === SAMPLED };
}

/** Null also for a trace that is not recorded. */
export function sampledTraceId(of: string | null): string | null {
  const context = parseTraceparent(of);
  return context?.isSampled ? context.traceId : null;
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/** 16 random bytes. */
export function makeTraceId(): string {
  return randomHex(16);
}

/** 8 random bytes. */
export function makeSpanId(): string {
  return randomHex(8);
}

/**
 * The id of a span that more than one process has to know and none keeps: made of its parent's and of what it is. The two
 * halves are MurmurHash3's 32-bit variant with different seeds (A. Appleby, public domain).
 */
export function derivedSpanId(parentSpanId: string, name: string): string {
  const text = `${parentSpanId} ${name}`;
  const id = hex32(murmur32(text, 0x9747b28c)) + hex32(murmur32(text, 0x1b873593));
  return id === "0".repeat(16) ? `${"0".repeat(15)}1` : id;
}

/** The span of one attempt of an operation: what `assign` hands to the node. Null where the operation has no trace. */
export function attemptTraceparent(of: string | null, operationId: string, attempt: number): string | null {
  const context = parseTraceparent(of);
  if (context === null) return null;
  return formatTraceparent({ ...context, spanId: derivedSpanId(context.spanId, `${operationId} attempt ${attempt}`) });
}

/** Not all zero: the chance of that is that of guessing the id. */
function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Of the text's UTF-16 code units, each as a block of its own. */
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
