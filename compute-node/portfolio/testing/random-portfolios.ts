/** Random portfolios for property tests: symbols with different hours, currencies and corporate actions. */
import fc from "fast-check";
import { type BacktestSettings, backtestSettings } from "../../../protocol/operations/index.ts";
import { WEIGHT_SCHEMES } from "../../../protocol/portfolio-rules.ts";
import { type RandomCase, randomCase, seededRandom } from "../../backtest/testing/random-cases.ts";
import { allocateBars, type BarColumns } from "../../market-data/bars.ts";
import type { BarAction, PortfolioPlan, PortfolioSymbol } from "../portfolio-model.ts";
import { SUPPORTED_SETTINGS } from "../settings.ts";

/** The reference engine is slow. */
const MOST_BARS = 100;
/** More would leave prices of no size. */
const MOST_ACTIONS = 5;

export interface RandomPortfolio {
  readonly symbols: readonly PortfolioSymbol[];
  readonly plan: PortfolioPlan;
  readonly settings: BacktestSettings;
}

/** A case for one symbol, with the settings that a portfolio knows. Now and then prices go below zero. */
export const supportedCase: fc.Arbitrary<RandomCase> = fc
  .record({
    random: randomCase,
    below: fc.constantFrom(0, 0, 0, 0, 100, 300),
    lotSize: fc.constantFrom(null, null, 0.1, 0.01, 0.3),
  })
  .map(({ random: { bars, signals, settings }, below, lotSize }) => {
    const { sizing: _sizing, ...known } = signals;
    const lots = lotSize === null ? {} : { lotSize };
    return { bars: lowered(bars, below), signals: known, settings: { ...supported(settings), ...lots } };
  });

function lowered(bars: BarColumns, by: number): BarColumns {
  for (const column of [bars.open, bars.high, bars.low, bars.close])
    for (let bar = 0; bar < bars.rows; bar++) column[bar] -= by;
  return bars;
}

function supported(settings: BacktestSettings): BacktestSettings {
  const known = Object.entries(settings).filter(([name]) => SUPPORTED_SETTINGS.includes(name));
  return { ...backtestSettings.parse({}), ...Object.fromEntries(known) };
}

const randomPlan = fc
  .record({
    maxPositions: fc.integer({ min: 1, max: 4 }),
    weight: fc.option(fc.double({ min: 0.05, max: 1, noNaN: true })),
    maxWeight: fc.constantFrom(1, 0.6, 0.3),
    rankOrder: fc.constantFrom("descending" as const, "ascending" as const),
    rebalance: fc.option(
      fc.record({
        every: fc.constantFrom("daily" as const, "weekly" as const, "monthly" as const, 1, 3, 10),
        weights: fc.constantFrom(...WEIGHT_SCHEMES),
        volatility_bars: fc.integer({ min: 2, max: 8 }),
        select: fc.constantFrom("held" as const, "ranked" as const),
        band: fc.constantFrom(0, 0, 0.05),
      }),
    ),
  })
  .map(({ weight, ...plan }): PortfolioPlan => ({ ...plan, weight: weight ?? 1 / plan.maxPositions }));

/** Up to five symbols; hours, ranks, rates and actions from a seed. */
export const randomPortfolio: fc.Arbitrary<RandomPortfolio> = fc
  .record({
    cases: fc.array(supportedCase, { minLength: 1, maxLength: 5 }),
    plan: randomPlan,
    seed: fc.integer(),
    isRanked: fc.boolean(),
    hasGaps: fc.boolean(),
    isForeign: fc.boolean(),
    actionShare: fc.constantFrom(0, 0, 0.02, 0.2),
  })
  .map(({ cases, plan, seed, isRanked, hasGaps, isForeign, actionShare }) => {
    const random = seededRandom(seed);
    const symbols = cases.map(({ bars: whole, signals: all }, index): PortfolioSymbol => {
      const rows = Math.min(whole.rows, MOST_BARS);
      const kept = hasGaps ? keptBars(rows, random) : Array.from({ length: rows }, (_, bar) => bar);
      const actions = kept
        .flatMap((_, bar) => (bar > 0 && random() < actionShare ? [actionAt(bar, random)] : []))
        .slice(0, MOST_ACTIONS);
      const bars = asTraded(picked(whole, kept), actions);
      const flags = (column: Uint8Array) => Uint8Array.from(kept, (bar) => column[bar]);
      const rank = () => Float64Array.from(kept, () => (random() < 0.1 ? Number.NaN : Math.floor(random() * 9) - 2));
      const rates = () => Float64Array.from(kept, () => 0.8 + random() * 0.4);
      return {
        symbol: `S${index}`,
        bars,
        signals: {
          ...all,
          entryLong: flags(all.entryLong),
          entryShort: flags(all.entryShort),
          exitLong: flags(all.exitLong),
          exitShort: flags(all.exitShort),
          ...(isRanked ? { rank: rank() } : {}),
        },
        actions,
        rates: isForeign && random() < 0.5 ? { open: rates(), close: rates() } : null,
      };
    });
    return { symbols, plan, settings: cases[0].settings };
  });

function actionAt(bar: number, random: () => number): BarAction {
  const split = [1, 1, 2, 7, 0.5, 1.5][Math.floor(random() * 6)];
  return { bar, split, dividend: split === 1 || random() < 0.3 ? random() * 3 : 0 };
}

/** Prices in the units of their own bar: the adjusted ones become those that were traded. */
function asTraded(bars: BarColumns, actions: readonly BarAction[]): BarColumns {
  const splits = new Map(actions.map(({ bar, split }) => [bar, split]));
  let units = 1;
  for (let bar = 0; bar < bars.rows; bar++) {
    units *= splits.get(bar) ?? 1;
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[bar] /= units;
  }
  return bars;
}

/** A late start, an early end, and holes. */
function keptBars(rows: number, random: () => number): number[] {
  const [from, share] = [Math.floor(rows * random() * 0.4), 0.3 + random()];
  const to = rows - Math.floor(rows * Math.max(0, random() - 0.5));
  const kept: number[] = [];
  for (let bar = from; bar < to; bar++) if (random() < share) kept.push(bar);
  return kept.length === 0 ? [rows - 1] : kept;
}

function picked(bars: BarColumns, kept: readonly number[]): BarColumns {
  const result = allocateBars(kept.length);
  for (const [row, bar] of kept.entries()) {
    result.timeMs[row] = bars.timeMs[bar];
    result.open[row] = bars.open[bar];
    result.high[row] = bars.high[bar];
    result.low[row] = bars.low[bar];
    result.close[row] = bars.close[bar];
    result.volume[row] = bars.volume[bar];
  }
  return result;
}
