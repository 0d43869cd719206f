/** A market upside down: prices below zero instead of above it, and shorts instead of longs, make the same money. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { runPortfolio } from "./engine.ts";
import type { PortfolioSymbol } from "./portfolio-model.ts";
import { randomPortfolio } from "./testing/random-portfolios.ts";

vi.setConfig({ testTimeout: 60_000 });

/** Where both sides enter the long one is taken, which has no mirror image. */
function withoutConflicts(of: PortfolioSymbol): PortfolioSymbol {
  const { entryLong, entryShort } = of.signals;
  return { ...of, signals: { ...of.signals, entryShort: entryShort.map((flag, bar) => (entryLong[bar] ? 0 : flag)) } };
}

function mirrored({ bars, signals, actions, ...of }: PortfolioSymbol): PortfolioSymbol {
  const negative = (column: Float64Array) => column.map((price) => -price);
  const { entryLong, entryShort, exitLong, exitShort } = signals;
  return {
    ...of,
    bars: {
      ...bars,
      open: negative(bars.open),
      high: negative(bars.low),
      low: negative(bars.high),
      close: negative(bars.close),
    },
    signals: { ...signals, entryLong: entryShort, entryShort: entryLong, exitLong: exitShort, exitShort: exitLong },
    actions: actions.map((action) => ({ ...action, dividend: -action.dividend })),
  };
}

describe("a portfolio in a mirrored market", () => {
  it("has the same equity, and each trade on the other side", () => {
    fc.assert(
      fc.property(randomPortfolio, ({ symbols, plan, settings }) => {
        const plain = symbols.map(withoutConflicts);
        const one = runPortfolio(plain, plan, settings);
        const other = runPortfolio(plain.map(mirrored), plan, settings);
        expect(other.equity).toEqual(one.equity);
        expect(other.exposure).toEqual(one.exposure);
        const figures = (run: typeof one, sign: number) =>
          run.trades.map(({ slot, size, entryMoment, exitMoment, entryPrice, exitPrice, pnl, exitReason }) => [
            ...[slot, sign * size, entryMoment, exitMoment, exitReason],
            ...[sign * entryPrice, sign * exitPrice, pnl].map((value) => value + 0),
          ]);
        expect(figures(other, -1)).toEqual(figures(one, 1));
        expect(other.counts).toEqual(one.counts);
      }),
      { numRuns: 1000 },
    );
  });
});
