/** Closed trades as growing columns: no object a trade, so that a run with many trades stays cheap. */
import { EXIT_REASONS, type Trade } from "../../protocol/backtest-result.ts";

export type ExitReason = (typeof EXIT_REASONS)[number];

const FIRST_CAPACITY = 64;

/** Names of the numeric columns. */
const COLUMNS = [
  "size",
  "entryBar",
  "exitBar",
  "entryPrice",
  "exitPrice",
  "pnl",
  "commission",
  "returnFraction",
  "stopLoss",
  "takeProfit",
] as const;

/** A row a closed trade, in the order of closing. Read the columns up to `count`; they are longer than that. */
export class TradeLog {
  count = 0;
  /** Units; negative for a short. */
  size = new Float64Array(FIRST_CAPACITY);
  entryBar = new Float64Array(FIRST_CAPACITY);
  exitBar = new Float64Array(FIRST_CAPACITY);
  entryPrice = new Float64Array(FIRST_CAPACITY);
  exitPrice = new Float64Array(FIRST_CAPACITY);
  /** Net of commission, money. */
  pnl = new Float64Array(FIRST_CAPACITY);
  /** Of entry and exit together, money. */
  commission = new Float64Array(FIRST_CAPACITY);
  /** Net of commission, as a fraction of the entry value. */
  returnFraction = new Float64Array(FIRST_CAPACITY);
  /** NaN without one. */
  stopLoss = new Float64Array(FIRST_CAPACITY);
  /** NaN without one. */
  takeProfit = new Float64Array(FIRST_CAPACITY);
  /** Index into `EXIT_REASONS`. */
  exitReason = new Uint8Array(FIRST_CAPACITY);

  /** Makes room for one more row and returns its index; the caller writes every column of it. */
  append(): number {
    const row = this.count++;
    if (row === this.size.length) this.grow(row * 2);
    return row;
  }

  private grow(capacity: number): void {
    for (const name of COLUMNS) {
      const longer = new Float64Array(capacity);
      longer.set(this[name]);
      this[name] = longer;
    }
    const longer = new Uint8Array(capacity);
    longer.set(this.exitReason);
    this.exitReason = longer;
  }
}

/** The rows as the protocol's records. `timeMs` holds the bars' start times. */
export function tradeRecords(trades: TradeLog, timeMs: Float64Array): Trade[] {
  return Array.from({ length: trades.count }, (_, row) => ({
    size: trades.size[row],
    entryBar: trades.entryBar[row],
    exitBar: trades.exitBar[row],
    entryTimeMs: timeMs[trades.entryBar[row]],
    exitTimeMs: timeMs[trades.exitBar[row]],
    entryPrice: trades.entryPrice[row],
    exitPrice: trades.exitPrice[row],
    pnl: trades.pnl[row],
    commission: trades.commission[row],
    returnPercent: trades.returnFraction[row] * 100,
    stopLoss: orNull(trades.stopLoss[row]),
    takeProfit: orNull(trades.takeProfit[row]),
    exitReason: EXIT_REASONS[trades.exitReason[row]],
  }));
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
