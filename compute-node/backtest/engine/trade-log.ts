/** Closed trades as growing columns: no object per trade, so that a run with many trades stays cheap. */
import { EXIT_REASONS } from "../../../protocol/backtest-result.ts";
import type { Trade } from "../../../results/index.ts";
import { type Holding, levelOrNaN, type Settlement } from "../../ledger/index.ts";

/** The columns of a trade that the engine writes; excursions come from the bars. */
type TradeRecord = Omit<
  Trade,
  | "holdingCost"
  | "barsHeld"
  | "adverseExcursion"
  | "adverseExcursionPercent"
  | "favourableExcursion"
  | "favourableExcursionPercent"
>;

export type ExitReason = (typeof EXIT_REASONS)[number];

const REASON_CODE = Object.fromEntries(EXIT_REASONS.map((reason, code) => [reason, code])) as Record<
  ExitReason,
  number
>;

/** Float64 columns of a log; they share one buffer. */
const NUMBER_COLUMNS = 11;
const SMALLEST_CAPACITY = 64;

export interface TradeLogSnapshot {
  /** Column after column. */
  readonly rows: Float64Array;
  readonly exitReason: Uint8Array;
}

/** One row for each closed trade, in the order of closing. Read columns only up to `count`; they are longer. */
export class TradeLog {
  count = 0;
  /** Units; negative for a short. */
  size!: Float64Array;
  entryBar!: Float64Array;
  exitBar!: Float64Array;
  entryPrice!: Float64Array;
  exitPrice!: Float64Array;
  /** Net of commission and holding costs, money. */
  pnl!: Float64Array;
  /** Commission of entry and exit together, money. */
  commission!: Float64Array;
  /** Short borrow and interest, money. */
  holdingCost!: Float64Array;
  /** Net of commission and holding costs, as a fraction of the entry value. */
  returnFraction!: Float64Array;
  /** NaN without one. */
  stopLoss!: Float64Array;
  /** NaN without one. */
  takeProfit!: Float64Array;
  /** Index into `EXIT_REASONS`. */
  exitReason!: Uint8Array;
  private capacity = 0;
  private numbers = new Float64Array(0);

  /** `expected` trades fit without growing. */
  constructor(expected = SMALLEST_CAPACITY) {
    this.resize(Math.max(expected, SMALLEST_CAPACITY));
  }

  /** Makes room for one more row and returns its index; the caller writes every column of it. */
  append(): number {
    if (this.count === this.capacity) this.resize(this.capacity * 2);
    return this.count++;
  }

  /** Appends the trade of `held`, which closed on `bar` at `exitPrice`. */
  record(held: Readonly<Holding>, bar: number, exitPrice: number, settled: Settlement, reason: ExitReason): void {
    const row = this.append();
    this.size[row] = held.size;
    this.entryBar[row] = held.entryBar;
    this.exitBar[row] = bar;
    this.entryPrice[row] = held.entryPrice;
    this.exitPrice[row] = exitPrice;
    this.pnl[row] = settled.pnl;
    this.commission[row] = settled.commission;
    this.holdingCost[row] = held.holdingCost;
    this.returnFraction[row] = settled.returnFraction;
    this.stopLoss[row] = levelOrNaN(held.stop);
    this.takeProfit[row] = levelOrNaN(held.target);
    this.exitReason[row] = REASON_CODE[reason];
  }

  /** Forgets the rows and keeps the memory. */
  clear(): void {
    this.count = 0;
  }

  /** Only the rows, as plain data for a checkpoint. */
  snapshot(): TradeLogSnapshot {
    const { count, capacity, numbers } = this;
    const rows = new Float64Array(count * NUMBER_COLUMNS);
    for (let column = 0; column < NUMBER_COLUMNS; column++) {
      rows.set(numbers.subarray(column * capacity, column * capacity + count), column * count);
    }
    return { rows, exitReason: this.exitReason.slice(0, count) };
  }

  /** Puts back the rows of a `snapshot`; the log must be empty. */
  restore({ rows, exitReason }: TradeLogSnapshot): void {
    const count = exitReason.length;
    this.resize(Math.max(count, SMALLEST_CAPACITY));
    for (let column = 0; column < NUMBER_COLUMNS; column++) {
      this.numbers.set(rows.subarray(column * count, (column + 1) * count), column * this.capacity);
    }
    this.exitReason.set(exitReason);
    this.count = count;
  }

  /** New columns of `capacity` rows with the rows so far. One buffer for all: ten small ones take longer to get. */
  private resize(capacity: number): void {
    const numbers = new Float64Array(capacity * NUMBER_COLUMNS);
    const column = (index: number) => {
      const begin = index * this.capacity;
      numbers.set(this.numbers.subarray(begin, begin + this.count), index * capacity);
      return numbers.subarray(index * capacity, (index + 1) * capacity);
    };
    this.size = column(0);
    this.entryBar = column(1);
    this.exitBar = column(2);
    this.entryPrice = column(3);
    this.exitPrice = column(4);
    this.pnl = column(5);
    this.commission = column(6);
    this.returnFraction = column(7);
    this.stopLoss = column(8);
    this.takeProfit = column(9);
    this.holdingCost = column(10);
    const reasons = new Uint8Array(capacity);
    if (this.capacity > 0) reasons.set(this.exitReason);
    this.exitReason = reasons;
    this.numbers = numbers;
    this.capacity = capacity;
  }
}

/** The rows as the protocol's records. `timeMs` holds the bars' start times. */
export function tradeRecords(trades: TradeLog, timeMs: Float64Array): TradeRecord[] {
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
