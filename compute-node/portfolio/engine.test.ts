import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXIT_REASONS } from "../../protocol/backtest-result.ts";
import { patience } from "../../test/support/patience.ts";
import { runBacktest } from "../backtest/engine/engine.ts";
import { tradeExcursions } from "../backtest/statistics/excursions.ts";
import { runPortfolio } from "./engine.ts";
import { portfolioExcursions } from "./excursions.ts";
import type { PortfolioPlan, PortfolioRun } from "./portfolio-model.ts";
import { ReferencePortfolio } from "./reference/engine.ts";
import { randomPortfolio, supportedCase } from "./testing/random-portfolios.ts";

const ALONE: PortfolioPlan = { maxPositions: 1, weight: 1, maxWeight: 1, rankOrder: "descending", rebalance: null };

describe("a portfolio of one", () => {
  it(
    "is the engine for one symbol, bit for bit, on thousands of random walks, signals and settings",
    () => {
      fc.assert(
        fc.property(supportedCase, ({ bars, signals, settings }) => {
          const one = runBacktest(bars, signals, settings);
          const symbols = [{ symbol: "A", bars, signals, actions: [], rates: null }];
          const portfolio = runPortfolio(symbols, ALONE, settings);
          expect(tradesOf(portfolio)).toEqual(tradesOfOne(one));
          expect(portfolio.equity).toEqual(one.equity);
          expect(portfolio.cash).toBe(one.cash);
          expect(portfolioExcursions(portfolio, symbols, settings)).toEqual(
            tradeExcursions(bars, one, settings.fillAt),
          );
          expect(portfolio.open[0]?.size ?? 0).toBe(one.openPosition?.size ?? 0);
          const { no_cash, below_lot, no_size } = portfolio.counts.refusals;
          expect({ no_cash, below_lot, no_size }).toEqual({
            no_cash: one.refusals.no_cash,
            below_lot: one.refusals.below_lot,
            no_size: one.refusals.no_size,
          });
          const ambiguous = one.warnings.find(({ code }) => code === "ambiguous-bar");
          expect(portfolio.counts.ambiguousBars).toBe(ambiguous?.count ?? 0);
        }),
        { numRuns: 3000 },
      );
    },
    patience(120_000),
  );
});

describe("the fast portfolio engine and the slow reference engine", () => {
  it(
    "agree bit for bit on thousands of random portfolios",
    () => {
      fc.assert(
        fc.property(randomPortfolio, ({ symbols, plan, settings }) => {
          const fast = runPortfolio(symbols, plan, settings);
          const slow = new ReferencePortfolio(symbols, plan, settings).run();
          const names = symbols.map(({ symbol }) => symbol).sort();
          const trades = fast.trades.map(
            ({ slot, returnFraction: _return, stopLoss: _stop, takeProfit: _target, ...trade }) => ({
              symbol: names[slot],
              ...trade,
            }),
          );
          expect(trades).toEqual(slow.trades);
          expect(Array.from(fast.equity)).toEqual(slow.equity);
          expect(fast.cash).toBe(slow.cash);
          expect(fast.counts.reducedEntries).toBe(slow.reducedEntries);
          expect(fast.counts.ambiguousBars).toBe(slow.ambiguousBars);
          const refused = Object.entries(fast.counts.refusals).filter(([, count]) => count > 0);
          expect(Object.fromEntries(refused)).toEqual(slow.refusals);
        }),
        { numRuns: 2000 },
      );
    },
    patience(120_000),
  );
});

/** Every number of every trade, in the order of closing. */
function tradesOf({ trades }: PortfolioRun) {
  return trades.map((trade) => [
    trade.size,
    trade.entryMoment,
    trade.exitMoment,
    trade.entryPrice,
    trade.exitPrice,
    trade.pnl,
    trade.commission,
    trade.returnFraction,
    trade.stopLoss,
    trade.takeProfit,
    trade.exitReason,
  ]);
}

function tradesOfOne({ trades }: ReturnType<typeof runBacktest>) {
  return Array.from({ length: trades.count }, (_, row) => [
    trades.size[row],
    trades.entryBar[row],
    trades.exitBar[row],
    trades.entryPrice[row],
    trades.exitPrice[row],
    trades.pnl[row],
    trades.commission[row],
    trades.returnFraction[row],
    trades.stopLoss[row],
    trades.takeProfit[row],
    EXIT_REASONS[trades.exitReason[row]],
  ]);
}
