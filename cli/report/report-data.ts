/** The data for the report's script: the chart and the trades as compact columns. */

import { DAY_MS } from "../../protocol/durations.ts";
import { EXIT_REASONS } from "../../protocol/index.ts";
import type { BacktestResult } from "../../results/index.ts";

/** Columns of equal length. Times are whole seconds since 1970 (UTC), as lightweight-charts counts them. */
export interface ReportData {
  /** Name of the file that the trade list is saved as. */
  fileName: string;
  barsPerPoint: number;
  /** Decimals of a price. */
  priceDigits: number;
  /** True when times need a time of day. */
  intraday: boolean;
  initialCapital: number;
  chart: {
    time: number[];
    open: number[];
    high: number[];
    low: number[];
    close: number[];
    equity: number[];
    drawdownPercent: number[];
    /** Equity of holding the benchmark; empty when that is undefined. */
    benchmark: number[];
  };
  exitReasons: readonly string[];
  trades: {
    size: number[];
    entryPoint: number[];
    exitPoint: number[];
    entryTime: number[];
    exitTime: number[];
    bars: number[];
    entryPrice: number[];
    exitPrice: number[];
    pnl: number[];
    returnPercent: number[];
    adversePercent: number[];
    favourablePercent: number[];
    commission: number[];
    stopLoss: (number | null)[];
    takeProfit: (number | null)[];
    /** Index into `exitReasons`. */
    exitReason: number[];
  };
}

/** Ten significant digits: more than any table shows, and half the bytes of a double's seventeen. */
const SIGNIFICANT_DIGITS = 10;

export function reportData(result: BacktestResult): ReportData {
  const { chart, trades, settings } = result;
  const lastPoint = chart.timeMs.length - 1;
  const pointOf = (bar: number) => Math.min(Math.floor(bar / chart.barsPerPoint), lastPoint);
  return {
    fileName: `${result.strategyName}-${result.symbol}-trades.csv`.replace(/[^A-Za-z0-9._-]+/g, "-"),
    barsPerPoint: chart.barsPerPoint,
    priceDigits: priceDigits(chart.close),
    intraday: chart.timeMs.some((timeMs) => timeMs % DAY_MS !== 0),
    initialCapital: settings.initialCapital,
    chart: {
      time: chart.timeMs.map(seconds),
      open: chart.open.map(shortened),
      high: chart.high.map(shortened),
      low: chart.low.map(shortened),
      close: chart.close.map(shortened),
      equity: chart.equity.map(shortened),
      drawdownPercent: chart.drawdownPercent.map(shortened),
      benchmark: chart.benchmark.map(shortened),
    },
    exitReasons: EXIT_REASONS,
    trades: {
      size: trades.map((trade) => shortened(trade.size)),
      entryPoint: trades.map((trade) => pointOf(trade.entryBar)),
      exitPoint: trades.map((trade) => pointOf(trade.exitBar)),
      entryTime: trades.map((trade) => seconds(trade.entryTimeMs)),
      exitTime: trades.map((trade) => seconds(trade.exitTimeMs)),
      bars: trades.map((trade) => trade.barsHeld),
      entryPrice: trades.map((trade) => shortened(trade.entryPrice)),
      exitPrice: trades.map((trade) => shortened(trade.exitPrice)),
      pnl: trades.map((trade) => shortened(trade.pnl)),
      returnPercent: trades.map((trade) => shortened(trade.returnPercent)),
      adversePercent: trades.map((trade) => shortened(trade.adverseExcursionPercent)),
      favourablePercent: trades.map((trade) => shortened(trade.favourableExcursionPercent)),
      commission: trades.map((trade) => shortened(trade.commission)),
      stopLoss: trades.map((trade) => (trade.stopLoss === null ? null : shortened(trade.stopLoss))),
      takeProfit: trades.map((trade) => (trade.takeProfit === null ? null : shortened(trade.takeProfit))),
      exitReason: trades.map((trade) => EXIT_REASONS.indexOf(trade.exitReason)),
    },
  };
}

/** Cents for shares and indices, five decimals for exchange rates, more for what costs less than a cent. */
export function priceDigits(closes: readonly number[]): number {
  const middle = closes.toSorted((left, right) => left - right)[Math.floor(closes.length / 2)] ?? 100;
  if (middle >= 10) return 2;
  if (middle >= 0.5) return 5;
  return middle >= 0.01 ? 6 : 8;
}

function shortened(value: number): number {
  return Number(value.toPrecision(SIGNIFICANT_DIGITS));
}

function seconds(timeMs: number): number {
  return Math.floor(timeMs / 1000);
}
