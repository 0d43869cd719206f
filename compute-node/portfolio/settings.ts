/** Refuses settings that a portfolio does not follow: before it runs, never silently. */
import { CONVENTION_NAMES } from "../../protocol/conventions.ts";
import { type BacktestSettings, backtestSettings } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { PortfolioSymbol } from "./portfolio-model.ts";

/**
 * The settings of a backtest that a portfolio follows. It takes every convention: `entryBarTarget` changes nothing in it, since all of
 * its entries are market orders.
 */
export const SUPPORTED_SETTINGS: readonly string[] = [
  "initialCapital",
  "commissionRate",
  "commissionFixed",
  "commissionPerUnit",
  "commissionMinimum",
  "spreadRate",
  "slippageRate",
  "margin",
  "fractionalUnits",
  "lotSize",
  "fillAt",
  "finalizeTrades",
  ...CONVENTION_NAMES,
] satisfies (keyof BacktestSettings)[];

/** Throws a `Problem` that names the first setting or size that a portfolio cannot follow. */
export function checkPortfolioSettings(symbols: readonly PortfolioSymbol[], settings: BacktestSettings): void {
  const standard: Readonly<Record<string, unknown>> = backtestSettings.parse({});
  for (const [name, value] of Object.entries(settings)) {
    if (SUPPORTED_SETTINGS.includes(name) || value === undefined) continue;
    if (JSON.stringify(value) === JSON.stringify(standard[name])) continue;
    const shown = JSON.stringify(value);
    throw new Problem("invalid-request", `A portfolio does not know the setting ${name}, which is ${shown}.`, {
      cure: `Leave it at ${JSON.stringify(standard[name]) ?? "nothing"}, or test the symbols one by one.`,
    });
  }
  for (const { signals } of symbols) checkSignals(signals, settings);
}

function checkSignals({ sizing, takeProfit }: PortfolioSymbol["signals"], settings: BacktestSettings): void {
  if (sizing !== undefined && sizing.kind !== "value")
    throw new Problem(
      "invalid-strategy",
      `A portfolio shares its equity by weights; "size" by ${sizing.kind} is none.`,
      {
        cure: "Give size as a fraction, or leave it out; portfolio.weight says how much each entry uses.",
      },
    );
  if (takeProfit === null || takeProfit.from === "fill" || takeProfit.fraction > settings.spreadRate) return;
  throw new Problem(
    "invalid-strategy",
    `The take-profit of ${takeProfit.fraction} lies within the spread of ${settings.spreadRate}: it would stand behind the entry.`,
    { cure: "Set take_profit above the spread rate, or measure it from the fill." },
  );
}
