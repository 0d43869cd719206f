/** Checks the fields and figures of an order. */
import { Problem } from "../../../protocol/problem.ts";
import { suggestion } from "../../strategy/closest-name.ts";
import type { OrderKind, OrderRequest } from "./order.ts";

export function kindOf({ limit, stop }: OrderRequest): OrderKind {
  if (stop === undefined) return limit === undefined ? "market" : "limit";
  return limit === undefined ? "stop" : "stop_limit";
}

/** Asks for all the free equity, at the market. It needs no check. */
export const WHOLE_MARKET_ORDER: OrderRequest = Object.freeze({});

const POSITIVE_FIELDS = ["units", "money", "size", "trailingStop", "maxBars"] as const;
const AMOUNTS = ["units", "money", "size"] as const;
/** Some markets trade below zero. */
const PRICES = ["limit", "stop"] as const;
const LEVELS = ["stopLoss", "takeProfit"] as const;
const FIELDS: readonly string[] = [...POSITIVE_FIELDS, ...PRICES, ...LEVELS, "timeInForce", "cancelGroup"];

/**
 * The compiler sees to most of this where there is one; a strategy in plain JavaScript has none.
 *
 * @throws Problem `invalid-strategy` for a figure that no order can have, and for an unknown field
 */
export function checkRequest(request: OrderRequest): void {
  if (request === WHOLE_MARKET_ORDER) return;
  checkShape(request);
  for (const field of POSITIVE_FIELDS) checkPositive(field, request[field]);
  for (const field of PRICES) checkPrice(field, request[field]);
  for (const field of LEVELS) {
    const level = request[field];
    if (typeof level === "object") checkPositive(`${field}.fraction`, level?.fraction ?? Number.NaN);
    else checkPrice(field, level);
  }
  const amounts = AMOUNTS.filter((field) => request[field] !== undefined);
  if (amounts.length > 1) {
    throw new Problem(
      "invalid-strategy",
      `An order has ${amounts.join(" and ")}: only one of them can decide its size.`,
      {
        cure: "Give units, money or size.",
      },
    );
  }
  if (!Number.isInteger(request.maxBars ?? 1)) {
    throw new Problem("invalid-strategy", `An order has maxBars ${request.maxBars}.`, {
      cure: "Give a whole number of bars.",
    });
  }
  if ((request.size ?? 1) > 1 || (request.trailingStop ?? 0) >= 1) {
    throw new Problem("invalid-strategy", "An order's size or trailing stop is above the whole.", {
      cure: "Give fractions: 0.5 is half.",
    });
  }
}

function checkShape(request: OrderRequest): void {
  if (typeof request !== "object" || request === null) {
    throw new Problem("invalid-strategy", `An order is asked for by an object, not by ${String(request)}.`, {
      cure: "Write buy({ units: 100 }) or buy({ size: 0.5 }).",
    });
  }
  for (const field in request) {
    if (FIELDS.includes(field)) continue;
    throw new Problem("invalid-strategy", `An order has no field "${field}".`, {
      cure: suggestion(field, FIELDS, "fields"),
    });
  }
  const { timeInForce = "gtc", cancelGroup = "" } = request;
  if ((timeInForce !== "gtc" && timeInForce !== "day") || typeof cancelGroup !== "string") {
    throw new Problem("invalid-strategy", "An order's timeInForce or cancelGroup is no such thing.", {
      cure: 'Give timeInForce "gtc" or "day", and a text as cancelGroup.',
    });
  }
}

function checkPositive(field: string, value: number | undefined): void {
  if (value === undefined || (value > 0 && Number.isFinite(value))) return;
  throw new Problem("invalid-strategy", `An order has ${field} ${value}.`, { cure: "Give a positive number." });
}

function checkPrice(field: string, value: number | undefined): void {
  if (value === undefined || Number.isFinite(value)) return;
  throw new Problem("invalid-strategy", `An order has ${field} ${value}.`, { cure: "Give a price: a finite number." });
}
