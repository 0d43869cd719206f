/** Checks bars before a run, and figures after it. The store checks bars on loading; others come unchecked. */

import { Problem } from "../../../protocol/problem.ts";
import type { BacktestResult, Trade } from "../../../results/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";

/** Above it a product of a price and a number of units may overflow. */
const HIGHEST_PRICE = 1e100;
/** The last millisecond that a date can tell. */
const LATEST_MS = 8.64e15;

/**
 * Times are whole milliseconds that ascend, prices are finite and within [low, high]. One pass without a branch a column. Prices of zero and below
 * are taken: they are real in some markets, and nothing is bought at them.
 *
 * @throws Problem `invalid-data` that names the first bar at fault, counted from 0
 */
export function requireSoundBars(bars: BarColumns, name: string): void {
  const { rows, timeMs, open, high, low, close } = bars;
  let previous = Number.NEGATIVE_INFINITY;
  for (let bar = 0; bar < rows; bar++) {
    const time = timeMs[bar];
    const top = high[bar];
    const bottom = low[bar];
    // Written so that a NaN anywhere makes it false.
    const isSound =
      time > previous &&
      Number.isInteger(time) &&
      time >= -LATEST_MS &&
      time <= LATEST_MS &&
      top <= HIGHEST_PRICE &&
      bottom >= -HIGHEST_PRICE &&
      bottom <= open[bar] &&
      open[bar] <= top &&
      bottom <= close[bar] &&
      close[bar] <= top;
    if (!isSound) throw unsound(bars, bar, name);
    previous = time;
  }
}

/**
 * Checks that every figure of a result is finite. Only prices or settings of an absurd size lead beyond that.
 *
 * @throws Problem `invalid-data` that names the first figure that is no number
 */
export function requireFiniteResult({ equity, trades, monthlyReturns, chart }: Overflowing): void {
  let sum = 0;
  // NaN when one of them is NaN or infinite.
  for (let bar = 0; bar < equity.length; bar++) sum += 0 * equity[bar];
  if (sum !== 0) throw beyondNumbers("equity", equity.find((value) => !Number.isFinite(value)) ?? sum);
  for (const { year, month, returnPercent } of monthlyReturns) {
    if (!Number.isFinite(returnPercent)) throw beyondNumbers(`return of ${year}-${month}`, returnPercent);
  }
  for (let index = 0; index < trades.length; index++) {
    if (hasNumbers(trades[index])) continue;
    const name = TRADE_FIGURES.find((figure) => !Number.isFinite(trades[index][figure])) ?? "pnl";
    throw beyondNumbers(`${name} of trade ${index + 1}`, trades[index][name]);
  }
  const overflow = chart.benchmark.find((value) => !Number.isFinite(value));
  if (overflow !== undefined) throw beyondNumbers("benchmark", overflow);
}

type Overflowing = Pick<BacktestResult, "equity" | "trades" | "monthlyReturns" | "chart">;

const TRADE_FIGURES = [
  "size",
  "entryPrice",
  "exitPrice",
  "pnl",
  "commission",
  "returnPercent",
  "adverseExcursion",
  "favourableExcursion",
] as const satisfies readonly (keyof Trade)[];

function hasNumbers(trade: Trade): boolean {
  const { size, entryPrice, exitPrice, pnl, commission, returnPercent, adverseExcursion, favourableExcursion } = trade;
  const prices = 0 * size + 0 * entryPrice + 0 * exitPrice;
  const money = 0 * pnl + 0 * commission + 0 * returnPercent;
  return prices + money + 0 * adverseExcursion + 0 * favourableExcursion === 0;
}

function beyondNumbers(what: string, value: number): Problem {
  return new Problem(
    "invalid-data",
    `The backtest's ${what} is ${value}: its prices or settings are too large or small.`,
    {
      cure: "Check the prices for rows that are off by orders of magnitude, and the initial capital and margin.",
    },
  );
}

function unsound({ timeMs, open, high, low, close }: BarColumns, bar: number, name: string): Problem {
  const prices = `open ${open[bar]}, high ${high[bar]}, low ${low[bar]}, close ${close[bar]}`;
  const time = timeMs[bar];
  const isWhole = Number.isInteger(time) && Math.abs(time) <= LATEST_MS;
  const isTime = !isWhole || (bar > 0 && !(time > timeMs[bar - 1]));
  const message = isTime
    ? `Bar ${bar} of ${name} has the time ${time}, which ${isWhole ? `does not follow ${timeMs[bar - 1]}` : "is no date in whole milliseconds"}.`
    : `Bar ${bar} of ${name} has ${prices}: prices must be numbers, with low the least and high the greatest.`;
  return new Problem("invalid-data", message, {
    cure: "Correct the bars, or load them into the store, which checks them.",
  });
}
