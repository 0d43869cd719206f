/** Orders and their ends. A stop, target or other end of a trade that no signal gave is an order too. */
import { z } from "zod";
import { ORDER_KINDS, ORDER_REASONS, ORDER_STATUSES } from "../../protocol/index.ts";
import { double, int, optionalDouble, rowShape, text, time } from "../declaration/index.ts";

export const ORDER_COLUMNS = [
  text("side", z.enum(["buy", "sell"])),
  text("kind", z.enum(ORDER_KINDS)),
  int("placedBar", "bars", "The bar at whose close it was placed; for a stop or target the bar of its entry."),
  time("placedTimeMs"),
  optionalDouble("units", "units", "What was asked for; none for a fraction of the equity."),
  optionalDouble("limitPrice", "price"),
  optionalDouble("stopPrice", "price"),
  text("status", z.enum(ORDER_STATUSES)),
  text("reason", z.enum(ORDER_REASONS), "Why it ended so; see below."),
  int("endedBar", "bars", "The bar in which it filled or ended; the last one for an order that still waits."),
  time("endedTimeMs"),
  double("filledUnits", "units", "0 unless it filled."),
  optionalDouble("price", "price", "The fill's."),
] as const;

export const orderRecord = z.strictObject(rowShape(ORDER_COLUMNS));
export type OrderRecord = z.infer<typeof orderRecord>;
