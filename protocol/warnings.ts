/** Everything that a result or a dataset may warn of, each code once. `docs/reference/warnings.md` is printed from it. */
import { z } from "zod";

/** The results that carry a warning. */
export const WARNING_SOURCES = {
  backtest: "Backtests",
  model: "Backtests of models",
  portfolio: "Backtests of portfolios",
  data: "Market data, when it is loaded",
} as const;

interface WarningKind {
  readonly from: readonly (keyof typeof WARNING_SOURCES)[];
  /** A sentence for the page; a result's own message says more, with its figures. */
  readonly about: string;
}

export const WARNINGS = {
  "order-refused": {
    from: ["backtest", "model"],
    about: "Entries were refused because the free equity did not pay for the smallest tradable amount.",
  },
  "large-rate": {
    from: ["backtest", "model", "portfolio"],
    about: "A rate of the settings is 1 % or more; the message says it in words, since 0.1 is 10 %.",
  },
  "entry-rounded": {
    from: ["backtest", "model"],
    about: "Entries asked for units that are no whole number of tradable ones and took fewer.",
  },
  "conflicting-entries": {
    from: ["backtest", "model", "portfolio"],
    about: "Long and short entry held on the same bar while flat; the long one was taken.",
  },
  "ambiguous-bar": {
    from: ["backtest", "model", "portfolio"],
    about:
      "A bar left open which of several events came first; the outcome that leaves the account with the least was taken.",
  },
  liquidation: {
    from: ["backtest", "model"],
    about: "A position fell below the maintenance margin and was closed there, or at the open behind it.",
  },
  "never-decided": {
    from: ["backtest", "model", "portfolio"],
    about: "The indicators need more bars than there are, so nothing was ever decided.",
  },
  "open-at-end": {
    from: ["backtest", "model", "portfolio"],
    about: "A position is open after the last bar; it counts in the equity and is not among the trades.",
  },
  ruin: {
    from: ["backtest", "model", "portfolio"],
    about: "The equity fell to nothing; every position was closed and the run ended there.",
  },
  "undefined-statistic": {
    from: ["backtest", "model", "portfolio"],
    about: "Figures have no value; the message names them and says why.",
  },
  "output-undefined": { from: ["model"], about: "The network gave no number on some bars; nothing was decided there." },
  "in-sample-bars": { from: ["model"], about: "The model was trained on some of the tested bars." },
  "entry-reduced": {
    from: ["portfolio"],
    about: "Entries were made smaller than their weight because the free equity was used up.",
  },
  "ended-early": {
    from: ["portfolio"],
    about:
      "Positions were held in symbols whose bars end before the others'; they stand at their last close to the end.",
  },
  "action-outside": {
    from: ["portfolio"],
    about: "Corporate actions lie before the first or after the last bar of their symbol, and changed nothing.",
  },
  "refused-max-positions": { from: ["portfolio"], about: "Entries were refused: every place was taken." },
  "refused-no-cash": { from: ["portfolio"], about: "Entries were refused: the free equity did not pay for them." },
  "refused-below-lot": { from: ["portfolio"], about: "Entries were refused: their share is below a unit or lot." },
  "refused-no-size": { from: ["portfolio"], about: "Entries were refused: their price was 0." },
  "refused-no-rank": { from: ["portfolio"], about: "Entries were refused: `rank_by` had no value." },
  "refused-no-weight": { from: ["portfolio"], about: "Entries were refused: their weight had no value above 0." },
  "refused-no-bar": { from: ["portfolio"], about: "Entries were refused: their symbol had no bar any more." },
  "time-column-assumed": { from: ["data"], about: "No column is named as the time; the first one was taken." },
  "time-zone-assumed": { from: ["data"], about: "Times have no zone; they were read as UTC." },
  "time-unit-assumed": { from: ["data"], about: "Times are bare numbers; their unit was told from their size." },
  "adjusted-close-ignored": { from: ["data"], about: "Adjusted closes were not used, since the other prices are raw." },
  "columns-ignored": { from: ["data"], about: "Columns were not used; the message names them." },
  "volume-missing": { from: ["data"], about: "There is no volume column; every volume is 0." },
  "volume-empty": { from: ["data"], about: "Some volumes are empty; they were read as 0." },
  "rows-sorted": { from: ["data"], about: "Rows were not in order of time and were sorted." },
  "timeframe-sparse": { from: ["data"], about: "There are fewer bars than the timeframe promises." },
} as const satisfies Readonly<Record<string, WarningKind>>;

export type WarningCode = keyof typeof WARNINGS;

/** A fact that the reader must know and that stopped nothing: an order below one unit, a gap in the data. */
export const resultWarning = z.strictObject({
  /** A newer ktrdr may know more codes than these. */
  code: z.custom<WarningCode>((code) => typeof code === "string"),
  message: z.string(),
  count: z.int().min(1),
});
export type ResultWarning = z.infer<typeof resultWarning>;
