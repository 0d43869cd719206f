/** The fraction of free equity that an entry uses, from each form of `size`. */
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import { type ParameterValues, resolveFraction } from "./resolve-parameters.ts";
import type { ProtectiveLevel } from "./signals.ts";
import type { StrategyFault } from "./strategy-faults.ts";

const ALL = { above: 0, max: 1, maxIncluded: true };
const BELOW_ALL = { above: 0, max: 1, maxIncluded: false };

/** Null with a fault where it cannot be known. */
export function resolveSize(
  { size, stop_loss: written }: RuleStrategy,
  stopLoss: ProtectiveLevel | null,
  parameters: ParameterValues,
  faults: StrategyFault[],
): number | null {
  const path = ["size"];
  if (typeof size !== "object") return resolveFraction(size, path, ALL, parameters, faults);
  if ("risk" in size) {
    const risk = resolveFraction(size.risk, ["size", "risk"], BELOW_ALL, parameters, faults);
    if (written === undefined)
      faults.push({
        message: "a size by risk needs to know where the loss ends",
        cure: "Add a stop_loss, such as stop_loss: 3%.",
        path,
      });
    return risk === null || stopLoss === null ? null : Math.min(1, risk / stopLoss.fraction);
  }
  const winRate = resolveFraction(size.win_rate, ["size", "win_rate"], BELOW_ALL, parameters, faults);
  const share = resolveFraction(size.share, ["size", "share"], ALL, parameters, faults);
  if (winRate === null || share === null) return null;
  const kelly = winRate - (1 - winRate) / size.payoff;
  if (kelly > 0) return Math.min(1, share * kelly);
  const message = `win_rate ${winRate} at payoff ${size.payoff} loses on average, so that its size is ${kelly.toPrecision(3)}`;
  faults.push({ message, cure: "Give rates of a strategy that wins.", path });
  return null;
}
