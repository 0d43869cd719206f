/** Reads and writes the header `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/), which messages carry too. */
import { z } from "zod";

/** Version 00, ids that are not all zero. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
/** A later version may have more behind the flags; ff is no version. */
const LATER_TRACEPARENT = /^(?!ff|00)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** The form in which it is kept and handed on: version 00. */
export const traceparent = z.string().regex(TRACEPARENT, "a W3C traceparent, such as 00-<32 hex>-<16 hex>-01");

/** Says which trace and which span something belongs to. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the parent span of whatever follows. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** Returns null for an absent or malformed header: by the specification, a trace is then begun anew. */
export function parseTraceparent(header: string | null | undefined): TraceContext | null {
  if (header == null) return null;
  const later = LATER_TRACEPARENT.exec(header.trim())?.[1];
  const match = TRACEPARENT.exec(later === undefined ? header.trim() : `00-${later}`);
  if (match === null) return null;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}
