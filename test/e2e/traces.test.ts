/** One trace over both sides: a real control plane, real nodes, and a collector that keeps what they send. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { backtestSpec, type OperationDetail, type OperationSpec, submitRequest } from "../../protocol/index.ts";
import { Collector, type ReceivedSpan } from "../support/collector.ts";
import { Fleet, killGroup, until } from "../support/fleet.ts";

/** The control plane's clock is in whole milliseconds, a node's in microseconds. */
const CLOCK_STEP_MS = 2;

let collector: Collector;
let fleet: Fleet;
let environment: Record<string, string>;

beforeAll(async () => {
  collector = await Collector.start();
  environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: "x-team=quants" };
  fleet = await Fleet.start({ environment, registryConfig: { graceMs: 500, retryDelayMs: 100 } });
  const store = new MarketDataStore(fleet.home.data);
  const sample = await loadSample("SP500");
  await store.put(sample.bars, sample);
  for (const id of ["first", "second"]) await fleet.startNode(id, [], { environment });
  await fleet.connected(["first", "second"]);
});
afterAll(async () => {
  await fleet?.stop();
  await collector?.stop();
});

function smaCross(symbol: string, timeframe: string): OperationSpec {
  const file = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const strategy = parseRuleStrategyFile(readFileSync(file, "utf8"), file);
  return backtestSpec.parse({ kind: "backtest", strategy, data: { symbol, timeframe } });
}

async function submit(spec: OperationSpec): Promise<string> {
  return (await fleet.client.submit(submitRequest.parse({ spec }))).operationId;
}

async function completed(id: string): Promise<OperationDetail> {
  await until(30_000, "it is completed", async () => (await fleet.client.showOperation(id)).status === "completed");
  return fleet.client.showOperation(id);
}

/** Resolves when as many spans of the trace have come. */
async function spansOf(traceId: string | null, count: number): Promise<ReceivedSpan[]> {
  await until(10_000, `${count} spans of trace ${traceId}`, async () => collector.ofTrace(traceId).length >= count);
  return collector.ofTrace(traceId);
}

const startMs = (span: ReceivedSpan): number => Number(span.startTimeUnixNano) / 1e6;
const endMs = (span: ReceivedSpan): number => Number(span.endTimeUnixNano) / 1e6;

/** Every span but the first has a parent in the trace, and begins and ends within it, `submit` excepted, which asks and does not wait. */
function expectTree(spans: readonly ReceivedSpan[]): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size, "no id twice").toBe(spans.length);
  const roots = spans.filter((span) => span.parentSpanId === undefined);
  expect(roots.map(({ name }) => name)).toEqual(["submit"]);
  for (const span of spans) {
    expect(endMs(span), span.name).toBeGreaterThanOrEqual(startMs(span));
    if (span.parentSpanId === undefined) continue;
    const parent = byId.get(span.parentSpanId);
    if (parent === undefined) throw new Error(`the parent of ${span.name} is not there`);
    expect(startMs(span), `${span.name} in ${parent.name}`).toBeGreaterThanOrEqual(startMs(parent) - CLOCK_STEP_MS);
    if (parent.name === "submit") continue;
    expect(endMs(span), `${span.name} in ${parent.name}`).toBeLessThanOrEqual(endMs(parent) + CLOCK_STEP_MS);
  }
}

describe("a trace", () => {
  it("tells the whole story of a backtest, from its submission to its stored result", async () => {
    const operation = await completed(await submit(smaCross("SP500", "1d")));
    expect(operation.traceId).toMatch(/^[0-9a-f]{32}$/);
    const spans = await spansOf(operation.traceId, 7);
    expect(spans.map(({ name }) => name).sort()).toEqual([
      ...["attempt", "fetch", "job", "queued", "run", "submit", "upload"],
    ]);
    expectTree(spans);
    const find = (name: string): ReceivedSpan => spans.find((span) => span.name === name) as ReceivedSpan;
    const of = { "ktrdr.operation.id": operation.operationId, "ktrdr.operation.kind": "backtest", "ktrdr.attempt": 1 };
    for (const name of ["queued", "attempt", "job", "fetch", "run", "upload"]) {
      expect(find(name).attributes, name).toMatchObject(of);
    }
    expect(find("submit")).toMatchObject({ kind: 2, service: "ktrdr-control-plane" });
    expect(find("submit").attributes).toMatchObject({ "http.request.method": "POST", "ktrdr.workspace": "default" });
    expect(find("attempt").attributes).toMatchObject({
      ...{ "ktrdr.worker.id": operation.workerId, "ktrdr.outcome": "completed" },
    });
    expect(find("job")).toMatchObject({ kind: 5, service: "ktrdr-node", parentSpanId: find("attempt").spanId });
    expect(find("job").attributes).toMatchObject({ "ktrdr.worker.type": "backtesting", "ktrdr.outcome": "result" });
    expect(find("job").resource).toMatchObject({ "service.instance.id": operation.workerId });
    expect(find("upload").attributes).toMatchObject({ "ktrdr.upload.bytes": operation.result?.bytes });
    expect(spans.filter((span) => span.status !== undefined)).toEqual([]);
    expect(collector.headers.every((headers) => headers["x-team"] === "quants")).toBe(true);
    expect(collector.headers.every((headers) => headers.path === "/v1/traces")).toBe(true);
    const log = readFileSync(fleet.nodes.get(operation.workerId ?? "")?.logFile ?? "", "utf8");
    const line = log.split("\n").find((text) => text.includes("job starts")) ?? "";
    expect(JSON.parse(line)).toMatchObject({
      ...{ operation_id: operation.operationId, attempt: 1, trace_id: operation.traceId },
      worker_id: operation.workerId,
    });
  });

  it("is one for an operation whose first node is killed in the middle of the job", async () => {
    const id = await submit({ kind: "sleep", durationMs: 1500, busy: false });
    await until(10_000, "it runs", async () => {
      const { events } = await fleet.client.operationEvents(id);
      return events.some(({ type }) => type === "accepted");
    });
    const { workerId: lost } = await fleet.client.showOperation(id);
    killGroup(fleet.nodes.get(lost ?? "")?.pid ?? 0, "SIGKILL");
    const operation = await completed(id);
    expect(operation.attempt).toBe(2);
    // The killed node's unsent spans died with it: its job has no span of its own.
    const spans = await spansOf(operation.traceId, 8);
    expect(spans.map(({ name }) => name).sort()).toEqual([
      ...["attempt", "attempt", "fetch", "job", "queued", "queued", "run", "submit"],
    ]);
    expectTree(spans);
    const attempts = spans.filter(({ name }) => name === "attempt");
    const [first, second] = [1, 2].map((n) => attempts.find((span) => span.attributes["ktrdr.attempt"] === n));
    expect(first?.attributes).toMatchObject({ "ktrdr.worker.id": lost, "ktrdr.outcome": "requeued" });
    expect(first?.status).toMatchObject({ code: 2, message: expect.stringContaining("did not come back") });
    expect(first?.events.map(({ name }) => name)).toEqual(["accepted", "requeued"]);
    expect(second?.attributes).toMatchObject({ "ktrdr.worker.id": operation.workerId, "ktrdr.outcome": "completed" });
    expect(second?.status).toBeUndefined();
    const job = spans.find(({ name }) => name === "job");
    expect(job?.parentSpanId).toBe(second?.spanId);
    await fleet.startNode(lost ?? "", [], { environment });
    await fleet.connected([lost ?? ""]);
  });

  it("goes on from a caller that traces, and is not recorded for one that decided against it", async () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const from = (flags: string) => fleet.clientOf(`00-${traceId}-00f067aa0ba902b7-${flags}`);
    const request = submitRequest.parse({ spec: { kind: "sleep", durationMs: 1 } });
    const left = await completed((await from("00").submit(request)).operationId);
    expect(left.traceId).toBeNull();
    const traced = await completed((await from("01").submit(request)).operationId);
    expect(traced.traceId).toBe(traceId);
    const spans = await spansOf(traceId, 6);
    expect(spans.find(({ name }) => name === "submit")?.parentSpanId).toBe("00f067aa0ba902b7");
    expect(new Set(spans.map((span) => span.attributes["ktrdr.operation.id"]))).toEqual(new Set([traced.operationId]));
    expect(spans.map(({ name }) => name).sort()).toEqual(["attempt", "fetch", "job", "queued", "run", "submit"]);
  });
});

describe("a collector that is dead", () => {
  it("hurts nothing: operations are done, and dropped spans are counted", async () => {
    const silent = createServer(() => {}); // Takes connections, and never says a word.
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const port = (silent.address() as { port: number }).port;
    const nowhere = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: "300",
    };
    const other = await Fleet.start({ environment: nowhere });
    try {
      const node = await other.startNode("alone", [], { environment: nowhere });
      await other.connected(["alone"]);
      const request = submitRequest.parse({ spec: { kind: "sleep", durationMs: 1 } });
      for (let count = 0; count < 5; count++) {
        const { operationId } = await other.client.submit(request);
        await until(
          5_000,
          "it is done",
          async () => (await other.client.showOperation(operationId)).status === "completed",
        );
      }
      await until(30_000, "drops are counted", async () => {
        const response = await fetch(`${other.url}/api/v1/metrics/prometheus`, {
          headers: { authorization: `Bearer ${other.token}` },
        });
        return /^ktrdr_spans_dropped_total [1-9]/m.test(await response.text());
      });
      const stoppedAt = performance.now();
      await node.stop(10_000);
      expect(performance.now() - stoppedAt, "it does not wait for a collector").toBeLessThan(5_000);
      expect(readFileSync(node.logFile, "utf8")).toContain("spans of traces are dropped");
    } finally {
      await other.stop();
      silent.close();
    }
  });
});
