/**
 * Prints the table of `docs/reference/conventions.md` from `protocol/conventions.ts` and from the answers of other systems below. Run it
 * after adding a convention: `node compute-node/backtest/conventions-page.ts`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { answersOf, CONVENTION_NAMES, CONVENTIONS, type ConventionName } from "../../protocol/conventions.ts";

export const CONVENTIONS_PAGE = new URL("../../docs/reference/conventions.md", import.meta.url);

interface OtherSystems {
  /** Beside the answer's name. */
  readonly backtestingPy: string;
  readonly vectorbt: string;
  readonly freqtrade: string;
  readonly tradingView: string;
}

/** Each read in the source or the manual of its system; the page says which. */
const OTHERS: Readonly<Record<ConventionName, OtherSystems>> = {
  lastBar: {
    backtestingPy: "With `finalize_trades` the broker runs once more on the last bar's prices.",
    vectorbt:
      "An order fills at its own bar's close by default, the last one's too; what is open is marked at the last close.",
    freqtrade: "No entry on the last candle. What is open leaves at the last candle's *open* (`force_exit`).",
    tradingView: "Orders fill on the next tick, so those of the last close wait. What is open stays open.",
  },
  allIn: {
    backtestingPy: "`size` is 1 − 2.2 × 10⁻¹⁶ by default.",
    vectorbt: "All of it, in fractions of a unit; with `size_granularity` floor division may lose the last lot.",
    freqtrade: "99 % of the balance (`tradable_balance_ratio`).",
    tradingView: "A percentage of the equity at the close that places the order; the rounding is not documented.",
  },
  fixedFeeSizing: {
    backtestingPy: "The order's fee is divided by the size, which is a fraction then.",
    vectorbt: "As charged: (cash − fixed fee) / (1 + rate).",
    freqtrade: "There are no fixed fees.",
    tradingView: "Fees for each order or contract; how they enter the size is not documented.",
  },
  gappedTarget: {
    backtestingPy: "The stop's order is looked at before the target's.",
    vectorbt: "As `stop`: the target is looked at only where the stop was not reached.",
    freqtrade: 'As `stop`: "Stoploss is evaluated before ROI within one candle".',
    tradingView: "As `open`: the path of prices begins at the open.",
  },
  entryBarTarget: {
    backtestingPy: "Market entries too; after other ones it waits for the next bar and warns.",
    vectorbt: "Never on that bar: stops and targets begin with the next one.",
    freqtrade:
      "When the high reaches it; not on a red candle for an entry below its open and a target above its close.",
    tradingView: "Where the assumed path of the bar reaches it.",
  },
  calendar: {
    backtestingPy: "By the spacing's whole days.",
    vectorbt: "`year_freq` (365 days) over the frequency that the user gives.",
    freqtrade: "Days of the calendar, 365.",
    tradingView: "Not documented in its manual of Pine Script.",
  },
  crosses: {
    backtestingPy: "`backtesting.lib.crossover`.",
    vectorbt: "As `touching`, where the line was below at some bar before (`crossed_above`).",
    freqtrade: "As `touching` (`qtpylib.crossed_above`).",
    tradingView: "As `touching` (`ta.crossover`).",
  },
  buyAndHoldFrom: {
    backtestingPy: "From the first bar after the indicators' warm-up.",
    vectorbt: "From the first bar's close.",
    freqtrade: "From the first candle's close, as the mean of all pairs (`Market change`).",
    tradingView: "Not documented in its manual of Pine Script.",
  },
};

const MARKED = /(<!-- conventions -->\n)[\s\S]*?(<!-- \/conventions -->)/;

/** The page with its table printed anew. Throws for a page without the marks. */
export function withConventionsTable(page: string): string {
  if (!MARKED.test(page)) throw new Error("the page has no marks around its table of conventions");
  return page.replace(MARKED, (_, begin: string, end: string) => `${begin}${table()}\n${end}`);
}

function table(): string {
  const rows = CONVENTION_NAMES.map((name) => {
    const { question, backtestingPy } = CONVENTIONS[name];
    const meanings: Readonly<Record<string, string>> = CONVENTIONS[name].answers;
    const answers = answersOf(name).map(
      (answer, at) => `${at === 0 ? "**" : ""}\`${answer}\`${at === 0 ? "**" : ""}: ${meanings[answer]}`,
    );
    const others = OTHERS[name];
    const cells = [
      `\`${name}\`: ${question}`,
      answers.join("<br>"),
      `\`${backtestingPy}\`. ${others.backtestingPy}`,
      others.vectorbt,
      others.freqtrade,
      others.tradingView,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const head =
    "| convention | ktrdr: the default, then the others | backtesting.py 0.6.6 | vectorbt | freqtrade | TradingView |";
  return [head, "|---|---|---|---|---|---|", ...rows].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(CONVENTIONS_PAGE, withConventionsTable(readFileSync(CONVENTIONS_PAGE, "utf8")));
}
