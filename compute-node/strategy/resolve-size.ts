/** Resolves the size of an entry from each form of `size`. */
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import { type ParameterValues, resolveFraction } from "./resolve-parameters.ts";
import type { EntrySizing, ProtectiveLevel } from "./signals.ts";
import type { StrategyFault } from "./strategy-faults.ts";

const ALL = { above: 0, max: 1, maxIncluded: true };
const BELOW_ALL = { above: 0, max: 1, maxIncluded: false };
/** A year's volatility may be above all of the price. */
const VOLATILITY = { above: 0, max: 10, maxIncluded: true };

interface ResolvedSize {
  /** Fraction of the free equity; 1 where `sizing` decides. */
  readonly sizeFraction: number;
  readonly sizing: EntrySizing | null;
}

const WHOLE: ResolvedSize = { sizeFraction: 1, sizing: null };

/** All of it, with a fault, where it cannot be known. */
export function resolveSize(
  strategy: RuleStrategy,
  stopLoss: ProtectiveLevel | null,
  parameters: ParameterValues,
  faults: StrategyFault[],
): ResolvedSize {
  const { size } = strategy;
  if (typeof size === "object") {
    if ("units" in size) return { ...WHOLE, sizing: { kind: "units", units: size.units } };
    if ("money" in size) return { ...WHOLE, sizing: { kind: "money", money: size.money } };
    if ("volatility_target" in size) {
      const path = ["size", "volatility_target"];
      const target = resolveFraction(size.volatility_target, path, VOLATILITY, parameters, faults);
      return target === null ? WHOLE : { ...WHOLE, sizing: { kind: "volatility", target, window: size.window } };
    }
  }
  if (typeof size !== "object")
    return { ...WHOLE, sizeFraction: resolveFraction(size, ["size"], ALL, parameters, faults) ?? 1 };
  const fraction = resolveValueFraction(strategy, stopLoss, parameters, faults);
  return fraction === null ? WHOLE : { ...WHOLE, sizing: { kind: "value", fraction } };
}

/** The position's value as a part of the equity, by risk or by Kelly; null with a fault where it cannot be known. */
function resolveValueFraction(
  { size, stop_loss: written }: RuleStrategy,
  stopLoss: ProtectiveLevel | null,
  parameters: ParameterValues,
  faults: StrategyFault[],
): number | null {
  const path = ["size"];
  if (typeof size !== "object") return null;
  if ("risk" in size) {
    const risk = resolveFraction(size.risk, ["size", "risk"], BELOW_ALL, parameters, faults);
    if (written === undefined)
      faults.push({
        message: "a size by risk needs to know where the loss ends",
        cure: "Add a stop_loss, such as stop_loss: 3%.",
        path,
      });
    return risk === null || stopLoss === null ? null : risk / stopLoss.fraction;
  }
  if (!("win_rate" in size)) return null;
  const winRate = resolveFraction(size.win_rate, ["size", "win_rate"], BELOW_ALL, parameters, faults);
  const share = resolveFraction(size.share, ["size", "share"], ALL, parameters, faults);
  if (winRate === null || share === null) return null;
  const kelly = winRate - (1 - winRate) / size.payoff;
  if (kelly > 0) return share * kelly;
  const message = `win_rate ${winRate} at payoff ${size.payoff} loses on average, so that its size is ${kelly.toPrecision(3)}`;
  faults.push({ message, cure: "Give rates of a strategy that wins.", path });
  return null;
}
