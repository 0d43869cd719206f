import type { EntrySizing, StrategySignals } from "./signals.ts";

/** The part of what the account carries that has `fraction` of the equity as its value: at most all of it. */
export function valueFraction({ fraction }: Extract<EntrySizing, { kind: "value" }>, margin: number): number {
  return Math.min(1, fraction * margin);
}

/** The part of what the account carries that an entry asks for, where no amount decides. */
export function entryFraction({ sizeFraction, sizing }: StrategySignals, margin: number): number {
  return sizing?.kind === "value" ? valueFraction(sizing, margin) : sizeFraction;
}
