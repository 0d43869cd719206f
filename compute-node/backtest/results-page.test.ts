import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  backtestResult,
  backtestSpec,
  EXIT_REASONS,
  ORDER_KINDS,
  ORDER_REASONS,
  ORDER_STATUSES,
  wire,
} from "../../protocol/index.ts";
import { executeBacktest } from "./execute.ts";
import { readParquet } from "./parquet-table.ts";
import { readZip } from "./stored-zip.ts";
import { randomBars } from "./testing/random-cases.ts";

const page = readFileSync(new URL("../../docs/reference/results.md", import.meta.url), "utf8");
const told = new Set([...page.matchAll(/`([a-z_.]+)`/g)].map(([, name]) => name));

const spec = backtestSpec.parse({
  kind: "backtest",
  strategy: { kind: "rules", name: "up", entries: { long: "close > open" }, exits: { long: "close < open" } },
  data: { symbol: "TEST", timeframe: "1d" },
});
const { result, bytes } = executeBacktest({ spec, bars: randomBars(100, 1, 0.02), dataSha256: "0".repeat(64) });

describe("the page about results", () => {
  it("names every file of the archive and every column of its tables", () => {
    const files = readZip(bytes);
    const columns = [...files].flatMap(([name, content]) =>
      name.endsWith(".parquet") ? [...readParquet(content).keys()] : [],
    );
    expect(columns.length).toBeGreaterThan(40);
    for (const name of [...files.keys(), ...columns]) expect(told, name).toContain(name);
  });

  it("names every figure, reason, kind and status", () => {
    const document = wire(backtestResult).encode(result) as Record<string, Record<string, unknown>>;
    const sides = document.trade_sides as Record<string, Record<string, unknown>>;
    const sections = [document.statistics, document.bar_statistics, document.benchmark, document.refusals, sides.all];
    for (const name of sections.flatMap((section) => Object.keys(section))) expect(told, name).toContain(name);
    for (const name of [...EXIT_REASONS, ...ORDER_REASONS, ...ORDER_KINDS, ...ORDER_STATUSES])
      expect(told, name).toContain(name);
  });
});
