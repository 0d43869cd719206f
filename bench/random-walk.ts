/** Prices for benchmarks: the same walk on every machine. */
import { writeFileSync } from "node:fs";
import { allocateBars, type BarColumns } from "../compute-node/market-data/bars.ts";
import { DAY_MS, MINUTE_MS } from "../protocol/durations.ts";

/** Uniform in [0, 1), from a seed: mulberry32. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Rows from which bars are minutes; days would leave the years that calendars of other libraries know. */
const MINUTE_ROWS = 50_000;

/** A walk between about 20 and 500 with steps of half a percent: daily bars, or minutes when there are many. */
export function randomWalk(rows: number, seed: number): BarColumns {
  const random = uniform(seed);
  const bars = allocateBars(rows);
  const stepMs = rows < MINUTE_ROWS ? DAY_MS : MINUTE_MS;
  let price = 100;
  for (let bar = 0; bar < rows; bar++) {
    const open = price * (1 + 0.001 * (random() - 0.5));
    price *= 1 + 0.01 * (random() + random() + random() - 1.5);
    if (price < 20) price *= 1.01;
    if (price > 500) price *= 0.99;
    bars.timeMs[bar] = Date.UTC(2000, 0, 1) + bar * stepMs;
    bars.open[bar] = open;
    bars.close[bar] = price;
    bars.high[bar] = Math.max(open, price) * 1.001;
    bars.low[bar] = Math.min(open, price) * 0.999;
    bars.volume[bar] = 1;
  }
  return bars;
}

/** Five float64 columns (time, open, high, low, close), one after another, as every variant reads them. */
export function writeColumns(path: string, { timeMs, open, high, low, close }: BarColumns): void {
  writeFileSync(
    path,
    Buffer.concat([timeMs, open, high, low, close].map((column) => Buffer.from(column.slice().buffer))),
  );
}
