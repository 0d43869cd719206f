import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { degreeOf } from "../../fuzzy/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { parseStrategyFile } from "../index.ts";
import { closedBars } from "./align.ts";
import { computeFeatures, computeFeaturesOfSymbols } from "./features.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const STRATEGY = parsed(`name: test
training_data:
  symbols: { mode: multi_symbol, list: [A, B] }
  timeframes: { mode: multi_timeframe, list: [5m, 1h, 4h], base_timeframe: 1h }
indicators:
  mean: { type: sma, period: 2 }
  move: { type: momentum, period: 1 }
fuzzy_sets:
  level: { indicator: mean, low: [0, 50, 100], high: { type: gaussian, parameters: [100, 20] } }
nn_inputs:
  - { fuzzy_set: level, timeframes: all }
  - { raw_indicator: move, timeframes: [4h, 1h] }
model: { type: mlp, architecture: { hidden_layers: [4] } }
decisions: {}
training: {}
`);

function parsed(text: string): NeuralStrategy {
  const strategy = parseStrategyFile(text, "test.yaml");
  if (strategy.kind !== "neural") throw new Error("it was read as rules");
  return strategy;
}

function barsOf(closes: readonly number[], stepMs: number, startMs = 0): BarColumns {
  const close = Float64Array.from(closes);
  const timeMs = close.map((_, i) => startMs + i * stepMs);
  return { rows: close.length, timeMs, open: close, high: close, low: close, close, volume: close };
}

/** The same prices at every timeframe: each close is that of the last minute within. */
function market(minutes: readonly number[]) {
  const every = (step: number) => minutes.filter((_, i) => (i + 1) % step === 0);
  return { "5m": barsOf(minutes, 5 * MINUTE), "1h": barsOf(every(12), HOUR), "4h": barsOf(every(48), 4 * HOUR) };
}

const prices = fc.array(fc.double({ min: 1, max: 150, noNaN: true }), { minLength: 48, maxLength: 600 });

describe("bars of another timeframe", () => {
  it("count from their close on", () => {
    const hours = Float64Array.from({ length: 10 }, (_, i) => i * HOUR);
    const fourHours = Float64Array.from([0, 4 * HOUR, 8 * HOUR]);
    expect([...closedBars(hours, HOUR, fourHours, 4 * HOUR)]).toEqual([-1, -1, -1, 0, 0, 0, 0, 1, 1, 1]);
  });

  it("may be shorter: the newest that ends with the base bar", () => {
    const hours = Float64Array.from([0, HOUR]);
    const five = Float64Array.from({ length: 24 }, (_, i) => i * 5 * MINUTE);
    expect([...closedBars(hours, HOUR, five, 5 * MINUTE)]).toEqual([11, 23]);
  });

  it("leave the last known one in force across a gap", () => {
    const hours = Float64Array.from([0, 4 * HOUR, 20 * HOUR]);
    expect([...closedBars(hours, HOUR, Float64Array.from([0, 4 * HOUR]), 4 * HOUR)]).toEqual([-1, 0, 1]);
  });
});

describe("features", () => {
  it("have the order of the strategy, and the values of indicator and membership at the newest closed bar", () => {
    fc.assert(
      fc.property(prices, (minutes) => {
        const bars = market(minutes);
        const { names, columns, features, rows } = computeFeatures(STRATEGY, bars);
        expect(names).toEqual([
          ...["5m", "1h", "4h"].flatMap((timeframe) => [`${timeframe}_level_low`, `${timeframe}_level_high`]),
          "4h_move_raw",
          "1h_move_raw",
        ]);
        expect(rows).toBe(bars["1h"].rows);
        for (const [k, { timeframe, fn }] of features.entries()) {
          const own = bars[timeframe as keyof typeof bars];
          const step = own.timeMs.length > 1 ? own.timeMs[1] : 4 * HOUR;
          for (let row = 0; row < rows; row++) {
            const closesMs = bars["1h"].timeMs[row] + HOUR;
            const known = own.close.filter((_, i) => own.timeMs[i] + step <= closesMs);
            const [last, before] = [known.at(-1) ?? Number.NaN, known.at(-2) ?? Number.NaN];
            const wanted = fn === null ? last - before : degreeOf(fn, (last + before) / 2);
            expect(Math.abs(columns[k][row] - Math.fround(wanted)) < 1e-5).toBe(!Number.isNaN(wanted));
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("are the same, bit for bit, whether later bars are there or not", () => {
    fc.assert(
      fc.property(prices, fc.nat(), (minutes, pick) => {
        const whole = computeFeatures(STRATEGY, market(minutes));
        const hours = (pick % whole.rows) + 1;
        const cut = computeFeatures(STRATEGY, market(minutes.slice(0, hours * 12)));
        expect(cut.columns).toEqual(whole.columns.map((column) => column.slice(0, hours)));
      }),
      { numRuns: 50 },
    );
  });

  it("say where all of them begin, and count the gaps after that", () => {
    const minutes = Array.from({ length: 12 * 24 }, (_, i) => 50 + (i % 7));
    const { firstRow, undefinedRows } = computeFeatures(STRATEGY, market(minutes));
    expect({ firstRow, undefinedRows }).toEqual({ firstRow: 7, undefinedRows: 0 });
    const torn = market(minutes);
    torn["1h"].close[15] = Number.NaN;
    expect(computeFeatures(STRATEGY, torn).undefinedRows).toBe(2);
    expect(computeFeatures(STRATEGY, market(minutes.slice(0, 24))).firstRow).toBe(2);
  });

  it("can be chosen by name, as a model lists them, and never silently", () => {
    const bars = market(Array.from({ length: 96 }, (_, i) => i));
    const names = ["1h_move_raw", "5m_level_high"];
    const chosen = computeFeatures(STRATEGY, bars, { names });
    const all = computeFeatures(STRATEGY, bars);
    expect(chosen.names).toEqual(names);
    expect(chosen.columns).toEqual(names.map((name) => all.columns[all.names.indexOf(name)]));
    expect(() => computeFeatures(STRATEGY, bars, { names: ["1h_move_rwa"] })).toThrow('no feature "1h_move_rwa"');
  });

  it("need every timeframe and symbol of the strategy", () => {
    const { "4h": _missing, ...bars } = market(Array.from({ length: 96 }, (_, i) => i));
    expect(() => computeFeatures(STRATEGY, bars)).toThrow("reads 4h bars, and none are given");
    const whole = market(Array.from({ length: 96 }, (_, i) => i));
    expect(() => computeFeaturesOfSymbols(STRATEGY, { A: whole })).toThrow("No bars of B");
    expect(Object.keys(computeFeaturesOfSymbols(STRATEGY, { A: whole, B: whole }))).toEqual(["A", "B"]);
  });

  it("read a context series from when it was known on", () => {
    const strategy = parsed(`name: test
training_data:
  symbols: { mode: single, symbol: A }
  timeframes: { mode: single, timeframe: 1h }
context_data: [{ provider: fred, series: RATE }]
indicators: { rate: { type: sma, period: 1, data_source: fred_RATE } }
fuzzy_sets: {}
nn_inputs: [{ raw_indicator: rate, timeframes: all }]
model: { type: mlp, architecture: { hidden_layers: [4] } }
decisions: {}
training: {}
`);
    const bars = { "1h": barsOf(Array<number>(6).fill(1), HOUR) };
    const context = { fred_RATE: { bars: barsOf([5, 6], HOUR), delayMs: 3 * HOUR } };
    const { columns } = computeFeatures(strategy, bars, { context });
    expect([...columns[0]]).toEqual([Number.NaN, Number.NaN, 5, 6, 6, 6]);
    expect(() => computeFeatures(strategy, bars)).toThrow('reads "fred_RATE", which is not given');
  });
});
