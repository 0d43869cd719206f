import { SELF } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ADMIN_TOKEN, api, enrol } from "./support.ts";

describe("the metrics endpoints", () => {
  it("gives the fleet in the seed's form", async () => {
    await enrol("seen-1");
    const { status, body } = await api("GET", "/metrics/workers");
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(["total_workers", "by_status", "by_type", "workers"]);
    expect(body).toMatchObject({ total_workers: 1, by_type: { backtesting: 1 } });
    expect(body.workers).toEqual([
      {
        id: "seen-1",
        type: "backtesting",
        status: "temporarily_unavailable",
        current_operation: null,
        health_failures: 0,
      },
    ]);
  });

  it("gives Prometheus text that ends with a line break, with the queue and the dispatch latency", async () => {
    await api("POST", "/operations", { spec: { kind: "sleep", duration_ms: 1 } });
    const response = await SELF.fetch("http://plane/api/v1/metrics/prometheus", {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const text = await response.text();
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text.endsWith("\n")).toBe(true);
    const lines = text.split("\n");
    expect(lines).toContain('ktrdr_queue_depth{worker_type="backtesting",kind="sleep"} 1');
    expect(lines).toContain('ktrdr_queue_unplaceable{worker_type="backtesting",kind="sleep"} 1');
    expect(lines).toContain("ktrdr_dispatch_latency_seconds_count 0");
    expect(lines).toContain("ktrdr_operations_submitted_total 1");
    expect(lines).toContain("ktrdr_artefact_bytes 0");
  });

  it("refuses those who are not known", async () => {
    const { status } = await api("GET", "/metrics/prometheus", undefined, `ktrdr.default.${"none".repeat(11)}`);
    expect(status).toBe(401);
  });
});
