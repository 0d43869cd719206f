import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { promtool, WITHOUT_PROMTOOL } from "../test/support/promtool.ts";
import { sampleMetrics } from "../test/support/sample-metrics.ts";
import { prometheusText } from "./prometheus.ts";

const text = prometheusText(sampleMetrics());
const sampleOf = (series: string): number => {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  if (line === undefined) throw new Error(`${series} is not exported`);
  return Number(line.slice(series.length + 1));
};

describe("the metrics text", () => {
  it("begins with the seed's four gauges, their help and their order", () => {
    expect(text.split("\n").slice(0, 15)).toEqual([
      "# HELP ktrdr_workers_total Total number of registered workers",
      "# TYPE ktrdr_workers_total gauge",
      "ktrdr_workers_total 2",
      "",
      "# HELP ktrdr_workers_available Workers in available state",
      "# TYPE ktrdr_workers_available gauge",
      "ktrdr_workers_available 1",
      "",
      "# HELP ktrdr_workers_busy Workers in busy state",
      "# TYPE ktrdr_workers_busy gauge",
      "ktrdr_workers_busy 0",
      "",
      "# HELP ktrdr_workers_unavailable Workers in unavailable state",
      "# TYPE ktrdr_workers_unavailable gauge",
      "ktrdr_workers_unavailable 1",
    ]);
  });

  it("counts workers of every type and status, zeros too", () => {
    expect(sampleOf('ktrdr_workers{worker_type="backtesting",status="available"}')).toBe(1);
    expect(sampleOf('ktrdr_workers{worker_type="gpu_host",status="temporarily_unavailable"}')).toBe(1);
    expect(sampleOf('ktrdr_workers{worker_type="cpu_training",status="busy"}')).toBe(0);
  });

  it("counts the workers that are turned away", () => {
    expect(sampleOf("ktrdr_workers_refused")).toBe(1);
  });

  it("counts the slots of connected workers alone", () => {
    expect(sampleOf('ktrdr_worker_slots{worker_type="backtesting"}')).toBe(4);
    expect(sampleOf('ktrdr_worker_slots{worker_type="gpu_host"}')).toBe(0);
  });

  it("gives the queue by type and kind, in seconds", () => {
    expect(sampleOf('ktrdr_queue_depth{worker_type="gpu_host",kind="train"}')).toBe(7);
    expect(sampleOf('ktrdr_queue_oldest_wait_seconds{worker_type="gpu_host",kind="train"}')).toBe(90.5);
    expect(sampleOf('ktrdr_queue_unplaceable{worker_type="gpu_host",kind="train"}')).toBe(7);
  });

  it("has cumulative buckets that end with all observations", () => {
    expect(sampleOf('ktrdr_dispatch_latency_seconds_bucket{le="0.005"}')).toBe(3);
    expect(sampleOf('ktrdr_dispatch_latency_seconds_bucket{le="0.01"}')).toBe(5);
    expect(sampleOf('ktrdr_dispatch_latency_seconds_bucket{le="+Inf"}')).toBe(6);
    expect(sampleOf("ktrdr_dispatch_latency_seconds_count")).toBe(6);
    expect(sampleOf("ktrdr_dispatch_latency_seconds_sum")).toBe(4.02);
  });

  it.skipIf(promtool === null)(`is accepted by promtool, but for the seed's own name${WITHOUT_PROMTOOL}`, () => {
    const { stderr } = spawnSync(promtool!, ["check", "metrics"], { input: text, encoding: "utf8" });
    expect(stderr.trim()).toBe('ktrdr_workers_total non-counter metrics should not have "_total" suffix');
  });
});
