/** What an order may ask for. */
import { Problem } from "../../protocol/problem.ts";
import type { OrderKind, OrderRequest } from "./order.ts";

export function kindOf({ limit, stop }: OrderRequest): OrderKind {
  if (stop === undefined) return limit === undefined ? "market" : "limit";
  return limit === undefined ? "stop" : "stop_limit";
}

const POSITIVE_FIELDS = ["units", "money", "size", "limit", "stop", "trailingStop", "maxBars"] as const;
const LEVELS = ["stopLoss", "takeProfit"] as const;

/** @throws Problem `invalid-strategy` for a figure that no order can have */
export function checkRequest(request: OrderRequest): void {
  for (const field of POSITIVE_FIELDS) checkPositive(field, request[field]);
  for (const field of LEVELS) {
    const level = request[field];
    if (typeof level === "object") checkPositive(`${field}.fraction`, level.fraction);
    else checkPositive(field, level);
  }
  if ((request.size ?? 1) > 1 || (request.trailingStop ?? 0) >= 1) {
    throw new Problem("invalid-strategy", "An order's size or trailing stop is above the whole.", {
      cure: "Give fractions: 0.5 is half.",
    });
  }
}

function checkPositive(field: string, value: number | undefined): void {
  if (value === undefined || (value > 0 && Number.isFinite(value))) return;
  throw new Problem("invalid-strategy", `An order has ${field} ${value}.`, { cure: "Give a positive number." });
}
