/** Backtests of signals: signals and bars in, trades and equity out. `signal-run.ts` says how. */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import type { BarsDone, EngineResult } from "./engine-result.ts";
import { EquityCurve, type EquityRecorder } from "./equity-recorder.ts";
import { OrderLog } from "./order-log.ts";
import { SignalRun } from "./signal-run.ts";
import { TradeLog } from "./trade-log.ts";

/** The log begins with room for one trade in this many bars; more make it grow. */
const BARS_PER_TRADE = 64;

/**
 * Runs the signals over the bars. Pure: the same arguments give the same bits on every machine.
 *
 * @param bars validated columns; every signal column has the same length
 * @param settings rates as fractions, money in the account's currency
 * @throws Problem `invalid-strategy` for a target within the spread, which would stand behind its own entry
 */
export function runBacktest(
  bars: BarColumns,
  signals: StrategySignals,
  settings: BacktestSettings,
  onProgress?: BarsDone,
): EngineResult {
  const curve = new EquityCurve(bars.close);
  const trades = new TradeLog(Math.ceil(bars.rows / BARS_PER_TRADE));
  const orders = new OrderLog();
  return {
    trades,
    orders,
    equity: curve.equity,
    ...runMarked(bars, signals, settings, curve, trades, onProgress, orders),
  };
}

/** As `runBacktest`, with the marks, the trades and (when wanted) the refused orders going where the caller wants them. */
export function runMarked(
  bars: BarColumns,
  signals: StrategySignals,
  settings: BacktestSettings,
  recorder: EquityRecorder,
  trades: TradeLog,
  onProgress?: BarsDone,
  orders: OrderLog | null = null,
): Omit<EngineResult, "trades" | "equity" | "orders"> {
  const run = new SignalRun(bars, signals, settings, recorder, trades, orders);
  run.advance(bars.rows, onProgress);
  return run.finish(onProgress);
}
