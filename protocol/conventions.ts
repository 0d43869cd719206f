/**
 * @file The named conventions of a backtest: questions that systems answer differently, each a setting with named answers.
 *
 * The first answer is the default. `docs/reference/conventions.md` puts each beside other systems. A preset names the
 * answers of another system, so that results can be compared trade by trade.
 */
import { z } from "zod";

interface Convention {
  readonly question: string;
  /** Answers and what they mean, the default first. */
  readonly answers: Readonly<Record<string, string>>;
  /** The answer of backtesting.py 0.6.6, as the golden tests hold it. */
  readonly backtestingPy: string;
}

export const CONVENTIONS = {
  lastBar: {
    question: "How does a run end?",
    answers: {
      close: "Orders of the last bar never fill. An open position closes at the last close.",
      replay:
        "The last bar is processed a second time: its orders fill at its own open (or at the close before). That sees the future.",
    },
    backtestingPy: "replay",
  },
  allIn: {
    question: "How much may an entry that asks for everything spend?",
    answers: {
      exact: "All of it: 10,000 buys 100 units at 100.",
      below: "One machine epsilon less: 10,000 buys 99 units at 100.",
    },
    backtestingPy: "below",
  },
  fixedFeeSizing: {
    question: "How do costs enter the number of units?",
    answers: {
      per_order: "As they are charged: the most units whose margin and commission fit the money.",
      per_unit: "The fixed fee counts once for each unit, and commissions are paid with borrowed money too.",
    },
    backtestingPy: "per_unit",
  },
  gappedTarget: {
    question: "Where does a position end whose bar opens beyond the target and later touches the stop?",
    answers: {
      open: "At the open, at the target: the open comes first.",
      stop: "At the stop.",
    },
    backtestingPy: "stop",
  },
  entryBarTarget: {
    question: "When does a target fill on the bar of a limit or stop entry?",
    answers: {
      proved: "Where the bar's prices leave no other order of events.",
      stop_entries: "Only after a stop entry, on a bar that does not reach the stop-loss.",
    },
    backtestingPy: "stop_entries",
  },
  calendar: {
    question: "How many periods has a year?",
    answers: {
      spacing: "As many as the spacing of the bars says: 365/k for bars of k days, 52 weeks, 12 months, 4 quarters.",
      four_lengths: "52, 12 or 1 for bars of exactly 7, 31 or 365 days; 252 or (with weekends) 365 for all others.",
    },
    backtestingPy: "four_lengths",
  },
  crosses: {
    question: "Does a line cross another that it touched on the bar before?",
    answers: {
      touching: "Yes: a crosses above b where a > b now and a <= b before.",
      strict: "No: a < b before.",
    },
    backtestingPy: "strict",
  },
  buyAndHoldFrom: {
    question: "From which bar is buy-and-hold measured?",
    answers: {
      first_bar: "From the first bar, where the equity curve begins.",
      first_decision: "From the first bar on which the strategy decides.",
    },
    backtestingPy: "first_decision",
  },
} as const satisfies Readonly<Record<string, Convention>>;

export type ConventionName = keyof typeof CONVENTIONS;
/** Every convention with its answer. */
export type Conventions = { readonly [Name in ConventionName]: keyof (typeof CONVENTIONS)[Name]["answers"] };

export const CONVENTION_NAMES = Object.keys(CONVENTIONS) as ConventionName[];

/** The names of a convention's answers, the default first. */
export function answersOf<Name extends ConventionName>(name: Name): readonly Conventions[Name][] {
  return Object.keys(CONVENTIONS[name].answers) as unknown as Conventions[Name][];
}

/** Settings without a convention follow its default; keys that are left out keep the hashes of older specifications. */
export const conventionFields = {
  lastBar: answer("lastBar"),
  allIn: answer("allIn"),
  fixedFeeSizing: answer("fixedFeeSizing"),
  gappedTarget: answer("gappedTarget"),
  entryBarTarget: answer("entryBarTarget"),
  calendar: answer("calendar"),
  crosses: answer("crosses"),
  buyAndHoldFrom: answer("buyAndHoldFrom"),
};

function answer<Name extends ConventionName>(name: Name) {
  return z.enum(answersOf(name) as readonly [Conventions[Name], ...Conventions[Name][]]).optional();
}

const DEFAULTS = Object.fromEntries(
  CONVENTION_NAMES.map((name) => [name, answersOf(name)[0]]),
) as unknown as Conventions;

/** Settings with every convention decided. Written out, since each run of a sweep asks. */
export function conventionsOf(
  settings: { readonly [Name in ConventionName]?: Conventions[Name] | undefined },
): Conventions {
  return {
    lastBar: settings.lastBar ?? DEFAULTS.lastBar,
    allIn: settings.allIn ?? DEFAULTS.allIn,
    fixedFeeSizing: settings.fixedFeeSizing ?? DEFAULTS.fixedFeeSizing,
    gappedTarget: settings.gappedTarget ?? DEFAULTS.gappedTarget,
    entryBarTarget: settings.entryBarTarget ?? DEFAULTS.entryBarTarget,
    calendar: settings.calendar ?? DEFAULTS.calendar,
    crosses: settings.crosses ?? DEFAULTS.crosses,
    buyAndHoldFrom: settings.buyAndHoldFrom ?? DEFAULTS.buyAndHoldFrom,
  };
}

/** The answers of backtesting.py 0.6.6. */
export const BACKTESTING_PY_CONVENTIONS = Object.fromEntries(
  CONVENTION_NAMES.map((name) => [name, CONVENTIONS[name].backtestingPy]),
) as unknown as { readonly [Name in ConventionName]: (typeof CONVENTIONS)[Name]["backtestingPy"] };
