/** Bars for tests: valid, and different for each seed. */
import fc from "fast-check";
import { DAY_MS } from "../../../protocol/durations.ts";
import { allocateBars, BAR_COLUMN_NAMES, type BarColumns } from "../bars.ts";

const price = fc.double({ min: 1e-9, max: 1e9, noNaN: true });

/** 1 to `maxRows` bars that pass every check. */
export function randomBars(maxRows: number): fc.Arbitrary<BarColumns> {
  const row = fc.record({
    prices: fc.tuple(price, price, price, price),
    volume: fc.double({ min: 0, max: 1e12, noNaN: true }),
    stepMs: fc.integer({ min: 1, max: DAY_MS }),
  });
  return fc.array(row, { minLength: 1, maxLength: maxRows }).map((rows) => {
    const bars = allocateBars(rows.length);
    let time = 0;
    rows.forEach(({ prices, volume, stepMs }, index) => {
      time += stepMs;
      const [low, open, close, high] = prices.toSorted((a, b) => a - b);
      bars.timeMs[index] = time;
      bars.open[index] = open;
      bars.high[index] = high;
      bars.low[index] = low;
      bars.close[index] = close;
      bars.volume[index] = volume;
    });
    return bars;
  });
}

/** `rows` bars of one price, `stepMs` apart. */
export function flatBars(rows: number, firstMs: number, stepMs: number, price = 100): BarColumns {
  const bars = allocateBars(rows);
  for (const name of BAR_COLUMN_NAMES) bars[name].fill(price);
  for (let row = 0; row < rows; row++) bars.timeMs[row] = firstMs + row * stepMs;
  return bars;
}
