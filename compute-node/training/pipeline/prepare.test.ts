import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { allocateBars, type BarColumns, barsBetween } from "../../market-data/bars.ts";
import { computeFeatures, parseStrategyFile } from "../../strategy/index.ts";
import { type Finding, labelBars, type PreparedTraining, prepareTraining, requirePreflight } from "./index.ts";
import { walkBars } from "./labels/testing/series.ts";

const STRATEGY = `name: test
training_data:
  symbols: { mode: multi_symbol, list: [A, B] }
  timeframes: { mode: multi_timeframe, list: [1h, 4h], base_timeframe: 1h }
indicators:
  speed: { type: roc, period: 3 }
  mean: { type: sma, period: 4 }
fuzzy_sets:
  motion: { indicator: speed, down: { type: gaussian, parameters: [-5, 4] }, up: { type: gaussian, parameters: [5, 4] } }
nn_inputs:
  - { fuzzy_set: motion, timeframes: all }
  - { raw_indicator: speed, timeframes: [1h], normalization: zscore }
  - { raw_indicator: mean, timeframes: [4h], normalization: minmax }
model: { type: mlp, architecture: { hidden_layers: [4] } }
decisions: {}
training: { labels: { source: context, horizon: 3, bullish_threshold: 0.01, bearish_threshold: -0.01 } }
`;

function strategyWith(change: (strategy: Record<string, Record<string, unknown>>) => void = () => {}): NeuralStrategy {
  const strategy = parse(STRATEGY);
  change(strategy);
  const parsed = parseStrategyFile(stringify(strategy), "test.yaml");
  if (parsed.kind !== "neural") throw new Error("it was read as rules");
  return parsed;
}

const LSTM = (strategy: Record<string, Record<string, unknown>>) => {
  strategy.model = { type: "lstm", architecture: { sequence_length: 5 } };
};

/** Four of the hourly bars make one of the others. */
function market(hourly: BarColumns) {
  const longer = allocateBars(Math.floor(hourly.rows / 4));
  for (let row = 0; row < longer.rows; row++) {
    const first = 4 * row;
    longer.timeMs[row] = hourly.timeMs[first];
    longer.open[row] = hourly.open[first];
    longer.close[row] = hourly.close[first + 3];
    longer.high[row] = Math.max(...hourly.high.subarray(first, first + 4));
    longer.low[row] = Math.min(...hourly.low.subarray(first, first + 4));
    longer.volume[row] = 1;
  }
  return { "1h": hourly, "4h": longer };
}

/** A price that swings around 100 in two rhythms: every class occurs. */
function swing(rows: number, phase: number, startHour = 0): BarColumns {
  const bars = allocateBars(rows);
  const price = (t: number) => 100 + 8 * Math.sin((t + phase) / 9) + 3 * Math.cos((t + phase) / 3.7);
  for (let row = 0; row < rows; row++) {
    bars.timeMs[row] = (startHour + row) * 3_600_000;
    bars.open[row] = price(row - 1);
    bars.close[row] = price(row);
    bars.high[row] = Math.max(bars.open[row], bars.close[row]) + 0.3;
    bars.low[row] = Math.min(bars.open[row], bars.close[row]) - 0.3;
    bars.volume[row] = 1000;
  }
  return bars;
}

const BARS = { A: market(swing(600, 0)), B: market(swing(500, 50, 100)) };
const parts = ({ set }: PreparedTraining) => [set.training, set.validation, set.test];
const codesOf = (report: { findings: readonly Finding[] }) => report.findings.map(({ code }) => code);

describe("a training set", () => {
  it("has the features of the backtest, and the labels of each symbol's own bars", () => {
    const strategy = strategyWith();
    const { set, symbols, features, timeMs, classNames } = prepareTraining({ strategy, bars: BARS });
    expect(classNames).toEqual(["bullish", "bearish", "neutral"]);
    expect(symbols.map(({ symbol }) => symbol)).toEqual(["A", "B"]);
    for (const { symbol, firstRow, firstBar, rows } of symbols) {
      const own = BARS[symbol as "A" | "B"];
      const matrix = computeFeatures(strategy, own);
      expect(features.map(({ name }) => name)).toEqual(matrix.names);
      const labels = labelBars(
        { source: "context", horizon: 3, bullishThreshold: 0.01, bearishThreshold: -0.01 },
        own["1h"],
      );
      for (let row = 0; row < rows; row += 7) {
        const bar = firstBar + row;
        expect(timeMs[firstRow + row]).toBe(own["1h"].timeMs[bar]);
        const values = features.map(({ offset, factor }, k) => Math.fround((matrix.columns[k][bar] - offset) * factor));
        const at = (firstRow + row) * set.inputs;
        expect([...set.features.subarray(at, at + set.inputs)]).toEqual(values);
        if (!Number.isNaN(labels.values[bar])) expect(set.labels.values[firstRow + row]).toBe(labels.values[bar]);
      }
    }
  });

  it("begins after the warm-up and ends where labels end", () => {
    const prepared = prepareTraining({ strategy: strategyWith(), bars: BARS });
    const { symbols, report } = prepared;
    expect(symbols.map(({ firstBar }) => firstBar)).toEqual([15, 15]);
    expect(report.dropped).toMatchObject({ warmUp: 30, unlabelled: 6, unsettled: 0, undefinedFeatures: 0 });
    const used = parts(prepared).reduce((sum, rows) => sum + rows.length, 0);
    expect(used + report.dropped.purged + report.dropped.embargoed + 36).toBe(1100);
    const ends = symbols.map(({ firstRow, rows }) => firstRow + rows);
    const lastUsed = Math.max(...prepared.set.test);
    expect(lastUsed).toBe(ends[1] - 4);
  });

  it("is scaled by its training rows alone", () => {
    const changed = { ...BARS.A["1h"], close: BARS.A["1h"].close.map((price, row) => (row < 560 ? price : price * 3)) };
    const bars = { ...BARS, A: { ...BARS.A, "1h": changed } };
    const before = prepareTraining({ strategy: strategyWith(), bars: BARS });
    const after = prepareTraining({ strategy: strategyWith(), bars });
    expect(after.features).toEqual(before.features);
    const { set, features } = before;
    const column = (k: number) => Float64Array.from(set.training, (row) => set.features[row * set.inputs + k]);
    const [zscore, minmax] = ["zscore", "minmax"].map((kind) => column(features.findIndex((f) => f.kind === kind)));
    const mean = zscore.reduce((sum, value) => sum + value, 0) / zscore.length;
    expect(mean).toBeCloseTo(0, 5);
    expect(zscore.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (zscore.length - 1)).toBeCloseTo(1, 5);
    expect([Math.min(...minmax), Math.max(...minmax)]).toEqual([0, 1]);
  });

  it("for a regression holds the returns", () => {
    const strategy = strategyWith(({ training }) => {
      training.labels = { source: "forward_return", horizon: 4 };
    });
    const { set, classNames, classWeights, symbols } = prepareTraining({ strategy, bars: BARS });
    expect([set.labels.kind, classNames, classWeights]).toEqual(["values", [], null]);
    const { close } = BARS.A["1h"];
    const bar = set.training[10] + symbols[0].firstBar;
    expect(set.labels.values[set.training[10]]).toBe(Math.fround((close[bar + 4] - close[bar]) / close[bar]));
  });

  it("repeats rows by their uniqueness where weights are asked for", () => {
    const labels = { source: "triple_barrier", max_holding_period: 12, vol_span: 10 };
    const plain = prepareTraining({
      strategy: strategyWith(({ training }) => Object.assign(training, { labels })),
      bars: BARS,
    });
    const weighted = prepareTraining({
      strategy: strategyWith(({ training }) =>
        Object.assign(training, { labels: { ...labels, compute_weights: true } }),
      ),
      bars: BARS,
    });
    expect(weighted.set.training.length).toBe(plain.set.training.length);
    expect(new Set(weighted.set.training).size).toBeLessThan(plain.set.training.length);
    expect([...weighted.set.training].every((row) => plain.set.training.includes(row))).toBe(true);
    expect(weighted.set.validation).toEqual(plain.set.validation);
  });

  it("knows which labels are known when", () => {
    const { knownLabels, symbols, set } = prepareTraining({ strategy: strategyWith(), bars: BARS });
    const { firstRow, rows } = symbols[0];
    expect([...knownLabels.subarray(firstRow + 3, firstRow + rows - 3)]).toEqual([
      ...set.labels.values.subarray(firstRow, firstRow + rows - 6),
    ]);
  });

  it("never lets a label or a window reach across a boundary, a symbol or a gap", () => {
    const source = fc.constantFrom<Record<string, unknown>>(
      { source: "zigzag", zigzag_threshold: 0.05 },
      { source: "triple_barrier", max_holding_period: 7, vol_span: 5 },
      { source: "forward_return", horizon: 6 },
      { source: "context", horizon: 2 },
    );
    const fraction = fc.constantFrom(
      { train: 0.6, validation: 0.2, test: 0.2 },
      { train: 0.8, validation: 0.2, test: 0 },
    );
    fc.assert(
      fc.property(
        walkBars(80, 160),
        walkBars(80, 160),
        source,
        fraction,
        fc.boolean(),
        (a, b, labels, data_split, isLstm) => {
          const strategy = strategyWith((raw) => {
            raw.training = { labels, data_split };
            if (isLstm) LSTM(raw);
          });
          const bars = { A: market(a), B: market(b) };
          const prepared = prepareTraining({ strategy, bars });
          const { set, symbols, timeMs, validationMs, testMs, sequenceLength } = prepared;
          const starts = [Number.NEGATIVE_INFINITY, validationMs, testMs];
          const ends = [validationMs, testMs, Number.POSITIVE_INFINITY];
          for (const [part, rows] of parts(prepared).entries()) {
            for (const row of rows) {
              const own = symbols.findLast(({ firstRow }) => firstRow <= row);
              if (own === undefined) throw new Error("a row of no symbol");
              expect(row - sequenceLength + 1).toBeGreaterThanOrEqual(own.firstRow);
              expect(timeMs[row - sequenceLength + 1]).toBeGreaterThanOrEqual(starts[part]);
              // Only bars up to the next part's first decision are seen: cutting the rest away leaves the label.
              const base = bars[own.symbol as "A" | "B"]["1h"];
              const known = base.timeMs.filter((time) => time <= ends[part]).length;
              const bar = row - own.firstRow + own.firstBar;
              const { settledAt } = labelBars(prepared.labels, base);
              expect(settledAt[bar]).toBeLessThan(known);
            }
          }
          expect(set.features.every(Number.isFinite)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("leaves out rows without a feature, and windows over them", () => {
    const broken = { ...BARS.A["1h"], close: BARS.A["1h"].close.with(300, 0).with(301, 0) };
    const strategy = strategyWith((raw) => {
      LSTM(raw);
      raw.training = { labels: { source: "zigzag", zigzag_threshold: 0.05 } };
    });
    const prepared = prepareTraining({ strategy, bars: { ...BARS, A: { ...BARS.A, "1h": broken } } });
    const finding = prepared.report.findings.find(({ code }) => code === "undefined-features");
    expect(finding?.names).toContain("1h_speed_raw");
    expect(finding?.message).toMatch(/first A at 1970-01-13T/);
    const undefinedRow = 303 - prepared.symbols[0].firstBar;
    const touching = parts(prepared).flatMap((rows) =>
      [...rows].filter((row) => row >= undefinedRow && row < undefinedRow + 5),
    );
    expect(touching).toEqual([]);
  });
});

describe("the report before a run", () => {
  const reportOf = (change: Parameters<typeof strategyWith>[0], bars = BARS) =>
    prepareTraining({ strategy: strategyWith(change), bars }).report;

  it("counts the classes of each part", () => {
    const { parts: counted, classNames } = reportOf(undefined);
    expect(classNames).toHaveLength(3);
    for (const part of ["training", "validation", "test"] as const) {
      const { rows, classCounts } = counted[part];
      expect(classCounts?.reduce((sum, count) => sum + count, 0)).toBe(rows);
    }
    expect(codesOf({ findings: reportOf(undefined).findings.filter(({ severity }) => severity === "error") })).toEqual(
      [],
    );
  });

  it("refuses a set of one class", () => {
    const report = reportOf(({ training }) => {
      training.labels = { source: "context", bullish_threshold: 9, bearish_threshold: -9 };
    });
    expect(report.findings[0]).toMatchObject({ severity: "error", code: "single-class", names: ["neutral"] });
    expect(() => requirePreflight(report)).toThrow(/Every training row is neutral/);
  });

  it("refuses a set without a signal that trades", () => {
    const rising = swing(600, 0);
    for (let row = 0; row < 600; row++) rising.close[row] = 100 * 1.01 ** row;
    const bars = { A: market(rising), B: market(barsBetween(rising, 0, 500)) };
    const report = reportOf(({ training }) => {
      training.labels = {
        source: "triple_barrier",
        max_holding_period: 5,
        vol_span: 5,
        pt_multiplier: 30,
        sl_multiplier: 1.5,
      };
    }, bars);
    expect(codesOf(report)[0]).toMatch(/missing-class|single-class/);
    expect(report.findings[0].severity).toBe("error");
  });

  it("names features that are dead, constant, twice there, or unscaled", () => {
    const report = reportOf((raw) => {
      raw.fuzzy_sets.never = { indicator: "speed", far: [500, 600, 700], near: [-1, 0, 1] };
      raw.indicators.again = { type: "roc", period: 3 };
      raw.nn_inputs = [
        { fuzzy_set: "never", timeframes: ["1h"] },
        { raw_indicator: "speed", timeframes: ["1h"] },
        { raw_indicator: "again", timeframes: ["1h"], normalization: "zscore" },
        { raw_indicator: "mean", timeframes: ["1h"] },
      ] as unknown as Record<string, unknown>;
    });
    const named = (code: string) =>
      report.findings.filter((finding) => finding.code === code).map(({ names }) => names);
    expect(named("dead-feature")).toEqual([["1h_never_far"]]);
    expect(named("duplicate-feature")).toEqual([["1h_speed_raw", "1h_again_raw"]]);
    expect(named("unscaled-feature")).toEqual([["1h_mean_raw"]]);
    expect(named("dead-zone")).toEqual([["1h_never"]]);
  });

  it("refuses features that never change", () => {
    const report = reportOf((raw) => {
      raw.fuzzy_sets.never = { indicator: "speed", far: [500, 600, 700] };
      raw.nn_inputs = [{ fuzzy_set: "never", timeframes: ["1h"] }] as unknown as Record<string, unknown>;
    });
    expect(report.findings[0]).toMatchObject({ severity: "error", code: "no-information" });
  });

  it("refuses empty parts, and says of few rows that they are few", () => {
    const few = { A: market(swing(40, 0)), B: market(swing(40, 3)) };
    expect(codesOf(reportOf(undefined, few))).toContain("few-rows");
    const report = reportOf((raw) => {
      LSTM(raw);
      raw.model = { type: "lstm", architecture: { sequence_length: 30 } };
    }, few);
    expect(report.findings[0]).toMatchObject({ severity: "error", code: "no-rows" });
    expect(() => requirePreflight(report)).toThrow(/has no rows/);
  });

  it("names a symbol that training never sees", () => {
    const report = reportOf(undefined, { A: BARS.A, B: market(swing(100, 0, 550)) });
    expect(report.findings.find(({ code }) => code === "symbol-without-rows")?.names).toEqual(["B"]);
  });

  it("names a timeframe whose bars end long before the others", () => {
    const early = { "1h": BARS.A["1h"], "4h": barsBetween(BARS.A["4h"], 0, 100) };
    const stale = reportOf(undefined, { A: early, B: BARS.B }).findings.filter(
      ({ code }) => code === "stale-timeframe",
    );
    expect(stale.map(({ names, rows }) => ({ names, rows }))).toEqual([
      { names: ["A", "4h"], rows: 600 - 400 - 7 * 24 - 1 },
    ]);
  });

  it("refuses classes where the decisions take a return", () => {
    const report = reportOf((raw) => {
      raw.decisions = { output_format: "regression", cost_model: { round_trip_cost: 0.001, min_edge_multiplier: 1 } };
    });
    expect(codesOf(report)).toContain("labels-do-not-fit");
  });

  it("refuses bars that end within the warm-up, a symbol without bars, and a strategy without symbols", () => {
    const short = { A: market(swing(14, 0)), B: market(swing(14, 3)) };
    expect(codesOf(reportOf(undefined, short))[0]).toBe("no-rows");
    expect(() => reportOf(undefined, { A: BARS.A } as typeof BARS)).toThrow(/No bars of B are given/);
    const criteria = { mode: "multi_symbol", selection_criteria: { liquidity_tier: "high" } };
    expect(() => reportOf(({ training_data: data }) => Object.assign(data, { symbols: criteria }))).toThrow(
      /names no symbols/,
    );
  });

  it("refuses labels of an unknown source with the valid ones", () => {
    expect(() => reportOf(({ training }) => Object.assign(training, { labels: { source: "sigzag" } }))).toThrow(
      /sigzag/,
    );
  });
});
