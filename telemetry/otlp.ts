/**
 * Encodes spans as OTLP/HTTP's JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal,
 * 64-bit numbers as decimal texts, enumerations as numbers.
 */

export type AttributeValue = string | number | boolean;
/** Keyed by name; docs/reference/traces.md lists them. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** `SpanKind` of opentelemetry/proto/trace/v1/trace.proto. */
const SPAN_KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type SpanKind = keyof typeof SPAN_KINDS;

/** `STATUS_CODE_ERROR` there; a span without a fault has no status. */
const STATUS_ERROR = 2;

export interface SpanEvent {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: Attributes;
}

/** A piece of work that has ended. Times are Unix milliseconds, with fractions where they are known. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** Says what went wrong; null for success. */
  readonly error: string | null;
}

/** The body of `POST /v1/traces`. `resource` says who did the work. */
export function encodeSpans(resource: Attributes, spans: readonly Span[]): string {
  const scope = { name: "ktrdr" };
  return JSON.stringify({
    resourceSpans: [
      { resource: { attributes: encodeAttributes(resource) }, scopeSpans: [{ scope, spans: spans.map(encodeSpan) }] },
    ],
  });
}

/** Counts the spans that the collector's answer rejects; 0 for an answer that names none. */
export function rejectedSpans(answer: string): { count: number; reason: string } {
  try {
    const { partialSuccess } = JSON.parse(answer) as {
      partialSuccess?: { rejectedSpans?: unknown; errorMessage?: unknown };
    };
    return {
      count: Number(partialSuccess?.rejectedSpans ?? 0) || 0,
      reason: String(partialSuccess?.errorMessage ?? ""),
    };
  } catch {
    return { count: 0, reason: "" }; // An empty body, or protobuf: the status said that all were taken.
  }
}

function encodeSpan(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === null ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: SPAN_KINDS[span.kind],
    startTimeUnixNano: unixNanoseconds(span.startMs),
    endTimeUnixNano: unixNanoseconds(Math.max(span.startMs, span.endMs)),
    attributes: encodeAttributes(span.attributes),
    events: span.events.map(({ name, atMs, attributes }) => ({
      timeUnixNano: unixNanoseconds(atMs),
      name,
      attributes: encodeAttributes(attributes),
    })),
    ...(span.error === null ? {} : { status: { code: STATUS_ERROR, message: span.error } }),
  };
}

/** In whole microseconds, which a double holds exactly until the year 2255. */
function unixNanoseconds(atMs: number): string {
  const microseconds = Math.round(atMs * 1000);
  return microseconds === 0 ? "0" : `${microseconds}000`;
}

function encodeAttributes(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }));
}

function encodeValue(value: AttributeValue): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
