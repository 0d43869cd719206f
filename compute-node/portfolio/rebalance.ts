/** Chooses when a portfolio is rebalanced, and to which weights. */
import { nextPeriodStart, type Period } from "../backtest/engine/calendar.ts";
import type { Side } from "../ledger/index.ts";
import type { PortfolioPlan, PortfolioSymbol } from "./portfolio-model.ts";

const PERIODS: Readonly<Record<"daily" | "weekly" | "monthly", Period>> = {
  daily: "day",
  weekly: "week",
  monthly: "month",
};

/** Ascending moments, the first one 0: every so many of them, or the first of each day, week (from Monday) or month, UTC. */
export function rebalanceMoments(every: "daily" | "weekly" | "monthly" | number, clock: Float64Array): number[] {
  const moments: number[] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (let moment = 0; moment < clock.length; moment++) {
    if (typeof every === "number" ? moment % every !== 0 : clock[moment] < end) continue;
    moments.push(moment);
    if (typeof every !== "number") end = nextPeriodStart(PERIODS[every], clock[moment]);
  }
  return moments;
}

/** A symbol that may be held. */
export interface Candidate {
  readonly slot: number;
  readonly side: Side;
  /** Its newest bar. */
  readonly bar: number;
  /** A number. */
  readonly rank: number;
}

export interface Weighted extends Candidate {
  /** Fraction of the sum over all that came out together; they add up to 1. */
  readonly weight: number;
}

/**
 * At most `places` of the candidates, the best by rank (then the first by name), with their weights: equal parts, or in
 * proportion to the rank, or to one over the deviation of the last returns. Candidates whose weight is not defined or not
 * positive do not come out.
 */
export function weigh(
  candidates: readonly Candidate[],
  symbols: readonly PortfolioSymbol[],
  plan: PortfolioPlan,
  places: number,
): Weighted[] {
  const { weights, volatility_bars: count } = plan.rebalance ?? { weights: "equal", volatility_bars: 0 };
  const rawOf = ({ slot, bar, rank }: Candidate): number => {
    if (weights === "equal") return 1;
    const raw = weights === "rank" ? rank : 1 / volatility(symbols[slot], bar, count);
    return raw > 0 && Number.isFinite(raw) ? raw : 0;
  };
  const chosen = candidates
    .map((candidate) => ({ ...candidate, weight: rawOf(candidate) }))
    .filter(({ weight }) => weight > 0)
    .sort(byRank(plan))
    .slice(0, Math.max(0, places))
    .sort((a, b) => a.slot - b.slot);
  const sum = chosen.reduce((total, { weight }) => total + weight, 0);
  return chosen.map((candidate) => ({ ...candidate, weight: candidate.weight / sum }));
}

/** The best rank first, then by name. */
export function byRank({ rankOrder }: PortfolioPlan) {
  const sign = rankOrder === "descending" ? -1 : 1;
  return (a: Pick<Candidate, "rank" | "slot">, b: Pick<Candidate, "rank" | "slot">): number =>
    a.rank === b.rank ? a.slot - b.slot : sign * (a.rank - b.rank);
}

const NO_SPLITS: ReadonlyMap<number, number> = new Map();

/** Standard deviation (n − 1) of the last `count` returns of the close, over splits, without dividends; NaN without as many. */
function volatility({ bars: { close }, actions }: PortfolioSymbol, bar: number, count: number): number {
  if (bar < count) return Number.NaN;
  const splits = actions.length === 0 ? NO_SPLITS : new Map(actions.map((action) => [action.bar, action.split]));
  const returns = new Float64Array(count);
  let sum = 0;
  for (let back = 0; back < count; back++) {
    const at = bar - back;
    returns[back] = (close[at] * (splits.get(at) ?? 1)) / close[at - 1] - 1;
    sum += returns[back];
  }
  const mean = sum / count;
  let squares = 0;
  for (const value of returns) squares += (value - mean) ** 2;
  return Math.sqrt(squares / (count - 1));
}
