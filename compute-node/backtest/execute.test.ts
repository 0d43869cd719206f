import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../protocol/canonical-json.ts";
import { type BacktestSpec, backtestSpec, Problem, wire } from "../../protocol/index.ts";
import { backtestStatistics, decodeBacktestResult, readZip } from "../../results/index.ts";
import { allocateBars } from "../market-data/bars.ts";
import { specificationHash } from "../provenance/index.ts";
import { executeBacktest } from "./execute.ts";
import { randomBars } from "./testing/random-cases.ts";

const dataSha256 = "d".repeat(64);
const bars = randomBars(600, 11, 0.02);

function specOf(changes: Partial<Record<keyof BacktestSpec, unknown>> = {}): BacktestSpec {
  return backtestSpec.parse({
    kind: "backtest",
    strategy: {
      kind: "rules",
      name: "SMA cross",
      parameters: { fast: 5, slow: 12 },
      indicators: { sma_fast: { type: "sma", period: "fast" }, sma_slow: { type: "sma", period: "slow" } },
      entries: { long: "sma_fast crosses above sma_slow", short: "sma_fast crosses below sma_slow" },
      reverse: true,
    },
    data: { symbol: "TEST", timeframe: "1d" },
    settings: { commissionRate: 0.001 },
    ...changes,
  });
}

describe("a backtest", () => {
  it("gives an artefact that decodes to its result, with the hash of its bytes", () => {
    const { result, bytes, sha256, summary } = executeBacktest({ spec: specOf(), bars, dataSha256 });
    expect(decodeBacktestResult(bytes)).toEqual(result);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
    expect(result.bars).toBe(600);
    expect(result.trades.length).toBeGreaterThan(10);
    expect(result.equity).toHaveLength(600);
    expect(result.parameters).toEqual({ fast: 5, slow: 12 });
    expect(result.hashes.data).toBe(dataSha256);
    expect(summary).toMatchObject({
      return_percent: result.statistics.returnPercent,
      trade_count: result.trades.length,
      bars: 600,
      spec_sha256: result.hashes.spec,
    });
  });

  it("gives the same bytes again, also for a specification whose keys are in another order", () => {
    const spec = specOf();
    const reordered = Object.fromEntries(Object.entries(spec).reverse()) as BacktestSpec;
    const first = executeBacktest({ spec, bars, dataSha256 });
    expect(executeBacktest({ spec: reordered, bars, dataSha256 }).sha256).toBe(first.sha256);
  });

  it("is written in snake_case, with sorted keys and without NaN", () => {
    const { bytes } = executeBacktest({ spec: specOf({ settings: {} }), bars, dataSha256 });
    const text = new TextDecoder().decode(readZip(bytes).get("result.json"));
    expect(text.startsWith('{"bar_statistics":{"bars_per_year":')).toBe(true);
    expect(text).toContain('"max_drawdown_percent":');
    expect(text).not.toMatch(/NaN|[a-z][A-Z][a-z]*":/);
  });

  it("has a warning that says why for every statistic without a value", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.constantFrom(0, 0.01, 0.5), (rows, volatility) => {
        const few = randomBars(rows, rows, volatility);
        const { result } = executeBacktest({ spec: specOf({ settings: { margin: 0.1 } }), bars: few, dataSha256 });
        const told = result.warnings.filter(({ code }) => code === "undefined-statistic");
        const text = told.map(({ message }) => message).join(" ");
        for (const [name, value] of Object.entries(wire(backtestStatistics).encode(result.statistics) as object)) {
          expect(new RegExp(`[ ]${name}[,:]`).test(text), name).toBe(value === null);
        }
        expect(text).not.toContain("divides by zero");
      }),
      { numRuns: 300 },
    );
  });

  it("sees only the bars of its range", () => {
    const [startMs, endMs] = [bars.timeMs[100], bars.timeMs[299]];
    const data = { symbol: "TEST", timeframe: "1d", startMs, endMs };
    const { result } = executeBacktest({ spec: specOf({ data }), bars, dataSha256 });
    expect(result.bars).toBe(200);
    expect(result.statistics).toMatchObject({ startMs, endMs });
    expect(result.trades[0].entryTimeMs).toBe(bars.timeMs[100 + result.trades[0].entryBar]);
  });

  it("over a range without bars is a problem that names the range asked for and the range there is", () => {
    const data = { symbol: "TEST", timeframe: "1d", startMs: 0, endMs: Date.UTC(1999, 11, 31) };
    const run = () => executeBacktest({ spec: specOf({ data }), bars, dataSha256 });
    expect(run).toThrow(Problem);
    expect(run).toThrow(
      "No bar of TEST 1d lies between 1970-01-01 and 1999-12-31: its bars go from 2020-01-01 to 2021-08-22.",
    );
  });

  it("on a dataset without bars is a problem", () => {
    expect(() => executeBacktest({ spec: specOf(), bars: allocateBars(0), dataSha256 })).toThrow(/has no bars/);
  });

  it("reports each phase with a rising fraction that ends at 1", () => {
    const fractions: number[] = [];
    const phases = new Set<string>();
    executeBacktest({
      spec: specOf(),
      bars,
      dataSha256,
      onProgress: ({ phase, fraction }) => {
        phases.add(phase);
        fractions.push(fraction);
      },
    });
    expect([...phases]).toEqual(["signals", "bars", "statistics", "encoding"]);
    expect(fractions).toEqual(fractions.toSorted((left, right) => left - right));
    expect(fractions.at(-1)).toBe(1);
  });
});

describe("the specification's hash", () => {
  it("changes with strategy, parameters, range and settings, and not with the pinned data", () => {
    const data = { symbol: "TEST", timeframe: "1d" };
    const base = specificationHash(specOf());
    expect(specificationHash(specOf({ data: { ...data, sha256: dataSha256 } }))).toBe(base);
    const others = [
      specOf({ parameters: { fast: 6 } }),
      specOf({ data: { ...data, startMs: 1 } }),
      specOf({ settings: { commissionRate: 0.002 } }),
    ].map(specificationHash);
    expect(new Set([base, ...others]).size).toBe(4);
  });
});

describe("canonical JSON", () => {
  it("does not depend on the order in which keys were written", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("refuses numbers that JSON does not have", () => {
    expect(() => canonicalJson({ value: Number.NaN })).toThrow(TypeError);
  });
});

describe("decoding", () => {
  it("anything else is a problem", () => {
    expect(() => decodeBacktestResult(Uint8Array.of(1, 2, 3))).toThrow(/These 3 bytes are not a backtest result/);
    expect(() => decodeBacktestResult(new TextEncoder().encode("{}"))).toThrow(Problem);
  });
});
