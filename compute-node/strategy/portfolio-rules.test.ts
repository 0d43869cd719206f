import { describe, expect, it } from "vitest";
import { randomBars } from "../backtest/testing/random-cases.ts";
import { compileRules } from "./compile-rules.ts";
import { parseRuleStrategyFile } from "./strategy-file.ts";
import { validateStrategy } from "./validate-strategy.ts";

const HEAD = `name: rotation
parameters: { share: 0.2 }
indicators:
  mean: { type: sma, period: 3 }
entries: { long: close > mean }
portfolio:
`;

function parsed(portfolio: string) {
  return parseRuleStrategyFile(HEAD + portfolio, "rotation.yaml");
}

describe("the portfolio section", () => {
  it("compiles to a rank a bar, undefined until its series are, and to fractions", () => {
    const strategy = parsed("  rank_by: close / mean\n  weight: share\n  max_weight: 25%\n");
    const rules = compileRules(strategy, { share: 0.1 });
    expect([rules.weight, rules.maxWeight]).toEqual([0.1, 0.25]);
    const bars = randomBars(6, 1, 0.02);
    const { rank } = rules.signals(bars);
    const mean = (bar: number) => (bars.close[bar] + bars.close[bar - 1] + bars.close[bar - 2]) / 3;
    expect(rank?.[1]).toBeNaN();
    for (const bar of [2, 5]) expect(rank?.[bar]).toBeCloseTo(bars.close[bar] / mean(bar), 12);
  });

  it("leaves signals as they are without a rank, and without the section", () => {
    const bars = randomBars(50, 2, 0.02);
    const ranked = compileRules(parsed("  rank_by: mean\n")).signals(bars);
    const plain = compileRules(parsed("  max_positions: 3\n")).signals(bars);
    expect(plain.rank).toBeUndefined();
    expect(ranked.entryLong).toEqual(plain.entryLong);
  });

  it.each([
    ["  rank_by: close > mean\n", /rotation\.yaml:7:.*the expression is a condition, not a number/],
    ["  rank_by: close / meen\n", /meen/],
    ["  max_weight: 120%\n", /max_weight is 1\.2/],
    ["  max_position: 3\n", /unknown key "max_position"/],
    ["  rebalance: { every: monthly, select: ranked }\n", /"select: ranked" needs to know how symbols are ranked/],
    ["  rebalance: { every: monthly, weights: rank }\n", /"weights: rank" needs/],
    [
      "  rank_by: mean\n  rank_order: ascending\n  rebalance: { every: 5, weights: rank }\n",
      /least for the best, which ascending puts first/,
    ],
  ])("tells what is wrong with it, and where: %j", (portfolio, message) => {
    expect(() => validateStrategy(parsed(portfolio))).toThrow(message);
  });

  it("needs no exit when it rotates", () => {
    const strategy = parsed("  rank_by: mean\n  rebalance: { every: weekly, select: ranked }\n");
    expect(validateStrategy(strategy).map(({ code }) => code)).toEqual(["unused-parameter"]);
  });
});
