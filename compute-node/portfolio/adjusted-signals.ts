/**
 * @file Signals over prices with corporate actions, without look-ahead.
 *
 * A rule sees at bar i prices in the units of bar i: each bar before an action that lies at or before i is divided
 * by the split's ratio (its volume multiplied) and, with `splits_and_dividends`, multiplied by 1 − dividend / last close
 * before it (the method of CRSP and of Yahoo's adjusted close). Actions after bar i change nothing that it sees, so that
 * also a rule about a price itself, such as `close > 100`, sees the price that was there. That takes one run of the rules
 * for each stretch between two actions, over the bars up to its end.
 */
import type { HistoryAdjustment } from "../../protocol/portfolio.ts";
import { allocateBars, type BarColumns, barsBetween } from "../market-data/bars.ts";
import type { CompiledRules, StrategySignals } from "../strategy/index.ts";
import type { BarAction } from "./portfolio-model.ts";

export function signalsOver(
  rules: Pick<CompiledRules, "signals">,
  bars: BarColumns,
  actions: readonly BarAction[],
  adjustment: HistoryAdjustment,
): StrategySignals {
  const adjusting = actions.filter(({ split, dividend }) => changes(split, dividend, adjustment));
  if (adjusting.length === 0) return rules.signals(bars);
  const starts = [0, ...adjusting.map(({ bar }) => bar)];
  const ends = [...starts.slice(1), bars.rows];
  const parts = starts.map((_, stretch) => {
    const seen = barsBetween(bars, 0, ends[stretch]);
    return rules.signals(stretch === 0 ? seen : adjusted(seen, adjusting.slice(0, stretch), adjustment));
  });
  const whole = parts[parts.length - 1];
  const joined = <Column extends Uint8Array | Float64Array>(
    column: Column,
    of: (part: StrategySignals) => Column,
  ): Column => {
    const result = column.slice() as Column;
    for (const [stretch, part] of parts.entries())
      result.set(of(part).subarray(starts[stretch], ends[stretch]), starts[stretch]);
    return result;
  };
  const { rank } = whole;
  return {
    ...whole,
    entryLong: joined(whole.entryLong, (part) => part.entryLong),
    entryShort: joined(whole.entryShort, (part) => part.entryShort),
    exitLong: joined(whole.exitLong, (part) => part.exitLong),
    exitShort: joined(whole.exitShort, (part) => part.exitShort),
    ...(rank === undefined ? {} : { rank: joined(rank, (part) => part.rank ?? rank) }),
  };
}

function changes(split: number, dividend: number, adjustment: HistoryAdjustment): boolean {
  if (adjustment === "none") return false;
  return split !== 1 || (adjustment === "splits_and_dividends" && dividend !== 0);
}

/** The bars in the units of the newest of the actions; a bar with an action has them already. */
export function adjusted(bars: BarColumns, actions: readonly BarAction[], adjustment: HistoryAdjustment): BarColumns {
  const result = allocateBars(bars.rows);
  let next = actions.length - 1;
  let [factor, units] = [1, 1];
  for (let bar = bars.rows - 1; bar >= 0; bar--) {
    for (; next >= 0 && actions[next].bar > bar; next--) {
      const { split, dividend } = actions[next];
      const before = bars.close[actions[next].bar - 1] / split;
      factor *= (adjustment === "splits_and_dividends" ? 1 - dividend / before : 1) / split;
      units *= split;
    }
    result.timeMs[bar] = bars.timeMs[bar];
    result.open[bar] = bars.open[bar] * factor;
    result.high[bar] = bars.high[bar] * factor;
    result.low[bar] = bars.low[bar] * factor;
    result.close[bar] = bars.close[bar] * factor;
    result.volume[bar] = bars.volume[bar] * units;
  }
  return result;
}
