import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Problem, parseTraceparent } from "../../protocol/index.ts";
import { traceSettings } from "../../telemetry/index.ts";
import { Collector, type ReceivedSpan } from "../../test/support/collector.ts";
import { leaseFor } from "./testing/story.ts";
import { NodeTracer } from "./tracing.ts";

const A = leaseFor(1);
const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NODE = { workerId: "desk", workerType: "backtesting", softwareVersion: "1.2.3" };
const STORED = { sha256: "a".repeat(64), bytes: 10, mediaType: "text/plain", summary: {} };

let collector: Collector;

beforeEach(async () => {
  collector = await Collector.start();
});
afterEach(() => collector.stop());

function tracer(environment: Record<string, string> = {}): NodeTracer {
  const settings = traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...environment });
  if (settings === null) throw new Error("nothing would be traced");
  return new NodeTracer(settings, NODE, (message) => {
    throw new Error(message);
  });
}

/** The spans that the collector has when everything is closed, by name. */
async function spansOf(traced: NodeTracer): Promise<Map<string, ReceivedSpan>> {
  await traced.close(1000);
  return new Map(collector.spans.map((span) => [span.name, span]));
}

describe("the spans of a job", () => {
  it("are its stages, and hang on the attempt's span", async () => {
    const traced = tracer();
    traced.jobStarted(A, "backtest", PARENT);
    traced.jobPrepared(A);
    for (const phase of ["bars", "bars", "report"]) traced.jobProgressed(A, phase);
    traced.jobEnded(A, { type: "result", result: STORED });
    const upload = traced.uploadStarted(A, "result", 10);
    upload?.end({ type: "stored" });
    traced.leaseEnded(A, "discarded");
    const spans = await spansOf(traced);
    expect(collector.spans.map(({ name }) => name)).toEqual(["fetch", "run", "upload", "job"]);
    const job = spans.get("job");
    expect(job).toMatchObject({ traceId: PARENT.slice(3, 35), parentSpanId: PARENT.slice(36, 52) });
    expect(job?.attributes["ktrdr.outcome"]).toBe("result");
    for (const name of ["fetch", "run", "upload"]) expect(spans.get(name)?.parentSpanId).toBe(job?.spanId);
    expect(spans.get("run")?.events.map(({ attributes }) => attributes["ktrdr.phase"])).toEqual(["bars", "report"]);
    expect(parseTraceparent(upload?.traceparent)).toEqual({
      ...{ traceId: job?.traceId, spanId: spans.get("upload")?.spanId, isSampled: true },
    });
    expect(job?.resource).toMatchObject({
      ...{ "service.name": "ktrdr-node", "service.version": "1.2.3", "service.instance.id": "desk" },
    });
  });

  it("say what went wrong", async () => {
    const traced = tracer();
    const error = new Problem("invalid-data", "The bars are damaged.").toDetails();
    traced.jobStarted(A, "backtest", PARENT);
    traced.jobEnded(A, { type: "failed", error, retryable: false });
    const spans = await spansOf(traced);
    expect([...spans.keys()]).toEqual(["fetch", "job"]);
    for (const span of spans.values()) expect(span.status).toEqual({ code: 2, message: "The bars are damaged." });
  });

  it("have one upload for each try, of checkpoints too, and end with the one that is taken", async () => {
    const traced = tracer();
    traced.jobStarted(A, "train", PARENT);
    traced.jobPrepared(A);
    traced.uploadStarted(A, "checkpoint", 5)?.end({ type: "stored" });
    traced.jobEnded(A, { type: "result", result: STORED });
    traced.uploadStarted(A, "result", 10)?.end({ type: "unreachable", cause: "the line was cut" });
    traced.uploadStarted(A, "result", 10)?.end({ type: "stored" });
    await traced.close(1000);
    const names = collector.spans.map(({ name }) => name);
    expect(names).toEqual(["fetch", "upload", "run", "upload", "upload", "job"]);
    const uploads = collector.spans.filter(({ name }) => name === "upload");
    expect(uploads.map(({ attributes }) => attributes["ktrdr.upload.what"])).toEqual([
      "checkpoint",
      "result",
      "result",
    ]);
    expect(uploads.map(({ status }) => status?.message)).toEqual([undefined, "the line was cut", undefined]);
  });

  it("end with the lease, or with the node, if nothing else ends them", async () => {
    const traced = tracer();
    traced.jobStarted(A, "backtest", PARENT);
    traced.jobEnded(A, { type: "result", result: STORED });
    traced.leaseEnded(A, "discarded");
    traced.jobStarted(leaseFor(2), "backtest", PARENT);
    traced.leaseEnded(leaseFor(2), "discarded");
    await traced.close(1000);
    const jobs = collector.spans.filter(({ name }) => name === "job");
    expect(jobs.map(({ attributes }) => attributes["ktrdr.outcome"])).toEqual(["discarded", "left"]);
    const ids = new Set(collector.spans.map(({ spanId }) => spanId));
    expect(ids.size).toBe(collector.spans.length);
  });

  it("begin a trace of their own where the control plane traces nothing", async () => {
    const traced = tracer();
    traced.jobStarted(A, "sleep", null);
    traced.jobEnded(A, { type: "stopped" });
    const job = (await spansOf(traced)).get("job");
    expect(job?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(job).not.toHaveProperty("parentSpanId");
  });

  it("are none when the caller or the sampler decided so, or when nothing was started", async () => {
    const traced = tracer();
    traced.jobStarted(A, "sleep", PARENT.replace(/01$/, "00"));
    expect(traced.uploadStarted(A, "result", 1)).toBeNull();
    traced.jobPrepared(leaseFor(2));
    traced.jobProgressed(leaseFor(2), "bars");
    traced.jobEnded(leaseFor(2), { type: "stopped" });
    await traced.close(1000);
    const off = tracer({ OTEL_TRACES_SAMPLER: "parentbased_always_off" });
    off.jobStarted(A, "sleep", null);
    await off.close(1000);
    expect(collector.spans).toEqual([]);
    expect(traced.dropped).toBe(0);
  });
});
