import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  backtestSpec,
  EXIT_REASONS,
  ORDER_KINDS,
  ORDER_REASONS,
  ORDER_STATUSES,
  WARNINGS,
  wire,
} from "../../protocol/index.ts";
import { backtestResult, readParquet, readZip } from "../../results/index.ts";
import { warningsPage, withPrintedTables } from "../../results/reference-tables.ts";
import { executeBacktest } from "./execute.ts";
import { RESULTS_PAGE, STATISTICS_DOOR, statisticFiles, statisticsDoor, WARNINGS_PAGE } from "./results-page.ts";
import { randomBars } from "./testing/random-cases.ts";

const page = readFileSync(RESULTS_PAGE, "utf8");
const told = new Set([...page.matchAll(/`([a-z_.]+)`/g)].map(([, name]) => name));

const spec = backtestSpec.parse({
  kind: "backtest",
  strategy: { kind: "rules", name: "up", entries: { long: "close > open" }, exits: { long: "close < open" } },
  data: { symbol: "TEST", timeframe: "1d" },
});
const { result, bytes } = executeBacktest({ spec, bars: randomBars(100, 1, 0.02), dataSha256: "0".repeat(64) });

describe("the page about results", () => {
  it("has the tables that are declared (run node compute-node/backtest/results-page.ts)", () => {
    expect(page).toBe(withPrintedTables(page));
  });

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

it("the list of statistics has every file of results/statistics (run node compute-node/backtest/results-page.ts)", () => {
  const door = readFileSync(STATISTICS_DOOR, "utf8");
  const missing = statisticFiles().filter((file) => !door.includes(`"./${file}.ts"`));
  expect(missing.map((file) => `results/statistics/index.ts does not list ${file}.ts`)).toEqual([]);
  expect(door).toBe(statisticsDoor());
});

describe("the page about warnings", () => {
  it("has every code of the table (run node compute-node/backtest/results-page.ts)", () => {
    expect(readFileSync(WARNINGS_PAGE, "utf8")).toBe(warningsPage());
  });

  it("has only codes in kebab-case", () => {
    for (const code of Object.keys(WARNINGS)) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});
