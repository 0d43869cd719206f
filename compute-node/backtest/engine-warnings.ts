/** What the engine must tell and that stops nothing, counted while it runs. */
import type { ResultWarning } from "../../protocol/backtest-result.ts";
import type { BacktestSettings } from "../../protocol/operations.ts";

export class EngineWarnings {
  /** Entries that the free equity could not pay. */
  refusedOrders = 0;
  /** Bars where a flat strategy asked for both sides. */
  conflictingEntries = 0;
  /** Bars that touched the stop and the target. */
  ambiguousBars = 0;
  neverDecided = 0;
  openAtEnd = 0;
  ruined = false;

  list(settings: BacktestSettings): ResultWarning[] {
    const unit = settings.fractionalUnits ? "any unit" : "one whole unit";
    const warnings: ResultWarning[] = [
      {
        code: "order_refused",
        message: `Entries were refused because the free equity did not pay for ${unit}; raise initial_capital or allow fractional_units.`,
        count: this.refusedOrders,
      },
      {
        code: "conflicting_entries",
        message: "Long and short entry held on the same bar while flat; the long one was taken.",
        count: this.conflictingEntries,
      },
      {
        code: "ambiguous_bar",
        message: "A bar touched both stop-loss and take-profit; the stop-loss was assumed to come first.",
        count: this.ambiguousBars,
      },
      {
        code: "never_decided",
        message: "The indicators need more bars than there are, so the strategy never decided; widen the date range.",
        count: this.neverDecided,
      },
      {
        code: "open_at_end",
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
