import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeIndicator } from "./compute-indicator.ts";
import type { IndicatorDeclaration, IndicatorParameters } from "./declaration.ts";
import { faultsOfParameters, findIndicator } from "./find-indicator.ts";
import { NEURAL_REFERENCES, REFERENCES } from "./reference-indicators.ts";
import { createStream } from "./stream.ts";
import { INDICATORS, NEURAL_INDICATORS } from "./table.ts";

const columnNames = ["open", "high", "low", "close", "volume", "timeMs"] as const;
type Columns = Record<(typeof columnNames)[number], Float64Array>;

/** Prices in ticks, as they are: a deviation of one unit in the last place would be all rounding. */
const ticks = (value: number) => Math.round(value * 1000) / 1000;
const bar = fc.record({
  low: fc.double({ min: 1, max: 200, noNaN: true }).map(ticks),
  range: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 20, noNaN: true })).map(ticks),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  volume: fc.integer({ min: 0, max: 1_000_000 }),
});

const columns = fc.array(bar, { minLength: 0, maxLength: 90 }).map((bars): Columns => {
  const within = (b: (typeof bars)[number], at: number) => Math.min(ticks(b.low + at * b.range), b.low + b.range);
  return {
    open: Float64Array.from(bars, (b) => within(b, 1 - b.at)),
    high: Float64Array.from(bars, (b) => b.low + b.range),
    low: Float64Array.from(bars, (b) => b.low),
    close: Float64Array.from(bars, (b) => within(b, b.at)),
    volume: Float64Array.from(bars, (b) => b.volume),
    timeMs: Float64Array.from(bars, (_, i) => Date.UTC(2024, 0, 1, 7) + i * 4 * 3_600_000),
  };
});

/** Small parameters, so that short series have defined values. */
function parametersOf(declaration: IndicatorDeclaration): fc.Arbitrary<IndicatorParameters> {
  const entries = declaration.parameters.map(
    (p) =>
      [
        p.name,
        p.integer
          ? fc.integer({ min: p.min, max: Math.min(p.max, 12) })
          : fc.double({ min: p.min, max: Math.min(p.max, 4), noNaN: true }),
      ] as const,
  );
  return fc
    .record(Object.fromEntries(entries))
    .filter((values) => faultsOfParameters(declaration, values as IndicatorParameters).length === 0)
    .map((values) => values as IndicatorParameters);
}

function compute(declaration: IndicatorDeclaration, data: Columns, parameters: IndicatorParameters): Float64Array[] {
  const outputs = declaration.outputs.map(() => new Float64Array(data.close.length).fill(12345));
  const inputs = declaration.inputs.map((name) => data[name]);
  computeIndicator(declaration, inputs, parameters, outputs);
  return outputs;
}

function cut(data: Columns, start: number, stop: number): Columns {
  return Object.fromEntries(columnNames.map((name) => [name, data[name].slice(start, stop)])) as Columns;
}

const everyIndicator = [
  ...INDICATORS.map((declaration) => [declaration.name, declaration, REFERENCES] as const),
  ...NEURAL_INDICATORS.map((declaration) => [`${declaration.name} (v3)`, declaration, NEURAL_REFERENCES] as const),
];

describe.each(everyIndicator)("%s", (_title, declaration, references) => {
  const { name } = declaration;
  const cases = fc.tuple(columns, parametersOf(declaration));

  it("equals its slow reference to 1e-9 of its inputs' size", () => {
    fc.assert(
      fc.property(cases, ([data, parameters]) => {
        const expected = references[name](
          declaration.inputs.map((column) => Array.from(data[column])),
          parameters,
        );
        for (const [k, actual] of compute(declaration, data, parameters).entries()) {
          const wanted = expected[declaration.outputs[k].name];
          expect(actual.length).toBe(wanted.length);
          for (let i = 0; i < wanted.length; i++) {
            if (Number.isNaN(wanted[i])) expect(actual[i]).toBeNaN();
            // Quotients by tiny ranges or deviations magnify rounding; those of the same bar are compared loosely.
            else expect(Math.abs(actual[i] - wanted[i])).toBeLessThanOrEqual(tolerance(name, data, wanted[i]));
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("has the same value at a bar, bit for bit, whether later bars are there or not", () => {
    fc.assert(
      fc.property(cases, fc.nat(), ([data, parameters], pick) => {
        const whole = compute(declaration, data, parameters);
        const stop = data.close.length === 0 ? 0 : (pick % data.close.length) + 1;
        const prefix = compute(declaration, cut(data, 0, stop), parameters);
        expect(prefix).toEqual(whole.map((column) => column.slice(0, stop)));
      }),
      { numRuns: 60 },
    );
  });

  it("is NaN before its declared first index and defined from it on", () => {
    fc.assert(
      fc.property(cases, ([data, parameters]) => {
        for (const [k, column] of compute(declaration, data, parameters).entries()) {
          const firstIndex = declaration.outputs[k].firstIndex(parameters);
          const isDefined = column.map((value) => (Number.isFinite(value) ? 1 : 0));
          const mayBe = column.map((_, i) => (i >= firstIndex ? 1 : 0));
          if (declaration.undefinedWhere === undefined) expect(isDefined).toEqual(mayBe);
          else expect(isDefined.every((value, i) => value <= mayBe[i])).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("starts again after a gap as on a new series", () => {
    fc.assert(
      fc.property(cases, fc.nat(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY), (c, pick, hole) => {
        const [data, parameters] = c;
        fc.pre(data.close.length > 0);
        const gap = pick % data.close.length;
        const torn = cut(data, 0, data.close.length);
        torn[declaration.inputs[0]][gap] = hole;
        const expected = [cut(data, 0, gap), cut(data, gap + 1, data.close.length)].map((part) =>
          compute(declaration, part, parameters),
        );
        for (const [k, column] of compute(declaration, torn, parameters).entries())
          expect(Array.from(column)).toEqual([...expected[0][k], Number.NaN, ...expected[1][k]]);
      }),
      { numRuns: 30 },
    );
  });
});

describe.each(everyIndicator)("the stream of %s", (_title, declaration) => {
  it("has the bits of the batch, also across gaps", () => {
    const hole = fc.option(fc.tuple(fc.nat(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY)), { nil: null });
    fc.assert(
      fc.property(columns, parametersOf(declaration), hole, (data, parameters, torn) => {
        const rows = data.close.length;
        if (torn !== null && rows > 0) data[declaration.inputs[0]][torn[0] % rows] = torn[1];
        const batch = compute(declaration, data, parameters);
        const stream = createStream(declaration, parameters);
        const streamed = batch.map(() => new Float64Array(rows));
        for (let i = 0; i < rows; i++) {
          const bar = Object.fromEntries(columnNames.map((column) => [column, data[column][i]]));
          for (const [k, value] of stream.push(bar).entries()) streamed[k][i] = value;
        }
        expect(streamed).toEqual(batch);
      }),
      { numRuns: 40 },
    );
  });
});

/** Quotients by tiny ranges, variances or deviations magnify rounding. */
const LOOSE = new Set([
  "cci",
  "stddev",
  "bollinger_bands",
  "t3",
  "variance",
  "zscore",
  "percent_b",
  "bandwidth",
  "correl",
  "beta",
]);

function tolerance(name: string, data: Columns, wanted: number): number {
  const size = Math.max(...data.high, ...(name === "obv" ? data.volume : []), Math.abs(wanted), 1);
  return size * (LOOSE.has(name) ? 1e-7 : 1e-9);
}

describe("the table", () => {
  it("gives every name and alias to exactly one indicator, and finds it in any spelling", () => {
    const names = INDICATORS.flatMap(({ name, aliases }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const declaration of INDICATORS) {
      for (const name of [declaration.name, ...declaration.aliases]) {
        expect(findIndicator(name)).toBe(declaration);
        expect(findIndicator(name.toUpperCase().replaceAll("_", ""))).toBe(declaration);
      }
    }
    expect(findIndicator("BollingerBandsIndicator")?.name).toBe("bollinger_bands");
    expect(findIndicator("smmma")).toBeUndefined();
  });

  it("has defaults within its own ranges", () => {
    for (const declaration of INDICATORS) {
      const defaults = Object.fromEntries(declaration.parameters.map((p) => [p.name, p.default]));
      expect(faultsOfParameters(declaration, defaults)).toEqual([]);
    }
  });

  it("names the parameter, the value and the range of a fault", () => {
    const sma = findIndicator("sma")!;
    expect(faultsOfParameters(sma, { period: 0 })).toEqual([
      {
        parameter: "period",
        message: "period of sma is 0, outside 1 to 5000",
        cure: "Give a whole number from 1 to 5000.",
      },
    ]);
    expect(faultsOfParameters(sma, { period: 2.5 })[0].message).toBe(
      "period of sma is 2.5, and must be a whole number",
    );
    expect(faultsOfParameters(sma, { period: Number.NaN })).toHaveLength(1);
    const macd = findIndicator("macd")!;
    expect(faultsOfParameters(macd, { fast_period: 26, slow_period: 12, signal_period: 9 })[0].message).toBe(
      "macd: fast_period (26) is not below slow_period (12)",
    );
  });
});

describe("output columns", () => {
  it.each([...INDICATORS, ...NEURAL_INDICATORS].map((declaration) => [declaration.name, declaration] as const))(
    "of %s may hold anything before: all of it is written over",
    (_, declaration) => {
      const rows = 400;
      const inputs = declaration.inputs.map((_input, k) =>
        Float64Array.from({ length: rows }, (_value, i) => 100 + 10 * Math.sin(i / (7 + k)) + ((i * 37) % 11)),
      );
      const parameters = Object.fromEntries(declaration.parameters.map(({ name, default: value }) => [name, value]));
      const outputsFrom = (before: number) => {
        const outputs = declaration.outputs.map(() => new Float64Array(rows).fill(before));
        computeIndicator(declaration, inputs, parameters, outputs);
        return outputs;
      };
      expect(outputsFrom(-7.5)).toEqual(outputsFrom(0));
    },
  );
});

describe("long series", () => {
  const sma = findIndicator("sma")!;

  it("leave no drift in the moving average: after 200,000 large values, small ones come out exactly", () => {
    const values = Float64Array.from({ length: 200_000 }, (_, i) => (i < 199_000 ? 1e9 * Math.sin(i) ** 2 + 0.1 : 0.1));
    const output = new Float64Array(values.length);
    computeIndicator(sma, [values], { period: 20 }, [output]);
    expect(output.subarray(199_019)).toEqual(new Float64Array(981).fill(0.1));
  });

  it("give the mean of equal values as that value, and their deviation as 0, for every period", () => {
    const stddev = findIndicator("stddev")!;
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.integer({ min: 2, max: 300 }),
        (value, period) => {
          const values = new Float64Array(700).fill(value);
          const output = new Float64Array(700);
          computeIndicator(sma, [values], { period }, [output]);
          expect(output.subarray(period - 1)).toEqual(values.subarray(period - 1));
          computeIndicator(stddev, [values], { period }, [output]);
          expect(output.subarray(period - 1)).toEqual(new Float64Array(700 - period + 1));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("keep the deviation accurate at prices a billion times larger than it", () => {
    const stddev = findIndicator("stddev")!;
    const values = Float64Array.from({ length: 1000 }, (_, i) => 1e9 + (i % 2));
    const output = new Float64Array(1000);
    computeIndicator(stddev, [values], { period: 20 }, [output]);
    for (let i = 19; i < 1000; i++) expect(output[i]).toBeCloseTo(0.5, 12);
  });
});
