/** What a strategy means, with one set of parameters: everything checked, every fault collected. */
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import { parseCondition } from "./expression-parser.ts";
import type { ExpressionFault } from "./expression-tree.ts";
import { type Lowered, type LoweringScope, lowerCondition } from "./lower-expression.ts";
import { StrategyIndicators } from "./resolve-indicators.ts";
import { type ParameterValues, resolveFraction, resolveParameters } from "./resolve-parameters.ts";
import { resolveSize } from "./resolve-size.ts";
import { SeriesPlan } from "./series-plan.ts";
import type { ProtectiveLevel } from "./signals.ts";
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
  readonly stopLoss: ProtectiveLevel | null;
  readonly takeProfit: ProtectiveLevel | null;
}

/** Never throws on a strategy of the right shape: look at `faults` before using the rest. */
export function resolveStrategy(strategy: RuleStrategy, overrides: Readonly<Record<string, number>>): ResolvedStrategy {
  const faults: StrategyFault[] = [];
  const plan = new SeriesPlan();
  const parameters = resolveParameters(strategy, overrides, faults);
  const indicators = new StrategyIndicators(strategy, parameters, plan, faults);
  const rules = (kind: "entries" | "exits") => {
    const rule = (side: Side) =>
      lowerRule(strategy[kind][side], [kind, side], { plan, parameters, indicators }, faults);
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
  const sizeFraction = resolveSize(strategy, stopLoss, parameters, faults) ?? 1;
  return { faults, plan, parameters, indicators, entries, exits, sizeFraction, stopLoss, takeProfit };
}

function lowerRule(
  text: string | undefined,
  path: readonly string[],
  scope: Omit<LoweringScope, "faults">,
  faults: StrategyFault[],
): Lowered | null {
  if (text === undefined) return null;
  const found: ExpressionFault[] = [];
  const { expression, fault } = parseCondition(text);
  const lowered = expression === null ? null : lowerCondition(expression, { ...scope, faults: found });
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
