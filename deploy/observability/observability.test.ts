import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { NodeMetrics } from "../../compute-node/agent/node-metrics.ts";
import { machineMetrics } from "../../control-plane/machine-metrics.ts";
import { prometheusText } from "../../src/prometheus.ts";
import { promtool, WITHOUT_PROMTOOL } from "../../test/support/promtool.ts";
import { sampleMetrics } from "../../test/support/sample-metrics.ts";

const FOLDER = import.meta.dirname;
const FILES = ["alerts.yml", "alerts.test.yml", "grafana-dashboard.json"];
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

/** The exports of a node and of the self-hosted server, with a value in every metric. */
function machineTexts(): string[] {
  const node = new NodeMetrics();
  const lease = { operationId: "op_1", attempt: 1 };
  node.jobStarted("backtest");
  node.jobProgressed(lease, { phase: "run", fraction: 0.5, rates: { bars_per_second: 2 } });
  const health = {
    ...({
      status: "healthy",
      workerId: "desk",
      workerStatus: "idle",
      currentOperation: null,
      connected: true,
    } as const),
    ...{ slots: 1, slotsUsed: 0, version: "0.1.0", workerType: "backtesting" },
  };
  return [node.text(health, FOLDER, [61], 0), machineMetrics(FOLDER)];
}

/** Series by name, with the labels that they have. */
function exportedSeries(): Map<string, Set<string>> {
  const texts = [prometheusText(sampleMetrics()), ...machineTexts()];
  const series = new Map<string, Set<string>>();
  for (const line of texts.join("\n").split("\n")) {
    const name = /^[a-z_]+(?=[{ ])/.exec(line)?.[0];
    if (name === undefined) continue;
    const labels = series.get(name) ?? new Set();
    for (const [, label] of line.matchAll(/[{,]([a-z_]+)="/g)) labels.add(label!);
    series.set(name, labels);
  }
  return series;
}

describe("the dashboard and the alerts", () => {
  const exported = exportedSeries();

  it.each(FILES)("%s names only metrics that are exported", (file) => {
    const named = new Set(read(file).match(/\bktrdr_[a-z_]+/g));
    expect(named.size).toBeGreaterThan(3);
    expect([...named].filter((name) => !exported.has(name))).toEqual([]);
  });

  it.each(FILES)("%s selects only by labels that the metrics have", (file) => {
    const wrong: string[] = [];
    for (const [, name, selector] of read(file).matchAll(/\b(ktrdr_[a-z_]+)\{([^}]*)\}/g)) {
      for (const [, label] of (selector ?? "").matchAll(/([a-z_]+)\s*[=!]/g)) {
        if (!exported.get(name!)?.has(label!)) wrong.push(`${name} has no label ${label}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("shows every counter of failures", () => {
    const dashboard = read("grafana-dashboard.json");
    const wrong = ["leases_expired", "leases_rejected", "messages_refused", "messages_stale", "operations_retried"];
    expect(wrong.filter((name) => !dashboard.includes(`ktrdr_${name}_total`))).toEqual([]);
  });

  it("lays the panels out without overlap", () => {
    const { panels } = JSON.parse(read("grafana-dashboard.json")) as { panels: Panel[] };
    for (const [index, { title, gridPos: a }] of panels.entries()) {
      expect(a.x + a.w, title).toBeLessThanOrEqual(24);
      for (const { title: other, gridPos: b } of panels.slice(index + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart, `${title} and ${other}`).toBe(true);
      }
    }
    expect(panels.filter((panel) => panel.type !== "row").every((panel) => (panel.targets?.length ?? 0) > 0)).toBe(
      true,
    );
  });

  it("gives every alert a severity, a summary and what to do", () => {
    const { groups } = parse(read("alerts.yml")) as {
      groups: { rules: { alert: string; labels: object; annotations: object }[] }[];
    };
    for (const rule of groups.flatMap((group) => group.rules)) {
      expect(rule.labels, rule.alert).toHaveProperty("severity");
      expect(Object.keys(rule.annotations), rule.alert).toEqual(["summary", "action"]);
    }
  });

  it("are the files that Grafana finds in Compose, with the Prometheus there", () => {
    const { datasources } = parse(read("grafana-datasource.yml")) as { datasources: { type: string; url: string }[] };
    const { providers } = parse(read("grafana-provider.yml")) as { providers: { options: { path: string } }[] };
    const compose = readFileSync(join(FOLDER, "..", "docker", "docker-compose.dev.yml"), "utf8");
    const { services } = parse(compose, { merge: true }) as { services: Record<string, { volumes: string[] }> };
    expect(Object.keys(services)).toContain(new URL(datasources[0]?.url ?? "").hostname);
    expect(datasources[0]?.type).toBe("prometheus");
    const mounted = services.grafana?.volumes.map((volume) => volume.split(":")[1]);
    expect(mounted).toContain(`${providers[0]?.options.path}/grafana-dashboard.json`);
    const { scrape_configs: jobs } = parse(read("prometheus-compose.yml")) as {
      scrape_configs: { metrics_path: string; authorization: { credentials_file: string } }[];
    };
    expect(jobs).toMatchObject([{ metrics_path: "/api/v1/metrics/prometheus" }]);
    const folder = jobs[0]?.authorization.credentials_file.replace(/\/[^/]+$/, "");
    expect(services.prometheus?.volumes).toContain(`scrape:${folder}:ro`);
  });

  it("scrapes the paths that are served", () => {
    const { scrape_configs: jobs } = parse(read("prometheus.yml")) as { scrape_configs: { metrics_path?: string }[] };
    expect(jobs.map((job) => job.metrics_path ?? "/metrics")).toEqual([
      "/api/v1/metrics/prometheus",
      "/metrics",
      "/metrics",
    ]);
  });
});

describe.skipIf(promtool === null)(`promtool${WITHOUT_PROMTOOL}`, () => {
  it.each([
    ["check rules alerts.yml"],
    ["test rules alerts.test.yml"],
    ["check config --syntax-only prometheus.yml"],
    ["check config --syntax-only prometheus-compose.yml"],
    ["check config --agent --syntax-only prometheus-node.yml"],
  ])("%s", (words) => {
    const { status, stdout, stderr } = spawnSync(promtool!, words.split(" "), { cwd: FOLDER, encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
  });

  it("finds no fault in the exports of a node and the server", () => {
    const input = machineTexts().join("\n");
    const { status, stderr } = spawnSync(promtool!, ["check", "metrics"], { input, encoding: "utf8" });
    expect(status, stderr).toBe(0);
  });
});

it("no file of deploy/observability is left unchecked", () => {
  const prometheus = ["prometheus.yml", "prometheus-node.yml", "prometheus-compose.yml"];
  const grafana = ["grafana-datasource.yml", "grafana-provider.yml"];
  const checked = [...FILES, ...prometheus, ...grafana, "observability.test.ts"].sort();
  expect(readdirSync(FOLDER).sort()).toEqual(checked);
});
