/**
 * @file Every order of a run: those that a script placed, or those that signals stand for, and the stops, targets and
 * other ends of trades that nobody placed one by one.
 */

import { EXIT_REASONS } from "../../../protocol/backtest-result.ts";
import type { OrderRecord } from "../../../results/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import type { OpenPosition } from "../engine/engine-result.ts";
import type { LoggedOrder } from "../engine/order-log.ts";
import type { ExitReason, TradeLog } from "../engine/trade-log.ts";
import type { FinishedRun } from "./finished-run.ts";

/**
 * By the bar of placing, then of ending.
 *
 * @param signals given for a run by signals, whose entries and exits are orders too; null where a script placed them
 */
export function ordersOfRun(
  bars: BarColumns,
  run: Pick<FinishedRun, "orders" | "trades" | "openLots">,
  signals: StrategySignals | null,
  fillAt: "next_open" | "close",
): OrderRecord[] {
  const lastBar = bars.rows - 1;
  const orders = [
    ...run.orders.list(lastBar),
    ...(signals === null ? [] : signalOrders(run, signals, lastBar, fillAt)),
    ...tradeEnds(run.trades),
  ];
  orders.sort((left, right) => left.placedBar - right.placedBar || left.endedBar - right.endedBar);
  return orders.map((order) => recordOf(order, bars.timeMs));
}

const NO_PRICE = { limit: Number.NaN, stop: Number.NaN, units: Number.NaN } as const;

/** A market order for each entry, and for each exit that a signal gave. */
function signalOrders(
  { trades, openLots }: Pick<FinishedRun, "trades" | "openLots">,
  signals: StrategySignals,
  lastBar: number,
  fillAt: "next_open" | "close",
): LoggedOrder[] {
  const entryBarOf = (bar: number, isLong: boolean) => {
    if (fillAt === "close") return bar;
    // At the end of the data a signal of the last bar fills in that bar.
    const entries = isLong ? signals.entryLong : signals.entryShort;
    return bar === lastBar && entries[bar - 1] !== 1 ? bar : bar - 1;
  };
  const entry = ({ size, entryBar, entryPrice }: OpenPosition): LoggedOrder => ({
    ...NO_PRICE,
    placedBar: entryBarOf(entryBar, size > 0),
    side: size > 0 ? 1 : -1,
    kind: "market",
    status: "filled",
    reason: "signal",
    endedBar: entryBar,
    filledUnits: Math.abs(size),
    price: entryPrice,
  });
  const orders = openLots.map(entry);
  for (let row = 0; row < trades.count; row++) {
    const [size, exitBar] = [trades.size[row], trades.exitBar[row]];
    orders.push(entry({ size, entryBar: trades.entryBar[row], entryPrice: trades.entryPrice[row] }));
    if (reasonOf(trades, row) !== "signal") continue;
    const placedBar = fillAt === "close" ? exitBar : exitBar - 1;
    orders.push({ ...exitOf(trades, row), kind: "market", placedBar, status: "filled", reason: "signal" });
  }
  return orders;
}

/** Stops and targets from their entry on, one of which may have ended the trade; and ends that no price gave. */
function tradeEnds(trades: TradeLog): LoggedOrder[] {
  const orders: LoggedOrder[] = [];
  for (let row = 0; row < trades.count; row++) {
    const reason = reasonOf(trades, row);
    const exit = exitOf(trades, row);
    const [stop, limit] = [trades.stopLoss[row], trades.takeProfit[row]];
    const isStopped = reason === "stop_loss" || reason === "trailing_stop";
    const isWon = reason === "take_profit";
    const cancelled = {
      ...exit,
      filledUnits: 0,
      price: Number.NaN,
      status: "cancelled",
      reason: "position_closed",
    } as const;
    const filled = { ...exit, status: "filled", reason } as const;
    if (!Number.isNaN(stop)) orders.push({ ...(isStopped ? filled : cancelled), kind: "stop", stop });
    if (!Number.isNaN(limit)) orders.push({ ...(isWon ? filled : cancelled), kind: "limit", limit });
    if (!isStopped && !isWon && reason !== "signal") {
      orders.push({ ...filled, kind: "market", placedBar: trades.exitBar[row] });
    }
  }
  return orders;
}

/** The orders that leave the trade, placed with its entry. */
function exitOf(trades: TradeLog, row: number): Omit<LoggedOrder, "kind" | "status" | "reason"> {
  const size = trades.size[row];
  return {
    ...NO_PRICE,
    placedBar: trades.entryBar[row],
    side: size > 0 ? -1 : 1,
    units: Math.abs(size),
    endedBar: trades.exitBar[row],
    filledUnits: Math.abs(size),
    price: trades.exitPrice[row],
  };
}

function reasonOf(trades: TradeLog, row: number): ExitReason {
  return EXIT_REASONS[trades.exitReason[row]];
}

function recordOf(order: LoggedOrder, timeMs: Float64Array): OrderRecord {
  return {
    side: order.side === 1 ? "buy" : "sell",
    kind: order.kind,
    placedBar: order.placedBar,
    placedTimeMs: timeMs[order.placedBar],
    units: orNull(order.units),
    limitPrice: orNull(order.limit),
    stopPrice: orNull(order.stop),
    status: order.status,
    reason: order.reason,
    endedBar: order.endedBar,
    endedTimeMs: timeMs[order.endedBar],
    filledUnits: order.filledUnits,
    price: orNull(order.price),
  };
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
