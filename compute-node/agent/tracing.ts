/**
 * The node's spans: `job` for each attempt, and within it `fetch` (data, model, checkpoint), `run` (with the phases that the job
 * tells as events) and `upload`. They continue the trace that came with the assignment, or begin one where none came.
 */
import { hostname } from "node:os";
import { formatTraceparent, type Lease, parseTraceparent } from "../../protocol/index.ts";
import {
  type AttributeValue,
  isSampled,
  makeSpanId,
  makeTraceId,
  type SpanEvent,
  SpanExporter,
  type SpanKind,
  type TraceSettings,
} from "../../telemetry/index.ts";
import { type JobOutcome, leaseKey, type UploadOutcome } from "./state-model.ts";

interface TracedNode {
  readonly workerId: string;
  readonly workerType: string;
  readonly softwareVersion: string;
}

/** An upload that is on its way. */
interface UploadTrace {
  /** The header that goes with it. */
  readonly traceparent: string;
  end(outcome: UploadOutcome): void;
}

/** A span that has not ended. */
interface OpenSpan {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly attributes: Record<string, AttributeValue>;
  readonly events: SpanEvent[];
}

interface JobTrace {
  readonly traceId: string;
  /** Wall clock time now: begun from the system's clock, gone on by one that nobody sets, so that spans nest. */
  readonly now: () => number;
  readonly job: OpenSpan;
  /** `fetch`, then `run`; null when the job has ended. */
  stage: OpenSpan | null;
  phase: string;
}

/** Limits the events of one span; later ones are left out. */
const SPAN_EVENTS = 100;

export class NodeTracer {
  readonly #settings: TraceSettings;
  readonly #node: TracedNode;
  readonly #exporter: SpanExporter;
  /** Recorded jobs by lease, until they have nothing left to do here. */
  readonly #jobs = new Map<string, JobTrace>();
  #dropped = 0;

  constructor(settings: TraceSettings, node: TracedNode, onTrouble: (message: string) => void) {
    this.#settings = settings;
    this.#node = node;
    const resource = {
      "service.name": settings.serviceName ?? "ktrdr-node",
      "service.version": node.softwareVersion,
      "service.instance.id": node.workerId,
      "host.name": hostname(),
      "process.runtime.name": "nodejs",
      "process.runtime.version": process.versions.node,
      ...settings.resource,
    };
    const onDropped = (count: number): void => {
      this.#dropped += count;
    };
    this.#exporter = new SpanExporter({ settings, resource, onDropped, onTrouble });
  }

  /** Spans that the collector did not take. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `traceparent` came with the assignment. */
  jobStarted(lease: Lease, kind: string, traceparent: string | null): void {
    const parent = parseTraceparent(traceparent);
    const traceId = parent?.traceId ?? makeTraceId();
    if (!isSampled(this.#settings.sampler, parent, traceId)) return;
    const now = steadyClock();
    const startMs = now();
    const job: OpenSpan = {
      ...{ spanId: makeSpanId(), parentSpanId: parent?.spanId ?? null, name: "job", kind: "consumer", startMs },
      attributes: {
        "ktrdr.operation.id": lease.operationId,
        "ktrdr.operation.kind": kind,
        "ktrdr.attempt": lease.attempt,
        "ktrdr.worker.id": this.#node.workerId,
        "ktrdr.worker.type": this.#node.workerType,
      },
      events: [],
    };
    const stage = childOf(job, "fetch", "internal", startMs);
    this.#jobs.set(leaseKey(lease), { traceId, now, job, stage, phase: "" });
  }

  /** Everything that it reads is here; its thread begins. */
  jobPrepared(lease: Lease): void {
    const trace = this.#jobs.get(leaseKey(lease));
    if (trace === undefined || trace.stage === null) return;
    const at = trace.now();
    this.#end(trace, trace.stage, at, null);
    trace.stage = childOf(trace.job, "run", "internal", at);
  }

  jobProgressed(lease: Lease, phase: string): void {
    const trace = this.#jobs.get(leaseKey(lease));
    if (trace === undefined || trace.stage === null || trace.phase === phase) return;
    trace.phase = phase;
    if (trace.stage.events.length >= SPAN_EVENTS) return;
    trace.stage.events.push({ name: "phase", atMs: trace.now(), attributes: { "ktrdr.phase": phase } });
  }

  /** A result with bytes is uploaded before the job is over. */
  jobEnded(lease: Lease, outcome: JobOutcome): void {
    const trace = this.#jobs.get(leaseKey(lease));
    if (trace === undefined || trace.stage === null) return;
    const error = outcome.type === "failed" ? outcome.error.detail : null;
    this.#end(trace, trace.stage, trace.now(), error);
    trace.stage = null;
    if (outcome.type === "result" && outcome.result.sha256 !== null) return;
    this.#endJob(lease, trace, outcome.type, error);
  }

  /** Null where the attempt is not recorded. */
  uploadStarted(lease: Lease, what: "result" | "checkpoint", bytes: number): UploadTrace | null {
    const trace = this.#jobs.get(leaseKey(lease));
    if (trace === undefined) return null;
    const span = childOf(trace.job, "upload", "client", trace.now());
    span.attributes["ktrdr.upload.what"] = what;
    span.attributes["ktrdr.upload.bytes"] = bytes;
    return {
      traceparent: formatTraceparent({ traceId: trace.traceId, spanId: span.spanId, isSampled: true }),
      end: (outcome) => {
        span.attributes["ktrdr.outcome"] = outcome.type;
        const error = errorOf(outcome);
        this.#end(trace, span, trace.now(), error);
        if (what === "checkpoint" || outcome.type === "unreachable") return;
        this.#endJob(lease, trace, outcome.type === "stored" ? "result" : "failed", error);
      },
    };
  }

  /** The job is over for this node. The first reason counts. */
  leaseEnded(lease: Lease, outcome: string): void {
    const trace = this.#jobs.get(leaseKey(lease));
    // A job that still runs tells its own end.
    if (trace !== undefined && trace.stage === null) this.#endJob(lease, trace, outcome, null);
  }

  /** Ends open spans, and gives the collector `withinMs` to take them all. */
  async close(withinMs: number): Promise<void> {
    for (const trace of this.#jobs.values()) {
      if (trace.stage !== null) this.#end(trace, trace.stage, trace.now(), null);
      trace.job.attributes["ktrdr.outcome"] = "left";
      this.#end(trace, trace.job, trace.now(), null);
    }
    this.#jobs.clear();
    await this.#exporter.close(withinMs);
  }

  #endJob(lease: Lease, trace: JobTrace, outcome: string, error: string | null): void {
    if (!this.#jobs.delete(leaseKey(lease))) return;
    trace.job.attributes["ktrdr.outcome"] = outcome;
    this.#end(trace, trace.job, trace.now(), error);
  }

  #end({ traceId }: JobTrace, span: OpenSpan, endMs: number, error: string | null): void {
    this.#exporter.add({ traceId, ...span, endMs, error });
  }
}

function childOf(job: OpenSpan, name: string, kind: SpanKind, startMs: number): OpenSpan {
  const attributes = { ...job.attributes };
  return { spanId: makeSpanId(), parentSpanId: job.spanId, name, kind, startMs, attributes, events: [] };
}

function steadyClock(): () => number {
  const offsetMs = Date.now() - performance.now();
  return () => offsetMs + performance.now();
}

function errorOf(outcome: UploadOutcome): string | null {
  if (outcome.type === "stored") return null;
  return outcome.type === "refused" ? outcome.error.detail : outcome.cause;
}
