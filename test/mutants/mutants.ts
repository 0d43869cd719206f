/**
 * Faults that once were, or could be, in the account of a backtest, each as one change of the code, with the property test that must
 * fail under it. `make mutants` plants one after the other in a copy.
 */

/** A property test: its file, and its whole name, as vitest joins the group's and its own. */
export interface PropertyTest {
  readonly file: string;
  readonly name: string;
}

interface Change {
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly search: string;
  readonly replace: string;
}

export interface Mutant {
  /** The fault that it plants. */
  readonly fault: string;
  /** Each in a file of its own. */
  readonly changes: readonly Change[];
  readonly caughtBy: PropertyTest;
}

const ENGINE = "compute-node/backtest/engine";
const LEDGER = "compute-node/ledger";
const PORTFOLIO = "compute-node/portfolio";

const END = "fills no order of the last bar, and closes what is open at the last close";
const END_OF_SIGNALS = {
  file: `${ENGINE}/last-bar.property.test.ts`,
  name: `the end of the data, for signals > ${END}`,
};
const END_OF_ORDERS = {
  file: `${ENGINE}/last-bar.property.test.ts`,
  name: `the end of the data, for orders > ${END}`,
};
const SIGNALS_MIRRORED = {
  file: `${ENGINE}/mirror.property.test.ts`,
  name: "a run mirrored through zero > has the same trades and equity, for signals",
};
const ORDERS_MIRRORED = {
  file: `${ENGINE}/mirror.property.test.ts`,
  name: "a run mirrored through zero > has the same trades and equity, for orders of every kind",
};
const ONE_BAR = {
  file: `${ENGINE}/within-bar.property.test.ts`,
  name: "one bar > gives a single order with its stop and target what happened, or counts as ambiguous and gives no more",
};
const TRAILING = {
  file: `${ENGINE}/within-bar.property.test.ts`,
  name: "a trailing stop > follows the bar's way to its far end, and is left where the close lies behind it",
};
const SLOW_ENGINE = {
  file: `${ENGINE}/engine.test.ts`,
  name: "the fast engine and the slow reference engine > agree bit for bit on thousands of random walks, signals and settings",
};
const SLOW_BROKER = {
  file: "compute-node/backtest/reference/broker.test.ts",
  name: "the broker and the slow reference broker > agree bit for bit on thousands of scripts of orders of every kind, with every cost and rule",
};
const PORTFOLIOS = {
  file: `${PORTFOLIO}/engine.test.ts`,
  name: "the fast portfolio engine and the slow reference engine > agree bit for bit on thousands of random portfolios",
};
const MOST_UNITS = {
  file: `${LEDGER}/units.property.test.ts`,
  name: "an entry of a fraction of the money > takes the most units that the fraction carries: one lot more does not fit",
};
const TO_THE_CENT = {
  file: `${LEDGER}/units.property.test.ts`,
  name: "an entry of a fraction of the money > buys what the money pays to the cent",
};
const FIXED_UNITS = {
  file: `${LEDGER}/units.property.test.ts`,
  name: "an entry of fixed units > is taken whole where the money carries it, and not at all where a cent is missing",
};
const REFUSAL = {
  file: `${LEDGER}/refusal.property.test.ts`,
  name: "a refused entry > says what stood in the way: no price, too little for a lot, or too little money, borrowed or not",
};
const BELOW_ZERO = {
  file: `${ENGINE}/below-zero.property.test.ts`,
  name: "prices on either side of zero > give the trades and the equity of the slow engine, and costs that are paid",
};
const WHOLE_LOTS = {
  file: `${LEDGER}/lot-rules.test.ts`,
  name: "a tradable amount > is the amount itself where it is written as a decimal number of lots, and less by one lot below it",
};

/** Section by section: the end of the data, sizes and costs, what a bar proves. */
export const MUTANTS: readonly Mutant[] = [
  {
    fault: "signals: the last bar is replayed by default",
    changes: [
      {
        file: `${ENGINE}/signal-run.ts`,
        search: 'if (this.conventions.lastBar === "replay") this.replayLastBar(last);',
        replace: 'if (this.conventions.lastBar !== "replay") this.replayLastBar(last);',
      },
    ],
    caughtBy: END_OF_SIGNALS,
  },
  {
    fault: "signals: the end closes at the last open",
    changes: [
      {
        file: `${ENGINE}/signal-run.ts`,
        search: 'this.closePosition(this.close[last], last, "end_of_data");',
        replace: 'this.closePosition(this.open[last], last, "end_of_data");',
      },
    ],
    caughtBy: END_OF_SIGNALS,
  },
  {
    fault: "orders: the end closes at the last open",
    changes: [
      {
        file: `${ENGINE}/broker.ts`,
        search: 'else books.closeAll(this.bars.close[last], last, "end_of_data");',
        replace: 'else books.closeAll(this.bars.open[last], last, "end_of_data");',
      },
    ],
    caughtBy: END_OF_ORDERS,
  },
  {
    fault: "orders: those of the last bar fill at its open",
    changes: [
      {
        file: `${ENGINE}/broker.ts`,
        search: 'else books.closeAll(this.bars.close[last], last, "end_of_data");',
        replace: `else {
        this.executeMarketOrders(last);
        books.closeAll(this.bars.close[last], last, "end_of_data");
      }`,
      },
    ],
    caughtBy: END_OF_ORDERS,
  },
  {
    fault: "sizes: a fixed fee counts once for each unit",
    changes: [
      {
        file: `${LEDGER}/units.ts`,
        search: "const perUnit = price * (part + Math.max(0, prices.rate)) + costs.perUnit;",
        replace: "const perUnit = price * (part + Math.max(0, prices.rate)) + costs.perUnit + costs.fixed;",
      },
    ],
    caughtBy: MOST_UNITS,
  },
  {
    fault: "sizes: what costs exactly the money is not bought",
    changes: [
      {
        file: `${LEDGER}/units.ts`,
        search: "if (!isExact || (lots.fractionalUnits && lots.lotSize === 0)) return units;",
        replace: "if (!isExact || lots.fractionalUnits || lots.lotSize >= 0) return units;",
      },
    ],
    caughtBy: TO_THE_CENT,
  },
  {
    fault: "sizes: fixed units are refused for a rounding error",
    changes: [
      {
        file: `${LEDGER}/units.ts`,
        search: "return moneyNeeded(units, prices, models) <= Math.max(0, free) * (1 + MONEY_TOLERANCE);",
        replace: "return moneyNeeded(units, prices, models) < Math.max(0, free);",
      },
    ],
    caughtBy: FIXED_UNITS,
  },
  {
    fault: "sizes: a floor loses a lot to rounding",
    changes: [
      {
        file: `${LEDGER}/lot-rules.ts`,
        search: "return Math.abs(quotient - nearest) <= QUOTIENT_TOLERANCE * nearest ? nearest : Math.floor(quotient);",
        replace: "return nearest < quotient ? nearest : Math.floor(quotient);",
      },
    ],
    caughtBy: WHOLE_LOTS,
  },
  {
    fault: "sizes: lots are products with rounding errors",
    changes: [{ file: `${LEDGER}/lot-rules.ts`, search: "return decimal(units);", replace: "return units;" }],
    caughtBy: WHOLE_LOTS,
  },
  {
    fault: "sizes: closing a portion rounds with a plain floor",
    changes: [
      {
        file: `${ENGINE}/execution.ts`,
        search: "const whole = tradableUnits(units, models.lots);",
        replace:
          "const whole = models.lots.lotSize > 0 ? Math.floor(units / models.lots.lotSize) * models.lots.lotSize : units;",
      },
    ],
    caughtBy: SLOW_BROKER,
  },
  {
    fault: "sizes: an entry that the account cannot pay is refused as too small",
    changes: [
      {
        file: `${LEDGER}/refusal.ts`,
        search: 'if (isTooMuch) return models.margins.margin < 1 ? "margin" : "no_cash";',
        replace: 'if (isTooMuch) return "below_lot";',
      },
    ],
    caughtBy: REFUSAL,
  },
  {
    fault: "below zero: a commission pays the trader",
    changes: [
      {
        file: `${LEDGER}/cost-model.ts`,
        search: "const commission = costs.fixed + units * Math.abs(price) * rate + units * costs.perUnit;",
        replace: "const commission = costs.fixed + units * price * rate + units * costs.perUnit;",
      },
    ],
    caughtBy: SIGNALS_MIRRORED,
  },
  {
    fault: "below zero: slippage and spread are in the trader's favour",
    changes: [
      {
        file: `${LEDGER}/fill-model.ts`,
        search: "return price * (price < 0 ? 1 - direction * fraction : 1 + direction * fraction);",
        replace: "return price * (1 + direction * fraction);",
      },
    ],
    caughtBy: SIGNALS_MIRRORED,
  },
  {
    fault: "below zero: ticks lift every price to the first one above it",
    changes: [
      {
        file: `${LEDGER}/fill-model.ts`,
        search: "const count = price > 0 ? Math.max(1, whole) : whole + 0;",
        replace: "const count = Math.max(1, whole);",
      },
    ],
    caughtBy: ORDERS_MIRRORED,
  },
  {
    fault: "below zero: borrowing a short pays the trader",
    changes: [
      {
        file: `${LEDGER}/margin-model.ts`,
        search: "if (size < 0) return -size * Math.abs(price) * shortBorrowPerMs * elapsedMs;",
        replace: "if (size < 0) return -size * price * shortBorrowPerMs * elapsedMs;",
      },
    ],
    caughtBy: BELOW_ZERO,
  },
  {
    fault: "below zero: a liquidation goes by the signed value",
    changes: [
      {
        file: `${LEDGER}/margin-model.ts`,
        search: "const sign = borrowed * side >= 0 ? 1 : -1;",
        replace: "const sign = 1;",
      },
    ],
    caughtBy: ORDERS_MIRRORED,
  },
  {
    fault: "below zero: an entry costs less than nothing",
    changes: [
      {
        file: `${LEDGER}/units.ts`,
        search: "const price = Math.abs(prices.entry);\n  const isExact =",
        replace: "const price = prices.entry;\n  const isExact =",
      },
    ],
    caughtBy: SIGNALS_MIRRORED,
  },
  {
    fault: "a bar: what is undecided is resolved optimistically",
    changes: [
      {
        file: `${ENGINE}/bar-path.ts`,
        search: "if (Math.abs(a.value - b.value) > slack) return a.value < b.value;",
        replace: "if (Math.abs(a.value - b.value) > slack) return a.value > b.value;",
      },
    ],
    caughtBy: ONE_BAR,
  },
  {
    fault: "a bar, for signals: a target that the open passes comes after the stop",
    changes: [
      {
        file: `${ENGINE}/signal-run.ts`,
        search: 'if (side * (open - this.held.target) >= 0) return this.conventions.gappedTarget === "stop";',
        replace: "if (side * (open - this.held.target) >= 0) return true;",
      },
    ],
    caughtBy: SLOW_ENGINE,
  },
  {
    fault: "a bar, for orders: a target that the open passes comes after the stop",
    changes: [
      {
        file: `${ENGINE}/bar-path.ts`,
        search: 'if (conventions.gappedTarget !== "stop") return;',
        replace: "if (conventions.gappedTarget.length === 0) return;",
      },
    ],
    caughtBy: SLOW_BROKER,
  },
  {
    fault: "a bar: a trailing stop moves only at its end",
    changes: [
      {
        file: `${ENGINE}/bar-path.ts`,
        search: "      price = end;\n      this.#follow(price);",
        replace: "      price = end;\n      if (index === turns.length - 1) this.#follow(price);",
      },
    ],
    caughtBy: TRAILING,
  },
  {
    fault: "a bar: a stop-limit order that was triggered waits for the next bar",
    changes: [
      {
        file: `${ENGINE}/execution.ts`,
        search: '{ ...order, kind: "limit", stop: Number.NaN, request };',
        replace: '{ ...order, kind: "limit", stop: Number.NaN, request, placedBar: this.bar };',
      },
      {
        file: `${ENGINE}/bar-path.ts`,
        search: 'if (order.kind !== "market") this.#offer(',
        replace: 'if (order.kind !== "market" && order.placedBar < this.#books.bar) this.#offer(',
      },
    ],
    caughtBy: ONE_BAR,
  },
  {
    fault: "a bar: a target never fills on the bar of its entry",
    changes: [
      {
        file: `${ENGINE}/execution.ts`,
        search: 'if (kind === "market" || this.conventions.entryBarTarget === "proved") return this.bar;',
        replace: 'if (kind === "market") return this.bar;',
      },
    ],
    caughtBy: ONE_BAR,
  },
  {
    fault: "a bar: an order of events that differs is not counted",
    changes: [
      {
        file: `${ENGINE}/bar-path.ts`,
        search: "if (isAmbiguous) books.warnings.ambiguousBars++;",
        replace: "if (isAmbiguous && books.held.size !== 0) books.warnings.ambiguousBars++;",
      },
    ],
    caughtBy: ONE_BAR,
  },
  {
    fault: "portfolio: the last bars are replayed by default",
    changes: [
      {
        file: `${PORTFOLIO}/engine.ts`,
        search: 'if (this.conventions.lastBar === "replay") this.replayLastBars(last);',
        replace: 'if (this.conventions.lastBar !== "replay") this.replayLastBars(last);',
      },
    ],
    caughtBy: PORTFOLIOS,
  },
  {
    fault: "portfolio: what is left of whole lots has rounding errors",
    changes: [
      {
        file: `${PORTFOLIO}/account.ts`,
        search: "return Math.abs(units - whole) <= ROUNDING_PART * units ? whole : units;",
        replace: "return whole === 0 ? whole : units;",
      },
    ],
    caughtBy: PORTFOLIOS,
  },
  {
    fault: "portfolio, below zero: positions bind nothing",
    changes: [
      {
        file: `${PORTFOLIO}/account.ts`,
        search: "for (const slot of this.held) value += Math.abs(this.size[slot] * this.mark[slot]);",
        replace: "for (const slot of this.held) value += Math.abs(this.size[slot]) * this.mark[slot];",
      },
    ],
    caughtBy: PORTFOLIOS,
  },
  {
    fault: "portfolio: a target that the open passes comes after the stop",
    changes: [
      {
        file: `${PORTFOLIO}/level-exit.ts`,
        search: 'if (!isLost || (opensBeyondTarget && gappedTarget === "open"))',
        replace: "if (!isLost)",
      },
    ],
    caughtBy: PORTFOLIOS,
  },
];
