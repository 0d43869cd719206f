/** A price path from a seed, for tests that need more bars than the real files have. */
import type { BarColumns } from "../../compute-node/market-data/bars.ts";
import { MINUTE_MS } from "../../protocol/durations.ts";

export function randomWalk(rows: number, seed = 1): BarColumns {
  const column = (): Float64Array => new Float64Array(new SharedArrayBuffer(rows * 8));
  const bars = {
    rows,
    timeMs: column(),
    open: column(),
    high: column(),
    low: column(),
    close: column(),
    volume: column(),
  };
  const random = xorshift(seed);
  let price = 100;
  for (let i = 0; i < rows; i++) {
    const open = price;
    price = Math.max(1, price + (random() - 0.5) * 0.2);
    bars.timeMs[i] = Date.UTC(2020, 0, 1) + i * MINUTE_MS;
    bars.open[i] = open;
    bars.close[i] = price;
    bars.high[i] = Math.max(open, price) + random() * 0.05;
    bars.low[i] = Math.min(open, price) - random() * 0.05;
    bars.volume[i] = Math.floor(random() * 1000);
  }
  return bars;
}

/** Uniform in [0, 1); Marsaglia, "Xorshift RNGs", 2003. */
function xorshift(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
