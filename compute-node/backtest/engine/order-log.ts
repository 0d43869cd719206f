/** The outcome of each order, as growing columns: no object per order, so that a run with many orders stays cheap. */
import { ORDER_KINDS, ORDER_REASONS, ORDER_STATUSES } from "../../../protocol/backtest-result.ts";
import type { Side } from "../../ledger/index.ts";
import type { OrderKind } from "./order.ts";

export type OrderStatus = (typeof ORDER_STATUSES)[number];
export type OrderReason = (typeof ORDER_REASONS)[number];

/** An order as it stands in a log; NaN where there is no such figure. */
export interface LoggedOrder {
  readonly placedBar: number;
  readonly side: Side;
  readonly kind: OrderKind;
  /** Units that the order asked for; NaN for a fraction of the equity. */
  readonly units: number;
  readonly limit: number;
  readonly stop: number;
  readonly status: OrderStatus;
  readonly reason: OrderReason;
  /** The bar in which it filled or ended; the last one while it waits. */
  readonly endedBar: number;
  /** 0 unless it filled. */
  readonly filledUnits: number;
  readonly price: number;
}

const CODES = {
  kind: codesOf(ORDER_KINDS),
  status: codesOf(ORDER_STATUSES),
  reason: codesOf(ORDER_REASONS),
};

/** Fields of a row, in the order in which they lie there. */
const FIELDS = 11;
const SMALLEST_CAPACITY = 16;

/** One row for each order, in the order of placing. */
export class OrderLog {
  count = 0;
  private cells: Float64Array;

  /** `expected` orders fit without growing. */
  constructor(expected = 0) {
    this.cells = new Float64Array(expected * FIELDS);
  }

  /** Answers the order's row, with which `end` names it. NaN for units, limit or stop that it does not have. */
  place(side: Side, kind: OrderKind, placedBar: number, units: number, limit: number, stop: number): number {
    const begin = this.count * FIELDS;
    if (begin === this.cells.length) this.grow();
    const { cells } = this;
    cells[begin] = placedBar;
    cells[begin + 1] = side;
    cells[begin + 2] = CODES.kind[kind];
    cells[begin + 3] = units;
    cells[begin + 4] = limit;
    cells[begin + 5] = stop;
    const row = this.count++;
    this.wait(row);
    return row;
  }

  /** Records its outcome; `units` and `price` are those of the fill. */
  end(row: number, status: OrderStatus, reason: OrderReason, bar: number, units = 0, price = Number.NaN): void {
    const { cells } = this;
    const begin = row * FIELDS;
    cells[begin + 6] = CODES.status[status];
    cells[begin + 7] = CODES.reason[reason];
    cells[begin + 8] = bar;
    cells[begin + 9] = units;
    cells[begin + 10] = price;
  }

  /** Undoes `end`. */
  wait(row: number): void {
    this.end(row, "waiting", "end_of_data", Number.NaN);
  }

  /** Bars in which a limit or stop order filled, so somewhere between the bar's open and its close. */
  barsOfFillsInside(): Set<number> {
    const bars = new Set<number>();
    for (let begin = 0; begin < this.count * FIELDS; begin += FIELDS) {
      const isFilled = this.cells[begin + 6] === CODES.status.filled;
      if (isFilled && this.cells[begin + 2] !== CODES.kind.market) bars.add(this.cells[begin + 8]);
    }
    return bars;
  }

  /** Every row; an order that still waits ends at `lastBar`. */
  list(lastBar: number): LoggedOrder[] {
    return Array.from({ length: this.count }, (_, row) => {
      const field = (index: number) => this.cells[row * FIELDS + index];
      const ended = field(8);
      return {
        placedBar: field(0),
        side: field(1) > 0 ? 1 : -1,
        kind: ORDER_KINDS[field(2)],
        units: field(3),
        limit: field(4),
        stop: field(5),
        status: ORDER_STATUSES[field(6)],
        reason: ORDER_REASONS[field(7)],
        endedBar: Number.isNaN(ended) ? lastBar : ended,
        filledUnits: field(9),
        price: field(10),
      };
    });
  }

  /** Only the rows, as plain data for a checkpoint. */
  snapshot(): Float64Array {
    return this.cells.slice(0, this.count * FIELDS);
  }

  /** Puts back the rows of a `snapshot`. */
  restore(cells: Float64Array): void {
    this.cells = Float64Array.from(cells);
    this.count = cells.length / FIELDS;
  }

  private grow(): void {
    const cells = new Float64Array(Math.max(SMALLEST_CAPACITY * FIELDS, this.cells.length * 2));
    cells.set(this.cells);
    this.cells = cells;
  }
}

function codesOf<Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, code) => [name, code])) as Record<Name, number>;
}
