/** Says in words which rates of a simulated broker are large: 0.1 is 10 %, and was often meant as 0.1 %. */
import type { BacktestSettings } from "../../protocol/operations/index.ts";
import type { ResultWarning } from "../../protocol/warnings.ts";

/** 1 %: few markets charge as much. */
const LARGE_RATE = 0.01;

type RateName = "commissionRate" | "makerCommissionRate" | "spreadRate" | "slippageRate";

/** The name of each rate, and the value that it is a part of. */
const RATES: Readonly<Record<RateName, readonly [name: string, ofWhat: string]>> = {
  commissionRate: ["commission", "each order's value"],
  makerCommissionRate: ["maker commission", "the value of each limit order that stood in the book"],
  spreadRate: ["spread", "each entry's price"],
  slippageRate: ["slippage", "each fill's price"],
};

/** A warning for each rate from 1 % on. Pure. */
export function largeRates(settings: Readonly<Partial<Pick<BacktestSettings, RateName>>>): ResultWarning[] {
  return (Object.keys(RATES) as RateName[]).flatMap((key) => {
    const rate = settings[key] ?? 0;
    if (!(Math.abs(rate) >= LARGE_RATE)) return [];
    const [name, ofWhat] = RATES[key];
    const [percent, meant] = [decimal(rate * 100), decimal(rate / 100)];
    const message = `The ${name} of ${rate} is ${percent} % of ${ofWhat}; ${rate} % is written ${meant} or ${rate}%.`;
    return [{ code: "large-rate", message, count: 1 }];
  });
}

/** Without the rounding error of a product: 0.07 × 100 is 7.000000000000001. */
function decimal(value: number): number {
  return Number(value.toPrecision(12));
}
