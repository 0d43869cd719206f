import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Collector } from "../test/support/collector.ts";
import { until } from "../test/support/fleet.ts";
import type { Span } from "./otlp.ts";
import { SpanExporter } from "./span-exporter.ts";

let collector: Collector;
let exporter: SpanExporter;
let dropped: number;
let troubles: string[];

function exporterTo(url: string, timeoutMs = 1000): SpanExporter {
  return new SpanExporter({
    settings: { url, headers: { "x-team": "quants" }, timeoutMs },
    resource: { "service.name": "test" },
    ...{ delayMs: 5, retryMs: 5 },
    onDropped: (count) => {
      dropped += count;
    },
    onTrouble: (message) => troubles.push(message),
  });
}

function spanOf(index: number): Span {
  const spanId = (index + 1).toString(16).padStart(16, "0");
  return {
    ...{ traceId: "1".repeat(32), spanId, parentSpanId: null, name: `span ${index}`, kind: "internal" as const },
    ...{ startMs: 1, endMs: 2, attributes: {}, events: [], error: null },
  };
}

beforeEach(async () => {
  dropped = 0;
  troubles = [];
  collector = await Collector.start();
  exporter = exporterTo(collector.url);
});
afterEach(async () => {
  await exporter.close(1000);
  await collector.stop();
});

describe("the exporter", () => {
  it("sends spans that come together in one request, with its headers, in order", async () => {
    for (let index = 0; index < 10; index++) exporter.add(spanOf(index));
    await until(5_000, "they arrive", async () => collector.spans.length === 10);
    expect(collector.headers).toHaveLength(1);
    expect(collector.headers[0]).toMatchObject({ "x-team": "quants", "content-type": "application/json" });
    expect(collector.spans.map(({ name }) => name)).toEqual(Array.from({ length: 10 }, (_, index) => `span ${index}`));
  });

  it("cuts many spans into several requests", async () => {
    for (let index = 0; index < 1100; index++) exporter.add(spanOf(index));
    await until(5_000, "they arrive", async () => collector.spans.length === 1100);
    expect(collector.headers).toHaveLength(3);
    expect(dropped).toBe(0);
  });

  it.each([429, 502, 503, 504])("tries again after status %i, and sends each span once", async (status) => {
    collector.status = status;
    exporter.add(spanOf(0));
    await until(5_000, "it was tried", async () => collector.headers.length > 0);
    collector.status = 200;
    await until(5_000, "it arrives", async () => collector.spans.length === 1);
    expect(dropped).toBe(0);
  });

  it.each([400, 401, 404, 500])("does not try again after status %i: it counts, and says so once", async (status) => {
    collector.status = status;
    exporter.add(spanOf(0));
    await until(5_000, "it is dropped", async () => dropped === 1);
    exporter.add(spanOf(1));
    await until(5_000, "it is dropped too", async () => dropped === 2);
    expect(collector.headers).toHaveLength(2);
    expect(troubles).toEqual([expect.stringContaining(String(status))]);
  });

  it("gives up on a collector that stays away, and goes on when it is back", async () => {
    collector.status = 503;
    exporter.add(spanOf(0));
    await until(5_000, "it is dropped", async () => dropped === 1);
    expect(collector.headers).toHaveLength(4);
    collector.status = 200;
    exporter.add(spanOf(1));
    await until(5_000, "the next arrives", async () => collector.spans.length === 1);
    expect(collector.spans[0].name).toBe("span 1");
  });

  it("keeps no more than its queue takes while nobody answers", async () => {
    exporter = exporterTo("http://127.0.0.1:1");
    for (let index = 0; index < 5_000; index++) exporter.add(spanOf(index));
    expect(dropped).toBe(5_000 - 4_096);
    await exporter.close(1000);
    expect(dropped).toBe(5_000);
    expect(troubles).toHaveLength(1);
  });

  it("counts what the collector takes in part", async () => {
    collector.answer = '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"a clock is wrong"}}';
    exporter.add(spanOf(0));
    await until(5_000, "it is counted", async () => dropped === 1);
    expect(troubles[0]).toContain("a clock is wrong");
  });
});

describe("the closing exporter", () => {
  it("sends waiting spans first", async () => {
    exporter.add(spanOf(0));
    await exporter.close(1000);
    expect(collector.spans).toHaveLength(1);
    expect(dropped).toBe(0);
  });

  it("is not held up by a collector that does not answer, and drops later spans", async () => {
    const { promise: never, resolve } = Promise.withResolvers<void>();
    const { createServer } = await import("node:http");
    const silent = createServer(() => void never);
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
    exporter = exporterTo(`http://127.0.0.1:${(silent.address() as { port: number }).port}`, 60_000);
    exporter.add(spanOf(0));
    const startedAt = performance.now();
    await exporter.close(50);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    exporter.add(spanOf(1));
    expect(dropped).toBe(2);
    resolve();
    silent.closeAllConnections();
    silent.close();
  });
});
