import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../../../protocol/problem.ts";
import type { NeuralStrategy } from "../../../../protocol/strategy-neural.ts";
import { toSnakeCase } from "../../../../protocol/wire.ts";
import { type BarColumns, barsBetween } from "../../../market-data/bars.ts";
import type { Labels } from "./bar-labels.ts";
import { cusumEvents, cusumThreshold } from "./cusum.ts";
import { FirstCrossing } from "./first-crossing.ts";
import { LABEL_SOURCES, type LabelConfig, labelConfig, labelConfigOf } from "./label-config.ts";
import { labelBars } from "./labels.ts";
import { labelRegime, regimeThresholds } from "./regime.ts";
import { sineBars, walkBars } from "./testing/series.ts";
import { zigzagExtremes } from "./zigzag.ts";

const config = <Source extends LabelConfig["source"]>(source: Source, fields: object = {}) =>
  labelConfig.parse({ source, ...fields }) as Extract<LabelConfig, { source: Source }>;

function counts({ values, classNames }: Labels): number[] {
  const found = classNames.map(() => 0);
  for (const value of values) if (!Number.isNaN(value)) found[value]++;
  return found;
}

function meanHolding({ values, settledAt }: Labels): number {
  const holdings = [...values].flatMap((value, row) => (Number.isNaN(value) ? [] : [settledAt[row] - row]));
  return holdings.reduce((sum, holding) => sum + holding, 0) / holdings.length;
}

/** Printed by the classes of ktrdr (Python) 2c5c717 with pandas 3.0 for `sineBars()`. */
describe("labels of the Python system's synthetic series", () => {
  const bars = sineBars();

  it.each([0.02, 0.05])("zigzag with threshold %f", (zigzagThreshold) => {
    expect([...zigzagExtremes(bars.close, zigzagThreshold).at]).toEqual([
      0, 11, 33, 55, 77, 99, 121, 143, 165, 187, 199,
    ]);
    expect(counts(labelBars(config("zigzag", { zigzagThreshold }), bars))).toEqual([94, 11, 95]);
  });

  it("triple barrier with standard values", () => {
    const labels = labelBars(config("triple_barrier", { computeWeights: true }), bars);
    expect(counts(labels)).toEqual([69, 0, 81]);
    expect(meanHolding(labels)).toBeCloseTo(4.78, 10);
    expect([...labels.values.subarray(0, 30)]).toEqual([...Array(6).fill(0), ...Array(23).fill(2), 0]);
    expect(labels.weights?.[0]).toBeCloseTo(2.916218, 5);
    expect(labels.weights?.[60]).toBeCloseTo(0.539058, 5);
  });

  it("triple barrier with a span of 14", () => {
    const labels = labelBars(config("triple_barrier", { maxHoldingPeriod: 12, volSpan: 14 }), bars);
    expect(counts(labels)).toEqual([86, 13, 89]);
    expect(meanHolding(labels)).toBeCloseTo(5.015957, 6);
    expect([labels.values[6], labels.values[28]]).toEqual([1, 1]);
  });

  it("triple barrier with the deviation of closes", () => {
    const fields = { maxHoldingPeriod: 5, volSpan: 14, volMethod: "close" };
    const labels = labelBars(config("triple_barrier", fields), bars);
    expect(counts(labels)).toEqual([90, 0, 105]);
    // 283 bars in all by the Python system; the first two, which hold 1 bar each, wait here for bar 14's deviation.
    expect(meanHolding(labels)).toBeCloseTo((1.451282 * 195 + (14 - 1) + (13 - 1)) / 195, 5);
  });

  it("context", () => {
    expect(counts(labelBars(config("context"), bars))).toEqual([97, 89, 9]);
  });

  it("CUSUM events", () => {
    const events = (threshold: number) => cusumEvents(bars, threshold).reduce((sum, event) => sum + event, 0);
    expect(events(cusumThreshold(bars, 50, 0.5))).toBe(125);
    expect(events(0.02)).toBe(0);
  });

  it("regime", () => {
    const thresholds = regimeThresholds(bars, config("regime"));
    expect(thresholds.macro).toBeCloseTo(0.05276493, 8);
    expect(thresholds.micro).toBeCloseTo(0.01758831, 8);
    expect(counts(labelBars(config("regime"), bars))).toEqual([0, 0, 200, 0]);
  });
});

describe("labels", () => {
  const configs: readonly LabelConfig[] = [
    config("zigzag", { zigzagThreshold: 0.07 }),
    config("forward_return", { horizon: 5 }),
    config("context", { horizon: 3, bullishThreshold: 0.02, bearishThreshold: -0.02 }),
    config("triple_barrier", { maxHoldingPeriod: 8, volSpan: 5 }),
    config("triple_barrier", { maxHoldingPeriod: 6, volSpan: 4, volMethod: "close", cusumThreshold: 0.01 }),
  ];
  const anyConfig = fc.constantFrom(...configs);
  const bars = walkBars(20, 150);

  /** A prefix of the bars gives the same label at every bar that is settled within it. */
  function expectSettled(label: (bars: BarColumns) => Labels, all: BarColumns, share: number, unlabelled = 0): void {
    const length = 16 + Math.floor(share * (all.rows - 16));
    const [whole, part] = [label(all), label(barsBetween(all, 0, length))];
    for (let row = 0; row < length; row++) {
      // Near the end a barrier may be hit already, but no label is given yet.
      if (whole.settledAt[row] >= length || row >= length - unlabelled) continue;
      expect(part.values[row], `bar ${row} of ${length}`).toBe(whole.values[row]);
      expect(part.settledAt[row]).toBe(whole.settledAt[row]);
    }
  }

  it("change with no bar after the one that settles them", () => {
    fc.assert(
      fc.property(bars, anyConfig, fc.double({ min: 0, max: 1, noNaN: true }), (all, chosen, share) => {
        const unlabelled = chosen.source === "triple_barrier" ? chosen.maxHoldingPeriod : 0;
        expectSettled((part) => labelBars(chosen, part), all, share, unlabelled);
      }),
    );
  });

  it("for regimes change with no bar after the one that settles them, given the thresholds", () => {
    const chosen = config("regime", { atrPeriod: 4, volLookback: 8, macroAtrMult: 2, microAtrMult: 1 });
    const thresholds = { macro: 0.15, micro: 0.05 };
    fc.assert(
      fc.property(bars, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) =>
        expectSettled((part) => labelRegime(part, chosen, thresholds), all, share),
      ),
    );
  });

  it("do not depend on the currency", () => {
    fc.assert(
      fc.property(bars, anyConfig, (all, chosen) => {
        const prices = { open: all.open, high: all.high, low: all.low, close: all.close };
        const scaled = Object.entries(prices).map(([name, column]) => [name, column.map((price) => price * 64)]);
        const other = { ...all, ...Object.fromEntries(scaled) };
        expect(labelBars(chosen, other)).toEqual(labelBars(chosen, all));
      }),
    );
  });

  it("are known after their own bar and name a class, or are NaN", () => {
    fc.assert(
      fc.property(bars, anyConfig, (all, chosen) => {
        const { values, settledAt, classNames } = labelBars(chosen, all);
        expect(values.length).toBe(all.rows);
        expect(values.every((value) => Number.isNaN(value) || classNames.length === 0 || value in classNames)).toBe(
          true,
        );
        expect(settledAt.every((bar, row) => bar >= Math.min(row, all.rows) && bar <= all.rows)).toBe(true);
        const later = settledAt.filter((bar, row) => bar === row).length;
        if (chosen.source !== "zigzag") expect(later).toBe(0);
      }),
    );
  });

  it("for regimes tell trends, ranges and turmoil apart", () => {
    const closes: number[] = [];
    // Up in steps with falls between them, sideways, down in steps, then a storm.
    for (let k = 0; k < 60; k++) closes.push(100 + 2 * k + (k % 4 === 3 ? -7 : 0));
    for (let k = 0; k < 60; k++) closes.push(218 + (k % 2 === 0 ? 0 : -0.1));
    for (let k = 0; k < 60; k++) closes.push(218 - 2 * k + (k % 4 === 3 ? 7 : 0));
    for (let k = 0; k < 20; k++) closes.push(100 + (k % 2 === 0 ? 45 : -45));
    const all = barsOfCloses(closes);
    const chosen = config("regime", { atrPeriod: 10, volLookback: 40 });
    const { values, classNames } = labelRegime(all, chosen, { macro: 0.2, micro: 0.02 });
    const name = (row: number) => classNames[values[row]];
    expect([name(20), name(150), name(185)]).toEqual(["trending_up", "trending_down", "volatile"]);
  });
});

function barsOfCloses(closes: readonly number[]): BarColumns {
  const close = Float64Array.from(closes);
  const timeMs = close.map((_, row) => row * 3_600_000);
  return { rows: close.length, timeMs, open: close, high: close, low: close, close, volume: close };
}

describe("triple barriers", () => {
  it("are hit where a plain scan finds them hit", () => {
    fc.assert(
      fc.property(
        walkBars(20, 120),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 6 }),
        (all, hold, span) => {
          const chosen = config("triple_barrier", { maxHoldingPeriod: hold, volSpan: span, ptMultiplier: 1.2 });
          const { values, settledAt } = labelBars(chosen, all);
          for (let row = 0; row < all.rows - hold; row++) {
            const [value, end] = plainTripleBarrier(all, row, chosen);
            expect([values[row], settledAt[row]]).toEqual([value, end]);
          }
        },
      ),
    );
  });
});

/** The definition, bar by bar. */
function plainTripleBarrier(bars: BarColumns, row: number, chosen: ReturnType<typeof config<"triple_barrier">>) {
  const alpha = 2 / (chosen.volSpan + 1);
  let [sum, weights] = [0, 0];
  for (let past = 0; past <= row; past++) {
    const weight = (1 - alpha) ** (row - past);
    sum += (weight * (bars.high[past] - bars.low[past])) / bars.close[past];
    weights += weight;
  }
  const volatility = sum / weights;
  const entry = bars.close[row];
  for (let bar = row + 1; bar <= row + chosen.maxHoldingPeriod; bar++) {
    const isUp = bars.high[bar] >= entry * (1 + chosen.ptMultiplier * volatility);
    const isDown = bars.low[bar] <= entry * (1 - chosen.slMultiplier * volatility);
    if (isUp && isDown) return [bars.close[bar] >= entry ? 0 : 2, bar];
    if (isUp) return [0, bar];
    if (isDown) return [2, bar];
  }
  const last = row + chosen.maxHoldingPeriod;
  const change = (bars.close[last] - entry) / entry;
  if (Math.abs(change) < volatility * Math.sqrt(chosen.maxHoldingPeriod) * 0.5) return [1, last];
  return [change > 0 ? 0 : 2, last];
}

describe("the first crossing", () => {
  it("is the one that a scan finds", () => {
    const column = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(column, fc.nat(), fc.nat(), fc.integer({ min: 0, max: 51 }), (values, a, b, level) => {
        const [from, last] = [a % values.length, b % values.length];
        const found = new FirstCrossing(Float64Array.from(values)).find(from, last, level);
        expect(found).toBe(values.findIndex((value, index) => index >= from && index <= last && value >= level));
      }),
    );
  });
});

describe("legs of a zigzag", () => {
  it("end where the price turns by the threshold, and hold no such turn", () => {
    fc.assert(
      fc.property(walkBars(2, 200), fc.double({ min: 0.01, max: 0.3, noNaN: true }), ({ close, rows }, threshold) => {
        const { at, settledAt } = zigzagExtremes(close, threshold);
        expect(at[0]).toBe(0);
        for (let k = 2; k < at.length; k++) {
          const isHigh = close[at[k - 1]] > close[at[k]];
          const turn = settledAt[k - 1];
          expect(Math.abs(close[turn] / close[at[k - 1]] - 1)).toBeGreaterThanOrEqual(threshold);
          for (let row = at[k - 1]; row < at[k]; row++) {
            if (isHigh) expect(close[row]).toBeLessThanOrEqual(close[at[k - 1]]);
            else expect(close[row]).toBeGreaterThanOrEqual(close[at[k - 1]]);
          }
        }
        expect(settledAt.at(-1)).toBe(at.length === 1 ? 0 : rows);
      }),
    );
  });
});

describe("a label configuration", () => {
  const of = (labels: unknown) => labelConfigOf({ training: { labels } } as unknown as NeuralStrategy);
  function fault(labels: unknown): Problem {
    try {
      of(labels);
    } catch (error) {
      return error as Problem;
    }
    throw new Error("it was accepted");
  }

  it("is zigzag by default, and has the standard values of what it leaves out", () => {
    expect(of(undefined)).toEqual({ source: "zigzag", zigzagThreshold: 0.02 });
    expect(of({ source: "triple_barrier", pt_multiplier: 3, vol_method: "returns" })).toEqual(
      config("triple_barrier", { ptMultiplier: 3, volMethod: "close" }),
    );
  });

  it("names the sources where one is unknown", () => {
    expect(fault({ source: "zigzagg" }).message).toBe('training.labels.source: unknown labels "zigzagg".');
    expect(fault({ source: "zigzagg" }).cure).toBe(`Did you mean "zigzag"? Valid labels: ${LABEL_SOURCES.join(", ")}.`);
  });

  it("names the field, its value and the other fields where one is out of range", () => {
    const { message, cure } = fault({ source: "zigzag", zigzag_threshold: 2 });
    expect(message).toMatch(/^training\.labels\.zigzag_threshold is 2: /);
    expect(cure).toBe("Correct it. Labels of zigzag have zigzag_threshold.");
    expect(fault({ source: "forward_return", horizon: 0.5 }).message).toMatch(/horizon is 0\.5/);
    expect(fault({ source: "regime", micro_atr_mult: 5 }).message).toMatch(
      /micro_atr_mult 5 is above macro_atr_mult 3/,
    );
    expect(fault({ source: "context", bullish_threshold: -1 }).message).toMatch(/bearish_threshold/);
    expect(fault([1]).message).toMatch(/not a mapping/);
  });

  it("is taken or refused with a cure, whatever stands there", () => {
    const value = fc.oneof(fc.constantFrom<unknown>(null, true, "atr", [], {}), fc.double(), fc.integer());
    const keys = labelConfig.options.flatMap((option) => Object.keys(option.shape).map(toSnakeCase));
    const fields = fc.dictionary(fc.constantFrom(...keys.filter((key) => key !== "source"), "other"), value);
    fc.assert(
      fc.property(fc.constantFrom<unknown>(...LABEL_SOURCES, "no", 1), fields, (source, given) => {
        try {
          expect(labelConfig.safeParse(of({ ...given, source })).success).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
          expect((error as Problem).cure).toBeTruthy();
        }
      }),
    );
  });

  it("refuses fewer bars than the labels span", () => {
    const bars = sineBars(60);
    expect(() => labelBars(config("triple_barrier"), bars)).toThrow(/60 bars are too few/);
    expect(() => labelBars(config("forward_return", { horizon: 60 }), bars)).toThrow(/60 bars are too few/);
    expect(() => labelBars(config("regime"), sineBars(10))).toThrow(/10 bars are too few/);
  });
});
