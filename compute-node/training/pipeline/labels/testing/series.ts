/** Series for tests of labels. */
import fc from "fast-check";
import { HOUR_MS } from "../../../../../protocol/durations.ts";
import { allocateBars, type BarColumns } from "../../../../market-data/bars.ts";

/** The synthetic series on which ktrdr (Python) printed its values: 200 hourly bars around a sine. */
export function sineBars(rows = 200): BarColumns {
  const bars = allocateBars(rows);
  for (let t = 0; t < rows; t++) {
    bars.timeMs[t] = t * HOUR_MS;
    bars.close[t] = 100 + 10 * Math.sin(t / 7) + 0.05 * t;
    bars.open[t] = t === 0 ? bars.close[0] : bars.close[t - 1];
    bars.high[t] = Math.max(bars.open[t], bars.close[t]) + 0.5 + 0.25 * Math.cos(t);
    bars.low[t] = Math.min(bars.open[t], bars.close[t]) - 0.5 - 0.25 * Math.sin(t);
    bars.volume[t] = 1000 + ((37 * t) % 211);
  }
  return bars;
}

/** Hourly bars whose closes move by up to 10 % a bar; none is without a range. */
export function walkBars(minRows: number, maxRows: number): fc.Arbitrary<BarColumns> {
  const step = fc.record({
    move: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
    above: fc.double({ min: 0.001, max: 0.03, noNaN: true }),
    below: fc.double({ min: 0, max: 0.03, noNaN: true }),
  });
  return fc.array(step, { minLength: minRows, maxLength: maxRows }).map((steps) => {
    const bars = allocateBars(steps.length);
    let price = 100;
    for (const [row, { move, above, below }] of steps.entries()) {
      bars.timeMs[row] = row * HOUR_MS;
      bars.open[row] = price;
      price *= 1 + move;
      bars.close[row] = price;
      bars.high[row] = Math.max(bars.open[row], price) * (1 + above);
      bars.low[row] = Math.min(bars.open[row], price) * (1 - below);
      bars.volume[row] = 1000;
    }
    return bars;
  });
}
