/** Counts the events that the engine warns of, while it runs; none of them stops it. */
import type { REFUSAL_REASONS } from "../../../protocol/backtest-result.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { ResultWarning } from "../../../protocol/warnings.ts";
import { formatExact, formatNumber } from "../../../results/index.ts";
import type { RefusalFigures } from "../../ledger/index.ts";

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export type WarningCounts = Pick<
  EngineWarnings,
  | "refusals"
  | "firstRefusal"
  | "roundedEntries"
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
  firstRefusal: (RefusalFigures & { readonly reason: RefusalReason }) | null = null;
  /** Entries that took fewer units than they asked for, since lots or whole units round down. */
  roundedEntries = 0;
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
    const { firstRefusal, roundedEntries, conflictingEntries, ambiguousBars } = this;
    const { liquidations, neverDecided, openAtEnd, ruined } = this;
    const counts = { firstRefusal, roundedEntries, conflictingEntries, ambiguousBars, liquidations };
    return { refusals: { ...this.refusals }, ...counts, neverDecided, openAtEnd, ruined };
  }

  restore({ refusals, ...counts }: WarningCounts): void {
    Object.assign(this.refusals, refusals);
    Object.assign(this, counts);
  }

  /** Keeps the figures of the first refusal of an entry. */
  explain(reason: RefusalReason, figures: () => RefusalFigures): void {
    this.firstRefusal ??= { reason, ...figures() };
  }

  /** Counts by reason, and the figures of the first entry that was refused. */
  private refusalText(settings: BacktestSettings): string {
    const counts = Object.entries(this.refusals).flatMap(([reason, count]) =>
      count === 0 ? [] : [`${count} by ${reason}`],
    );
    const text = `Orders were refused: ${counts.join(", ")}.`;
    if (this.firstRefusal === null) return text;
    const { reason } = this.firstRefusal;
    return `${text} The first time ${figuresText(this.firstRefusal, reason)}${cureOf(reason, settings)}.`;
  }

  list(settings: BacktestSettings): ResultWarning[] {
    const warnings: ResultWarning[] = [
      {
        code: "order-refused",
        message: this.refusedOrders === 0 ? "" : this.refusalText(settings),
        count: this.refusedOrders,
      },
      {
        code: "entry-rounded",
        message:
          "Entries asked for units that are no whole number of tradable ones and took fewer; ask for multiples of lot_size, or allow fractional_units.",
        count: this.roundedEntries,
      },
      {
        code: "conflicting-entries",
        message: "Long and short entry held on the same bar while flat; the long one was taken.",
        count: this.conflictingEntries,
      },
      {
        code: "ambiguous-bar",
        message:
          "Bars left open which of several events came first; the outcome that leaves the account with the least was taken.",
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
export function figuresText({ units, needed, free, asked }: RefusalFigures, reason?: RefusalReason): string {
  if (reason === "no_size")
    return needed === 0 ? "the price was 0" : "the volatility that decides the size was not known";
  const [price, isFree] = [costText(units, needed), `${money(free)} are free`];
  if (reason === "below_lot")
    return asked === null
      ? `${money(units)} units are below the smallest tradable amount`
      : `${price} and ${money(asked)} were to be spent`;
  if (asked !== null && asked > free) return `${money(asked)} were to be spent and ${isFree}`;
  return units > 0 ? `${price} and ${isFree}` : isFree;
}

function costText(units: number, needed: number): string {
  return `${money(units)} ${units === 1 ? "unit costs" : "units cost"} ${money(needed)}`;
}

function cureOf(reason: RefusalReason, { fractionalUnits }: BacktestSettings): string {
  if (reason === "no_size") return "";
  if (reason === "below_lot") return `; ask for more${fractionalUnits ? "" : ", or allow fractional_units"}`;
  return fractionalUnits
    ? "; raise initial_capital or ask for less"
    : "; raise initial_capital, ask for less, or allow fractional_units";
}

/** Two digits after the point where there is a fraction, and all of them below 1. */
function money(value: number): string {
  if (Number.isInteger(value)) return formatNumber(value, 0);
  return Math.abs(value) < 1 ? formatExact(Number(value.toPrecision(6))) : formatNumber(value, 2);
}
