/**
 * Makes the registry's spans from the events that it keeps of each operation anyway: the submission, and for each attempt its
 * time in the queue and its end. It gets effects after the commit, and reads and sends a moment later, so that no answer waits.
 *
 * An attempt may outlive this object's memory, and its node must know its span: the ids of such spans are derived
 * (`derivedSpanId`), and nothing is stored but the operation's `traceparent`.
 */
import packageJson from "../package.json" with { type: "json" };
import {
  formatTraceparent,
  type OperationEvent,
  type OperationEventType,
  Problem,
  parseTraceparent,
  type TraceContext,
} from "../protocol/index.ts";
import {
  type Attributes,
  attemptTraceparent,
  derivedSpanId,
  isSampled,
  makeSpanId,
  makeTraceId,
  type Span,
  type SpanEvent,
  SpanExporter,
  type TraceEnvironment,
  type TraceSettings,
  traceSettings,
} from "../telemetry/index.ts";
import type { Caller } from "./caller.ts";
import { type Effect, first, type Sql } from "./scheduler/index.ts";

/** A submission that is being traced. */
interface SubmitTrace {
  /** Kept with the operation. */
  readonly traceparent: string;
  readonly context: TraceContext;
  readonly parentSpanId: string | null;
}

/** Events wait this long before they are sent. A longer wait would only lose more with this object's memory. */
const DELAY_MS = 500;
const PENDING_EVENTS = 4_096;
/** Events of one attempt that its span holds; later ones are left out. */
const SPAN_EVENTS = 100;
const SUBMIT_ATTRIBUTES: Record<Caller["over"], Attributes> = {
  http: { "http.request.method": "POST", "http.response.status_code": 202 },
  socket: { "network.protocol.name": "websocket" },
};
const STOPPED_BY_NODE = "stopped by its node";

/** Events at which a stretch of an operation's life ends, and the next begins; `queued` only begins one. */
const BOUNDARIES = "'queued', 'assigned', 'requeued', 'completed', 'failed', 'cancelled'";
const ENDS: ReadonlySet<OperationEventType> = new Set(["assigned", "requeued", "completed", "failed", "cancelled"]);

interface EventRow {
  event_id: number;
  type: OperationEventType;
  at: number;
  data: string;
}

interface Traced {
  readonly context: TraceContext;
  readonly kind: string;
}

/** A stretch: from one boundary to the next. */
interface Stretch {
  readonly begin: EventRow;
  readonly end: OperationEvent & { readonly eventId: number };
}

/** Returns null where nothing is to be sent, or where the settings cannot be used: the registry serves all the same. */
export function registryTracer(
  environment: TraceEnvironment,
  sql: Sql,
  workspace: string,
  onDropped: (count: number) => void,
): RegistryTracer | null {
  try {
    const settings = traceSettings(environment);
    return settings === null ? null : new RegistryTracer(settings, sql, workspace, onDropped);
  } catch (error) {
    const { message, cure } = Problem.from(error);
    console.error(`nothing is traced: ${message} ${cure ?? ""}`);
    return null;
  }
}

export class RegistryTracer {
  readonly #settings: TraceSettings;
  readonly #sql: Sql;
  readonly #workspace: string;
  readonly #onDropped: (count: number) => void;
  readonly #exporter: SpanExporter;
  readonly #pending: Stretch["end"][] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(settings: TraceSettings, sql: Sql, workspace: string, onDropped: (count: number) => void) {
    this.#settings = settings;
    this.#sql = sql;
    this.#workspace = workspace;
    this.#onDropped = onDropped;
    const resource = {
      "service.name": settings.serviceName ?? "ktrdr-control-plane",
      "service.version": packageJson.version,
      ...settings.resource,
    };
    this.#exporter = new SpanExporter({ settings, resource, delayMs: 0, onDropped, onTrouble: console.warn });
  }

  /** The span of a submission that has just arrived; `caller` is the traceparent that came with it. */
  beginSubmit(caller: string | null): SubmitTrace {
    const parent = parseTraceparent(caller);
    const traceId = parent?.traceId ?? makeTraceId();
    const context = { traceId, spanId: makeSpanId(), isSampled: isSampled(this.#settings.sampler, parent, traceId) };
    return { traceparent: formatTraceparent(context), context, parentSpanId: parent?.spanId ?? null };
  }

  /** Ends the span of a durable submission. `operationIds` are the operations that it made; none for one that was sent before. */
  endSubmit({ context, parentSpanId }: SubmitTrace, caller: Caller, operationIds: readonly string[]): void {
    const [only, another] = operationIds;
    if (!context.isSampled || only === undefined) return;
    this.#exporter.add({
      ...{ traceId: context.traceId, spanId: context.spanId, parentSpanId },
      ...{ name: "submit", kind: "server", startMs: caller.receivedAt, endMs: Date.now() },
      attributes: {
        ...SUBMIT_ATTRIBUTES[caller.over],
        "ktrdr.workspace": this.#workspace,
        ...(another === undefined ? { "ktrdr.operation.id": only } : { "ktrdr.operations": operationIds.length }),
      },
      ...{ events: [], error: null },
    });
  }

  /** Takes the effects of a step, after its commit. */
  tell(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== "event" || effect.event.eventId === null || !ENDS.has(effect.event.type)) continue;
      if (this.#pending.length < PENDING_EVENTS) this.#pending.push({ ...effect.event, eventId: effect.event.eventId });
      else this.#onDropped(1);
    }
    if (this.#pending.length > 0) this.#timer ??= setTimeout(() => this.#project(), DELAY_MS);
  }

  /** Sends pending spans, and gives the collector `withinMs` to take them. */
  async close(withinMs: number): Promise<void> {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#project();
    await this.#exporter.close(withinMs);
  }

  #project(): void {
    this.#timer = undefined;
    for (const end of this.#pending.splice(0)) {
      const traced = this.#traced(end.operationId);
      if (traced === null) continue;
      const begin = this.#boundaryBefore(end);
      if (begin === undefined) continue;
      if (begin.type === "assigned") this.#exporter.add(this.#attemptSpan(traced, { begin, end }));
      else if (begin.type === "queued" || begin.type === "requeued")
        this.#exporter.add(queuedSpan(traced, { begin, end }));
    }
  }

  /** Returns null for an operation that is not traced, or gone. */
  #traced(operationId: string): Traced | null {
    const row = first<{ kind: string; traceparent: string | null }>(
      this.#sql,
      "SELECT kind, traceparent FROM operations WHERE operation_id = ?",
      operationId,
    );
    const context = parseTraceparent(row?.traceparent);
    return row === undefined || context === null || !context.isSampled ? null : { context, kind: row.kind };
  }

  #boundaryBefore({ operationId, eventId }: Stretch["end"]): EventRow | undefined {
    return first<EventRow>(
      this.#sql,
      `SELECT event_id, type, at, data FROM events WHERE operation_id = ? AND event_id < ?
         AND type IN (${BOUNDARIES}) ORDER BY event_id DESC LIMIT 1`,
      operationId,
      eventId,
    );
  }

  #eventsWithin({ begin, end }: Stretch): SpanEvent[] {
    const rows = this.#sql.all<EventRow>(
      "SELECT event_id, type, at, data FROM events WHERE operation_id = ? AND event_id > ? AND event_id < ? ORDER BY event_id LIMIT ?",
      end.operationId,
      begin.event_id,
      end.eventId,
      SPAN_EVENTS,
    );
    return rows.map(({ type, at }) => ({ name: type, atMs: at, attributes: {} }));
  }

  #attemptSpan({ context, kind }: Traced, stretch: Stretch): Span {
    const { begin, end } = stretch;
    const { worker_id, attempt } = JSON.parse(begin.data) as { worker_id: string; attempt: number };
    const reason = reasonOf(end);
    const events = this.#eventsWithin(stretch);
    if (end.type === "requeued")
      events.push({ name: "requeued", atMs: end.atMs, attributes: { reason: reason ?? "" } });
    const own = parseTraceparent(attemptTraceparent(formatTraceparent(context), end.operationId, attempt));
    return {
      traceId: context.traceId,
      spanId: own?.spanId ?? makeSpanId(),
      parentSpanId: context.spanId,
      ...{ name: "attempt", kind: "producer", startMs: begin.at, endMs: end.atMs },
      attributes: { ...attributesOf(end.operationId, kind, attempt, end), "ktrdr.worker.id": worker_id },
      ...{ events, error: end.type === "cancelled" || reason === STOPPED_BY_NODE ? null : reason },
    };
  }
}

/** From the submission, or the loss of the attempt before, to the next hand-out; or to an end in the queue. */
function queuedSpan({ context, kind }: Traced, { begin, end }: Stretch): Span {
  const before = (JSON.parse(begin.data) as { attempt?: number }).attempt ?? 0;
  return {
    traceId: context.traceId,
    spanId: derivedSpanId(context.spanId, `${end.operationId} queued ${begin.event_id}`),
    parentSpanId: context.spanId,
    ...{ name: "queued", kind: "internal", startMs: begin.at, endMs: end.atMs },
    attributes: attributesOf(end.operationId, kind, before + 1, end),
    ...{ events: [], error: end.type === "failed" ? reasonOf(end) : null },
  };
}

function attributesOf(operationId: string, kind: string, attempt: number, end: Stretch["end"]): Attributes {
  return {
    "ktrdr.operation.id": operationId,
    "ktrdr.operation.kind": kind,
    "ktrdr.attempt": attempt,
    "ktrdr.outcome": end.type,
  };
}

/** Says why it failed, or went back to the queue. */
function reasonOf({ data }: OperationEvent): string | null {
  const reason = data.reason ?? data.detail;
  return typeof reason === "string" ? reason : null;
}
