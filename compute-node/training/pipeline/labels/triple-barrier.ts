/** Which of three comes first: a gain, a loss, or the end of patience (López de Prado 2018, section 3.4). */
import { Problem } from "../../../../protocol/problem.ts";
import type { BarColumns } from "../../../market-data/bars.ts";
import type { Labels } from "./bar-labels.ts";
import { cusumEvents, cusumThreshold } from "./cusum.ts";
import { FirstCrossing } from "./first-crossing.ts";
import { type ConfigOf, classNamesOf } from "./label-config.ts";
import { uniquenessWeights } from "./uniqueness.ts";
import { meanRange, returnDeviation } from "./volatility.ts";

const [BUY, HOLD, SELL] = [0, 1, 2];

/**
 * Buy where the high reaches close · (1 + pt · volatility) within the next bars before the low reaches
 * close · (1 - sl · volatility), sell where it is the other way round; both within one bar are settled by that bar's
 * close. Neither: the sign of the return at the end, or hold where it is below half the volatility of the whole span.
 * The last `max_holding_period` bars have no label; with a CUSUM filter, bars without an event have none either.
 */
export function labelTripleBarrier(bars: BarColumns, config: ConfigOf<"triple_barrier">): Labels {
  const { maxHoldingPeriod, volSpan, computeWeights } = config;
  const { rows, close } = bars;
  if (rows < maxHoldingPeriod + volSpan)
    throw new Problem(
      "invalid-data",
      `${rows} bars are too few for triple_barrier labels with max_holding_period ${maxHoldingPeriod} and vol_span ${volSpan}.`,
      { cure: `Give at least ${maxHoldingPeriod + volSpan} bars, or lower max_holding_period or vol_span.` },
    );
  const volatility = config.volMethod === "atr" ? meanRange(bars, volSpan) : returnDeviation(bars, volSpan);
  const late = lateVolatility(volatility, volSpan);
  const values = new Float32Array(rows).fill(Number.NaN);
  const settledAt = new Int32Array(rows).fill(rows);
  const holding = new Int32Array(rows);
  const highs = new FirstCrossing(bars.high);
  const lows = new FirstCrossing(bars.low.map((low) => -low));
  for (let row = 0; row < rows - maxHoldingPeriod; row++) {
    const entry = close[row];
    const last = row + maxHoldingPeriod;
    const up = highs.find(row + 1, last, entry * (1 + config.ptMultiplier * volatility[row]));
    const down = lows.find(row + 1, up === -1 ? last : up, -entry * (1 - config.slMultiplier * volatility[row]));
    const hit = down === -1 ? up : down;
    const end = hit === -1 ? last : hit;
    values[row] =
      hit === -1
        ? ofExpiry((close[last] - entry) / entry, volatility[row] * Math.sqrt(maxHoldingPeriod))
        : ofHit(up === hit, down === hit, close[hit] >= entry);
    holding[row] = end - row;
    settledAt[row] = late[row] === 1 ? Math.max(end, volSpan) : end;
  }
  keepEvents(values, holding, bars, config);
  const weights = computeWeights ? uniquenessWeights(holding) : null;
  return { classNames: classNamesOf("triple_barrier"), values, settledAt, weights };
}

function ofHit(isUp: boolean, isDown: boolean, closesAbove: boolean): number {
  return (isUp && isDown ? closesAbove : isUp) ? BUY : SELL;
}

function ofExpiry(change: number, spread: number): number {
  if (Math.abs(change) < spread * 0.5) return HOLD;
  return change > 0 ? BUY : change < 0 ? SELL : HOLD;
}

/** The first bars without a volatility take the one of bar `volSpan`: 1 for each of them, whose label waits for it. */
function lateVolatility(volatility: Float64Array, volSpan: number): Uint8Array {
  const late = new Uint8Array(volatility.length);
  for (let row = 0; row < volSpan; row++) {
    if (volatility[row] > 0) continue;
    volatility[row] = volatility[volSpan];
    late[row] = 1;
  }
  return late;
}

function keepEvents(
  values: Float32Array,
  holding: Int32Array,
  bars: BarColumns,
  { cusumThreshold: given, cusumMultiplier, volSpan }: ConfigOf<"triple_barrier">,
): void {
  if (given === undefined) return;
  const events = cusumEvents(bars, given > 0 ? given : cusumThreshold(bars, volSpan, cusumMultiplier));
  for (let row = 0; row < bars.rows; row++) {
    if (events[row] === 1) continue;
    values[row] = Number.NaN;
    holding[row] = 0;
  }
}
