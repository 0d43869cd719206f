import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { meanOperator, rollingMean } from "./rolling-mean.ts";

/** As prices: from about 1 to 1000, with every bit of the mantissa in use. */
const price = fc.double({ min: 1, max: 1000, noNaN: true, noDefaultInfinity: true });
const zero = fc.constant(0);
const negative = price.map((value) => -value);
const huge = price.map((value) => value * 1e9);
const tiny = price.map((value) => value * 1e-12);

/** Stretches of one kind each, so that grids and pairs take turns; the longest outlast a pair's stretch. */
const series = fc
  .array(
    fc.oneof(
      fc.array(price, { minLength: 1, maxLength: 60 }),
      fc.array(fc.oneof(price, zero, negative, huge, tiny), { minLength: 1, maxLength: 8 }),
      fc
        .tuple(price, fc.integer({ min: 900, max: 1300 }))
        .map(([value, count]) => new Array<number>(count).fill(value)),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((stretches) => Float64Array.from(stretches.flat()));

const period = fc.integer({ min: 1, max: 50 });

function means(values: Float64Array, length: number): Float64Array {
  const output = new Float64Array(values.length).fill(Number.NaN);
  rollingMean(values, length, output);
  return output;
}

describe("the mean of the last values", () => {
  it("is the same bits one value at a time as over the whole series", () => {
    fc.assert(
      fc.property(series, period, (values, length) => {
        const next = meanOperator(length);
        expect(Float64Array.from(values, (value) => next(value))).toEqual(means(values, length));
      }),
      { numRuns: 300 },
    );
  });

  it("is right to half a unit in the last place, and a sixteenth, for prices", () => {
    fc.assert(
      fc.property(fc.array(price, { minLength: 1, maxLength: 200 }), period, (prices, length) => {
        const values = Float64Array.from(prices);
        const output = means(values, length);
        for (let index = length - 1; index < values.length; index++) {
          const window = values.subarray(index - length + 1, index + 1);
          expect(unitsAside(output[index], window)).toBeLessThan(0.5 + 1 / 16);
        }
      }),
    );
  });

  it("is right to a unit and a half in the last place also among zeros and values a billion times larger", () => {
    const values = fc.array(fc.oneof(price, zero, huge), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, period, (list, length) => {
        const given = Float64Array.from(list);
        const output = means(given, length);
        for (let index = length - 1; index < given.length; index++) {
          const window = given.subarray(index - length + 1, index + 1);
          expect(unitsAside(output[index], window)).toBeLessThan(1.5);
        }
      }),
    );
  });

  it("is zero for zeros, and near the values at the ends of the range", () => {
    expect(means(new Float64Array(5), 3)).toEqual(Float64Array.of(Number.NaN, Number.NaN, 0, 0, 0));
    for (const value of [5e-324, 1e-300, 1e299]) expect(means(new Float64Array(4).fill(value), 4)[3]).toBe(value);
  });

  it("leaves out what is not a number, one value at a time", () => {
    const next = meanOperator(2);
    expect([1, Number.NaN, 3, 5].map((value) => next(value))).toEqual([Number.NaN, Number.NaN, 2, 4]);
  });
});

/** How many units in its last place `mean` lies aside of the window's exact mean. */
function unitsAside(mean: number, window: Float64Array): number {
  const sum = window.reduce((total, value) => total + scaled(value), 0n);
  const off = scaled(mean) * BigInt(window.length) - sum;
  if (off === 0n) return 0;
  const unit = scaled(2 ** (Math.floor(Math.log2(mean)) - 52)) * BigInt(window.length);
  return Math.abs(Number((off * 1024n) / unit)) / 1024;
}

/** The double times 2^1074, exactly. */
function scaled(value: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(Math.abs(value)).buffer)[0];
  const exponent = bits >> 52n;
  const mantissa = bits & (2n ** 52n - 1n);
  const magnitude = exponent === 0n ? mantissa : (mantissa + 2n ** 52n) << (exponent - 1n);
  return value < 0 ? -magnitude : magnitude;
}
