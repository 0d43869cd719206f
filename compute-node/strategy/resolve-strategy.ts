/** Resolves a strategy with one set of parameters: checks everything, and collects every fault. */
import type { Conventions } from "../../protocol/conventions.ts";
import type { PortfolioRules } from "../../protocol/portfolio-rules.ts";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import { parseCondition } from "./expression-parser.ts";
import type { ExpressionFault } from "./expression-tree.ts";
import { type Lowered, type LoweringScope, lowerCondition, lowerNumber } from "./lower-expression.ts";
import { StrategyIndicators } from "./resolve-indicators.ts";
import { type ParameterValues, resolveFraction, resolveParameters } from "./resolve-parameters.ts";
import { resolveSize } from "./resolve-size.ts";
import { SeriesPlan } from "./series-plan.ts";
import type { EntrySizing, ProtectiveLevel } from "./signals.ts";
import type { StrategyFault } from "./strategy-faults.ts";

export const SIDES = ["long", "short"] as const;
export type Side = (typeof SIDES)[number];

export interface ResolvedStrategy {
  readonly faults: readonly StrategyFault[];
  readonly plan: SeriesPlan;
  readonly parameters: ParameterValues;
  readonly indicators: StrategyIndicators;
  /** Null where there is no such rule, or a faulty one. */
  readonly entries: Readonly<Record<Side, Lowered | null>>;
  readonly exits: Readonly<Record<Side, Lowered | null>>;
  readonly sizeFraction: number;
  /** Null where `sizeFraction` decides. */
  readonly sizing: EntrySizing | null;
  readonly stopLoss: ProtectiveLevel | null;
  readonly takeProfit: ProtectiveLevel | null;
  readonly portfolio: ResolvedPortfolio;
}

/** The numbers and expressions of the `portfolio` section. */
interface ResolvedPortfolio {
  /** Null without `rank_by`. */
  readonly rank: Lowered | null;
  /** The fraction of equity that an entry uses; null for an equal slot. */
  readonly weight: number | null;
  readonly maxWeight: number;
}

/** Never throws on a strategy of the right shape: look at `faults` before using the rest. */
export function resolveStrategy(
  strategy: RuleStrategy,
  overrides: Readonly<Record<string, number>>,
  crosses: Conventions["crosses"] = "touching",
): ResolvedStrategy {
  const faults: StrategyFault[] = [];
  const plan = new SeriesPlan();
  const parameters = resolveParameters(strategy, overrides, faults);
  const indicators = new StrategyIndicators(strategy, parameters, plan, faults);
  const scope = { plan, parameters, indicators, crosses };
  const rules = (kind: "entries" | "exits") => {
    const rule = (side: Side) => lowerRule(strategy[kind][side], [kind, side], scope, faults);
    return { long: rule("long"), short: rule("short") };
  };
  const entries = rules("entries");
  const exits = rules("exits");
  if (SIDES.every((side) => strategy.entries[side] === undefined)) {
    const cure = 'Add a condition for "long", "short" or both under entries.';
    faults.push({ message: "the strategy never enters: entries is empty", cure, path: ["entries"] });
  }
  const stop = { above: 0, max: 1, maxIncluded: false };
  // The target of a short lies below the price, and a price cannot fall by more than all of itself.
  const target = strategy.entries.short === undefined ? { above: 0, max: 100, maxIncluded: true } : stop;
  const stopLoss = protectiveLevel(strategy, "stop_loss", stop, parameters, faults);
  const takeProfit = protectiveLevel(strategy, "take_profit", target, parameters, faults);
  const size = resolveSize(strategy, stopLoss, parameters, faults);
  const portfolio = resolvePortfolio(strategy, scope, faults);
  return { faults, plan, parameters, indicators, entries, exits, ...size, stopLoss, takeProfit, portfolio };
}

function resolvePortfolio(
  { portfolio }: RuleStrategy,
  scope: Omit<LoweringScope, "faults">,
  faults: StrategyFault[],
): ResolvedPortfolio {
  if (portfolio === undefined) return { rank: null, weight: null, maxWeight: 1 };
  const range = { above: 0, max: 1, maxIncluded: true };
  const share = (key: "weight" | "max_weight", written: number | string) =>
    resolveFraction(written, ["portfolio", key], range, scope.parameters, faults);
  const rank = lowerRule(portfolio.rank_by, ["portfolio", "rank_by"], scope, faults, lowerNumber);
  if (portfolio.rank_by === undefined) faults.push(...faultsWithoutRank(portfolio));
  else if (portfolio.rebalance?.weights === "rank" && portfolio.rank_order === "ascending")
    faults.push({
      message: "weights in proportion to the rank would be the least for the best, which ascending puts first",
      cure: "Turn the rank round, such as rank_by: 1 / atr_14, and leave out rank_order.",
      path: ["portfolio", "rebalance", "weights"],
    });
  return {
    rank,
    weight: portfolio.weight === undefined ? null : share("weight", portfolio.weight),
    maxWeight: share("max_weight", portfolio.max_weight) ?? 1,
  };
}

function faultsWithoutRank({ rebalance }: PortfolioRules): StrategyFault[] {
  const needs = (key: "weights" | "select", value: string): StrategyFault[] =>
    rebalance?.[key] !== value
      ? []
      : [
          {
            message: `"${key}: ${value}" needs to know how symbols are ranked`,
            cure: "Add rank_by, such as rank_by: close / close[60].",
            path: ["portfolio", "rebalance", key],
          },
        ];
  return [...needs("weights", "rank"), ...needs("select", "ranked")];
}

function lowerRule(
  text: string | undefined,
  path: readonly string[],
  scope: Omit<LoweringScope, "faults">,
  faults: StrategyFault[],
  lower = lowerCondition,
): Lowered | null {
  if (text === undefined) return null;
  const found: ExpressionFault[] = [];
  const { expression, fault } = parseCondition(text);
  const lowered = expression === null ? null : lower(expression, { ...scope, faults: found });
  if (fault !== null) found.push(fault);
  const place = (at: number) => `at column ${at + 1} of the rule, `;
  faults.push(...found.map(({ message, ...rest }) => ({ message: `${place(rest.at)}${message}`, ...rest, path })));
  return lowered;
}

function protectiveLevel(
  strategy: RuleStrategy,
  key: "stop_loss" | "take_profit",
  range: Parameters<typeof resolveFraction>[2],
  parameters: ParameterValues,
  faults: StrategyFault[],
): ProtectiveLevel | null {
  const written = strategy[key];
  if (written === undefined) return null;
  const isPlain = typeof written !== "object";
  const path = isPlain ? [key] : [key, "fraction"];
  const fraction = resolveFraction(isPlain ? written : written.fraction, path, range, parameters, faults);
  return fraction === null ? null : { fraction, from: isPlain ? "signal_close" : written.from };
}
