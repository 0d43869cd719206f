/** Counts the events that the engine warns of, while it runs; none of them stops it. */
import type { REFUSAL_REASONS } from "../../../protocol/backtest-result.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { ResultWarning } from "../../../protocol/warnings.ts";
import { formatNumber } from "../../../results/index.ts";
import type { RefusalFigures } from "../../ledger/index.ts";

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export type WarningCounts = Pick<
  EngineWarnings,
  | "refusals"
  | "firstRefusal"
  | "conflictingEntries"
  | "ambiguousBars"
  | "liquidations"
  | "neverDecided"
  | "openAtEnd"
  | "ruined"
>;

export class EngineWarnings {
  /** Entries that became no position, by reason. */
  readonly refusals: Record<RefusalReason, number> = {
    no_cash: 0,
    below_lot: 0,
    margin: 0,
    pyramiding: 0,
    no_size: 0,
  };
  /** Figures of the first entry that the account did not carry. */
  firstRefusal: RefusalFigures | null = null;
  /** Bars where a flat strategy asked for both sides. */
  conflictingEntries = 0;
  /** Bars that touched a loss (stop, liquidation) and the target. */
  ambiguousBars = 0;
  /** Positions that fell below the maintenance margin. */
  liquidations = 0;
  neverDecided = 0;
  openAtEnd = 0;
  ruined = false;

  get refusedOrders(): number {
    const { no_cash, below_lot, margin, pyramiding, no_size } = this.refusals;
    return no_cash + below_lot + margin + pyramiding + no_size;
  }

  /** As plain data for a checkpoint. */
  snapshot(): WarningCounts {
    const { firstRefusal, conflictingEntries, ambiguousBars, liquidations, neverDecided, openAtEnd, ruined } = this;
    const refusals = { ...this.refusals };
    return { refusals, firstRefusal, conflictingEntries, ambiguousBars, liquidations, neverDecided, openAtEnd, ruined };
  }

  restore({ refusals, ...counts }: WarningCounts): void {
    Object.assign(this.refusals, refusals);
    Object.assign(this, counts);
  }

  /** Counts by reason, and the figures of the first one that the account did not carry. */
  private refusalText({ fractionalUnits }: BacktestSettings): string {
    const counts = Object.entries(this.refusals).flatMap(([reason, count]) =>
      count === 0 ? [] : [`${count} by ${reason}`],
    );
    const text = `Entries were refused: ${counts.join(", ")}.`;
    if (this.firstRefusal === null) return text;
    const cure = `raise initial_capital${fractionalUnits ? " or" : ","} ask for less${fractionalUnits ? "" : ", or allow fractional_units"}`;
    return `${text} The first time ${figuresText(this.firstRefusal)}; ${cure}.`;
  }

  list(settings: BacktestSettings): ResultWarning[] {
    const warnings: ResultWarning[] = [
      {
        code: "order-refused",
        message: this.refusedOrders === 0 ? "" : this.refusalText(settings),
        count: this.refusedOrders,
      },
      {
        code: "conflicting-entries",
        message: "Long and short entry held on the same bar while flat; the long one was taken.",
        count: this.conflictingEntries,
      },
      {
        code: "ambiguous-bar",
        message: "A bar touched both stop-loss and take-profit; the stop-loss was assumed to come first.",
        count: this.ambiguousBars,
      },
      {
        code: "liquidation",
        message:
          "A position fell below the maintenance margin and was liquidated there, or at the open behind it; hold less or raise margin.",
        count: this.liquidations,
      },
      {
        code: "never-decided",
        message: "The indicators need more bars than there are, so the strategy never decided; widen the date range.",
        count: this.neverDecided,
      },
      {
        code: "open-at-end",
        message: "A position is open after the last bar; it counts in the equity and is not among the trades.",
        count: this.openAtEnd,
      },
      {
        code: "ruin",
        message: "The equity fell to nothing; every position was closed and the run ended there.",
        count: this.ruined ? 1 : 0,
      },
    ];
    return warnings.filter((warning) => warning.count > 0);
  }
}

/** Such as "1,500 units cost 150,000 and 100,000 are free". */
export function figuresText({ units, needed, free }: RefusalFigures): string {
  const isFree = `${money(free)} are free`;
  if (!(units > 0)) return isFree;
  return `${money(units)} ${units === 1 ? "unit costs" : "units cost"} ${money(needed)} and ${isFree}`;
}

/** Two digits after the point where there is a fraction. */
function money(value: number): string {
  return Number.isInteger(value) ? formatNumber(value, 0) : formatNumber(value, Math.abs(value) < 1 ? 6 : 2);
}
