import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeIndicator } from "./compute-indicator.ts";
import { type IndicatorDeclaration, type IndicatorParameters, type InputColumn, scaleOf } from "./declaration.ts";
import { faultsOfParameters, findIndicator } from "./find-indicator.ts";
import { REFERENCES } from "./reference-indicators.ts";
import { INDICATORS, NEURAL_INDICATORS } from "./table.ts";

type Columns = Readonly<Record<InputColumn, Float64Array>>;

/** Half of the bars repeat the one before, so that ranges and deviations of 0 are met too. */
const bars = fc
  .array(
    fc.record({
      close: fc.double({ min: 1, max: 1000, noNaN: true }),
      rises: fc.tuple(...Array.from({ length: 3 }, () => fc.double({ min: 0, max: 20, noNaN: true }))),
      volume: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1_000_000 })),
      repeats: fc.boolean(),
    }),
    { minLength: 1, maxLength: 90 },
  )
  .map((drawn): Columns => {
    const kept = drawn.map((bar, index) => (bar.repeats && index > 0 ? drawn[index - 1] : bar));
    return {
      open: Float64Array.from(kept, ({ close, rises }) => close + rises[0] / 2),
      high: Float64Array.from(kept, ({ close, rises }) => close + rises[0] + rises[1]),
      low: Float64Array.from(kept, ({ close, rises }) => close - Math.min(rises[2], close / 2)),
      close: Float64Array.from(kept, ({ close }) => close),
      volume: Float64Array.from(kept, ({ volume }) => volume),
      timeMs: Float64Array.from(kept, (_, index) => Date.UTC(2024, 0, 1, 7) + index * 4 * 3_600_000),
    };
  });

/** Small, so that short series have defined values. */
function parametersOf(declaration: IndicatorDeclaration): fc.Arbitrary<IndicatorParameters> {
  const entries = declaration.parameters.map(({ name, min, max, integer }) => [
    name,
    integer ? fc.integer({ min, max: Math.min(max, 9) }) : fc.double({ min, max: Math.min(max, 4), noNaN: true }),
  ]);
  return fc
    .record(Object.fromEntries(entries) as Record<string, fc.Arbitrary<number>>)
    .filter((values) => faultsOfParameters(declaration, values).length === 0);
}

function compute(declaration: IndicatorDeclaration, data: Columns, parameters: IndicatorParameters): Float64Array[] {
  const outputs = declaration.outputs.map(() => new Float64Array(data.close.length));
  const inputs = declaration.inputs.map((name) => data[name]);
  computeIndicator(declaration, inputs, parameters, outputs);
  return outputs;
}

function scaled(data: Columns, price: number, volume: number): Columns {
  const times = (column: Float64Array, factor: number) => column.map((value) => value * factor);
  return {
    open: times(data.open, price),
    high: times(data.high, price),
    low: times(data.low, price),
    close: times(data.close, price),
    volume: times(data.volume, volume),
    timeMs: data.timeMs,
  };
}

const everyIndicator = [
  ...INDICATORS.map((declaration) => [declaration.name, declaration] as const),
  ...NEURAL_INDICATORS.map((declaration) => [`${declaration.name} (v3)`, declaration] as const),
];
const exponent = fc.integer({ min: -60, max: 60 });

describe.each(everyIndicator)("%s", (_title, declaration) => {
  it("has the same bits on prices and volumes times powers of two, times the powers that it declares", () => {
    const cases = fc.tuple(bars, parametersOf(declaration), exponent, exponent);
    fc.assert(
      fc.property(cases, ([data, parameters, priceExponent, volumeExponent]) => {
        const plain = compute(declaration, data, parameters);
        const grown = compute(declaration, scaled(data, 2 ** priceExponent, 2 ** volumeExponent), parameters);
        for (const [k, column] of plain.entries()) {
          const scale = scaleOf(declaration, k);
          if (scale === null) continue;
          const factor = 2 ** (priceExponent * scale.price + volumeExponent * scale.volume);
          expect(grown[k], declaration.outputs[k].name).toEqual(column.map((value) => value * factor));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("declares a scale for each output", () => {
    const { scale, outputs } = declaration;
    expect("price" in scale ? outputs.length : scale.length).toBe(outputs.length);
  });
});

it("leaves only the angle of a line without a scale, since it depends on the unit of prices", () => {
  const without = everyIndicator.flatMap(([title, declaration]) =>
    declaration.outputs.filter((_, k) => scaleOf(declaration, k) === null).map(({ name }) => `${title}.${name}`),
  );
  expect(without).toEqual(["linreg.angle"]);
});

describe("prices of a hundred thousandth", () => {
  const closes = [1e-5, 1.02e-5, 0.98e-5, 1.05e-5, 1.01e-5].map((price) => price * 1e-6);
  const last = (name: string, parameters: IndicatorParameters) => {
    const output = new Float64Array(closes.length);
    computeIndicator(findIndicator(name)!, [Float64Array.from(closes)], parameters, [output]);
    return output[4];
  };
  const mean = 1.012;
  const deviation = Math.sqrt([1, 1.02, 0.98, 1.05, 1.01].reduce((sum, close) => sum + (close - mean) ** 2 / 5, 0));

  it("have bands with a width, and a distance from their average", () => {
    expect(last("bandwidth", { period: 5, multiplier: 2 })).toBeCloseTo((4 * deviation) / mean, 12);
    expect(last("distance_from_ma", { period: 5, ma_type: 0 })).toBeCloseTo((100 * (1.01 - mean)) / mean, 10);
    expect(last("volume_ratio", { period: 5 })).toBeCloseTo(1.01 / mean, 12);
  });
});

describe("the Chande momentum oscillator", () => {
  const cmo = findIndicator("cmo")!;
  const closes = [10, 12, 11, 14, 14, 13];

  it("takes Chande's own sums of rises and falls where it is asked for them", () => {
    const output = new Float64Array(closes.length);
    computeIndicator(cmo, [Float64Array.from(closes)], { period: 3, sums: 1 }, [output]);
    expect(Array.from(output.subarray(3))).toEqual([(100 * (5 - 1)) / 6, (100 * (3 - 1)) / 4, (100 * (3 - 1)) / 4]);
  });
});

describe("Ehlers' Fisher transform", () => {
  it("turns smoothed values beyond 0.99 into 0.999, and smooths on from there", () => {
    // Each new high is at the top of its range: 0.33 each time, and 0.67 of the last one.
    const prices = Float64Array.from({ length: 40 }, (_, index) => index + 1);
    const [line, signal] = [new Float64Array(40), new Float64Array(40)];
    computeIndicator(findIndicator("fisher")!, [prices, prices], { period: 2 }, [line, signal]);
    let [smoothed, fisher] = [0, 0];
    const expected = Array.from(prices.subarray(1), () => {
      smoothed = 0.33 + 0.67 * smoothed;
      if (smoothed > 0.99) smoothed = 0.999;
      fisher = Math.atanh(smoothed) + 0.5 * fisher;
      return fisher;
    });
    for (const [index, value] of expected.entries()) expect(line[index + 1]).toBeCloseTo(value, 10);
    expect(Math.max(...line.subarray(1))).toBeGreaterThan(7);
    expect(REFERENCES.fisher([Array.from(prices), Array.from(prices)], { period: 2 }).fisher.at(-1)).toBeCloseTo(
      line[39],
      10,
    );
  });
});
