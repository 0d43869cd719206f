import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { type RuleStrategy, ruleStrategy } from "../../protocol/strategy-rules.ts";
import { REFERENCES } from "../indicators/reference-indicators.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileRules } from "./compile-rules.ts";
import { parseCondition } from "./expression-parser.ts";
import { holdsAt, type ReferenceScope } from "./reference-rules.ts";

function strategyOf(parts: object): RuleStrategy {
  return ruleStrategy.parse({ kind: "rules", name: "test", entries: { long: "close > 0" }, ...parts });
}

function barsOf(closes: readonly number[], spread = 0): BarColumns {
  const column = (of: (close: number, index: number) => number) => Float64Array.from(closes, of);
  return {
    rows: closes.length,
    timeMs: column((_, index) => index * 86_400_000),
    open: column((_, index) => closes[Math.max(0, index - 1)]),
    high: column((close, index) => Math.max(close, closes[Math.max(0, index - 1)]) + spread),
    low: column((close, index) => Math.min(close, closes[Math.max(0, index - 1)]) - spread),
    close: column((close) => close),
    volume: column((_, index) => 1000 + ((37 * index) % 211)),
  };
}

function cut(bars: BarColumns, rows: number): BarColumns {
  const { timeMs, open, high, low, close, volume } = bars;
  const columns = { timeMs, open, high, low, close, volume };
  const shorter = Object.entries(columns).map(([name, column]) => [name, column.slice(0, rows)]);
  return { rows, ...Object.fromEntries(shorter) };
}

function barsWith(signal: Uint8Array): number[] {
  return [...signal.keys()].filter((index) => signal[index] === 1);
}

function entriesOf(rule: string, closes: readonly number[], parts: object = {}): number[] {
  return barsWith(compileRules(strategyOf({ entries: { long: rule }, ...parts })).signals(barsOf(closes)).entryLong);
}

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("no problem was thrown");
}

describe("signals", () => {
  it("hold where the condition holds at the close of the bar, from the bar after the warm-up on", () => {
    expect(entriesOf("close > 2", [3, 1, 3, 2, 5])).toEqual([2, 4]);
    expect(entriesOf("sma(close, 2) > 2", [3, 3, 3, 0, 0])).toEqual([2]);
  });

  it("cross where the line was touched on the bar before, and not where it is only touched now", () => {
    expect(entriesOf("close crosses above 2", [9, 1, 3, 1, 2, 3, 2, 1, 3])).toEqual([2, 5, 8]);
    expect(entriesOf("close crosses below 2", [9, 3, 1, 3, 2, 1, 2, 3, 1])).toEqual([2, 5, 8]);
  });

  it("cross strictly under that convention: equality on either bar is no cross", () => {
    const entries = (rule: string, closes: number[]) =>
      barsWith(compileRules(strategyOf({ entries: { long: rule } }), {}, "strict").signals(barsOf(closes)).entryLong);
    expect(entries("close crosses above 2", [9, 1, 3, 1, 2, 3, 2, 1, 3])).toEqual([2, 8]);
    expect(entries("close crosses below 2", [9, 3, 1, 3, 2, 1, 2, 3, 1])).toEqual([2, 8]);
  });

  it("cross by either convention as their definitions say, mirrored, and never from or to a gap", () => {
    const value = fc.constantFrom(1, 2, 3, Number.NaN);
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { maxLength: 40 }), fc.boolean(), (pairs, isStrict) => {
        const bars = { ...barsOf(pairs.map(([close]) => close)), open: Float64Array.from(pairs, ([, open]) => open) };
        const crosses = isStrict ? "strict" : "touching";
        const entries = (rule: string) =>
          Array.from(compileRules(strategyOf({ entries: { long: rule } }), {}, crosses).signals(bars).entryLong);
        const expected = pairs.map(([a, b], i) => {
          if (i === 0) return 0;
          const [lastA, lastB] = pairs[i - 1];
          return a > b && (isStrict ? lastA < lastB : lastA <= lastB) ? 1 : 0;
        });
        expect(entries("close crosses above open")).toEqual(expected);
        expect(entries("open crosses below close")).toEqual(expected);
      }),
    );
  });

  it("take NaN as false in every comparison, != included", () => {
    for (const operator of ["<", "<=", ">", ">=", "==", "!="])
      expect(entriesOf(`(close - close) / (close - close) ${operator} 1`, [1, 2, 3])).toEqual([]);
    expect(entriesOf("close != 2", [9, 2, 3])).toEqual([2]);
  });

  it("follow the usual precedence", () => {
    expect(entriesOf("1 + 2 * 3 == 7 and -2 - -1 == -1 and 8 / 2 / 2 == 2", [1, 1])).toEqual([1]);
    expect(entriesOf("close > 1 or close > 1 and close > 5", [0, 2])).toEqual([1]);
    expect(entriesOf("not close > 1 and close > 5", [0, 2])).toEqual([]);
    expect(entriesOf("NOT (close > 1 AND close > 5)", [0, 2])).toEqual([1]);
    expect(entriesOf("3% == 0.03 and 1e3 == 1000 and .5 == 0.5", [0, 2])).toEqual([1]);
    expect(entriesOf("sqrt(close) == 3 and log(exp(2)) == 2 and sign(0 - close) == -1", [9, 9])).toEqual([1]);
    expect(entriesOf("floor(close) == 2 and ceil(close) == 3 and round(close) == 3", [2.5, 2.5])).toEqual([1]);
    expect(entriesOf("max(close, open, 3) == 3 and min(close, 1) == 1 and abs(0 - close) == close", [2, 2])).toEqual([
      1,
    ]);
  });

  it("are empty for every column when there are no bars, one bar, or fewer than the warm-up", () => {
    const rules = compileRules(strategyOf({ entries: { long: "sma(close, 5) > 0", short: "close < 1" } }));
    for (const rows of [0, 1, 4, 5]) {
      const signals = rules.signals(barsOf(Array<number>(rows).fill(1)));
      for (const column of [signals.entryLong, signals.exitLong, signals.entryShort, signals.exitShort])
        expect(column).toEqual(new Uint8Array(rows));
    }
  });

  it("start after the first bar at which every value of every rule is defined", () => {
    const warmup = (parts: object) => compileRules(strategyOf(parts)).signals(barsOf([])).warmupBars;
    const indicators = {
      slow: { type: "sma", period: 20 },
      rsi_14: { type: "rsi", period: 14 },
      unused: { type: "sma", period: 500 },
      smooth: { type: "ema", period: 3, source: "rsi_14" },
      macd_1: { type: "macd" },
      adx_1: { type: "adx" },
    };
    expect(warmup({})).toBe(0);
    expect(warmup({ indicators, entries: { long: "slow > 1" } })).toBe(19);
    expect(warmup({ indicators, entries: { long: "rsi_14 > 1" } })).toBe(14);
    expect(warmup({ indicators, entries: { long: "rsi_14 > 1" }, exits: { long: "close < slow" } })).toBe(19);
    expect(warmup({ indicators, entries: { long: "smooth > 1" } })).toBe(16);
    expect(warmup({ indicators, entries: { long: "macd_1.line crosses above 0" } })).toBe(33);
    expect(warmup({ indicators, entries: { long: "adx_1.plus_di > adx_1.minus_di" } })).toBe(14);
    expect(warmup({ indicators, entries: { long: "adx_1.adx > 20" } })).toBe(27);
    expect(warmup({ entries: { long: "close > highest(high, 20)[1]" } })).toBe(20);
    expect(warmup({ entries: { long: "close > close[5]" } })).toBe(5);
  });

  it("carry size, stops and reversal as fractions, from percentages and parameters too", () => {
    const parts = {
      parameters: { stop: 0.02 },
      size: "50%",
      reverse: true,
      stop_loss: "stop",
      take_profit: { fraction: "6%", from: "fill" },
    };
    const { reverse, sizeFraction, stopLoss, takeProfit } = compileRules(strategyOf(parts)).signals(barsOf([1]));
    expect({ reverse, sizeFraction, stopLoss, takeProfit }).toEqual({
      reverse: true,
      sizeFraction: 0.5,
      stopLoss: { fraction: 0.02, from: "signal_close" },
      takeProfit: { fraction: 0.06, from: "fill" },
    });
  });

  it("size an entry by its risk, or by its winnings", () => {
    const sizeOf = (parts: object) => {
      const { sizing } = compileRules(strategyOf(parts)).signals(barsOf([1]));
      return sizing?.kind === "value" ? sizing.fraction : null;
    };
    expect(sizeOf({ size: { risk: "1%" }, stop_loss: "4%" })).toBe(0.25);
    // Two and a half times the equity, which only leverage carries.
    expect(sizeOf({ size: { risk: 0.1 }, stop_loss: 0.04 })).toBe(2.5);
    expect(sizeOf({ size: { win_rate: 0.6, payoff: 2 } })).toBeCloseTo(0.2, 15);
    expect(sizeOf({ size: { win_rate: 0.6, payoff: 2, share: 1 } })).toBeCloseTo(0.4, 15);
    expect(() => sizeOf({ size: { risk: 0.01 } })).toThrow("a size by risk needs to know where the loss ends");
    expect(() => sizeOf({ size: { win_rate: 0.3, payoff: 1 } })).toThrow("loses on average");
  });

  it("put each rule into its own column", () => {
    const strategy = strategyOf({
      entries: { long: "close == 1", short: "close == 2" },
      exits: { long: "close == 3", short: "close == 4" },
    });
    const signals = compileRules(strategy).signals(barsOf([0, 1, 2, 3, 4]));
    const columns = [signals.entryLong, signals.entryShort, signals.exitLong, signals.exitShort];
    expect(columns.map(barsWith)).toEqual([[1], [2], [3], [4]]);
  });
});

describe("parameters", () => {
  const strategy = strategyOf({
    parameters: { bars: { default: 3, min: 2, max: 10 }, level: 2 },
    entries: { long: "sma(close, bars) > level and close > close[bars - 2]" },
  });

  it("have their defaults, or the overrides", () => {
    expect(compileRules(strategy).parameters).toEqual({ bars: 3, level: 2 });
    const overridden = compileRules(strategy, { bars: 5, level: -7.5 });
    expect(overridden.parameters).toEqual({ bars: 5, level: -7.5 });
    expect(overridden.signals(barsOf([])).warmupBars).toBe(4);
    expect(barsWith(overridden.signals(barsOf([1, 1, 1, 1, 1, 1, 1, 2])).entryLong)).toEqual([7]);
  });

  it("refuse an override that is unknown, out of range, or no number, all at once", () => {
    const problem = problemOf(() => compileRules(strategy, { bras: 3, bars: 11, level: Number.NaN }));
    expect(problem.kind).toBe("invalid-strategy");
    expect(problem.issues.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'parameters.bras: there is no parameter "bras" to override. Did you mean "bars"? Valid parameters: bars, level.',
      "parameters.bars: parameter bars is 11, outside its range. Give at least 2 and at most 10.",
      "parameters.level: parameter level is NaN. Give a finite number.",
    ]);
  });

  it("refuse a value that an indicator cannot take", () => {
    const problem = problemOf(() => compileRules(strategy, { bars: 2.5 }));
    expect(problem.issues[0].message).toContain("period of sma is 2.5, and must be a whole number");
  });
});

describe("generated code", () => {
  const closes = fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 });
  const { condition } = fc.letrec<{ number: string; condition: string }>((tie) => ({
    number: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom("close", "open", "high", "low", "volume", "average", "bands.upper", "level", "7", "2.5", "3%"),
      fc.tuple(tie("number"), fc.constantFrom("+", "-", "*"), tie("number")).map(([a, op, b]) => `(${a} ${op} ${b})`),
      tie("number").map((a) => `-${a}`),
      fc.tuple(tie("number"), fc.nat(3)).map(([a, k]) => `(${a})[${k}]`),
      fc.tuple(fc.constantFrom("min", "max"), tie("number"), tie("number")).map(([f, a, b]) => `${f}(${a}, ${b})`),
      fc
        .tuple(fc.constantFrom("highest", "lowest"), tie("number"), fc.constantFrom("1", "3", "bars"))
        .map(([f, a, n]) => `${f}(${a}, ${n})`),
    ),
    condition: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc
        .tuple(
          tie("number"),
          fc.constantFrom("<", "<=", ">", ">=", "==", "!=", "crosses above", "crosses below"),
          tie("number"),
        )
        .map(([a, op, b]) => `${a} ${op} ${b}`),
      tie("condition").map((a) => `not (${a})`),
      fc
        .tuple(tie("condition"), fc.constantFrom("and", "or"), tie("condition"))
        .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    ),
  }));
  const parts = {
    parameters: { bars: 4, level: 50 },
    indicators: {
      average: { type: "highest", period: 3, source: "close" },
      bands: { type: "bollinger_bands", period: 2 },
    },
  };

  it("equals a bar-by-bar interpreter on random rules and prices, with the least possible warm-up", () => {
    fc.assert(
      fc.property(condition, closes, fc.constantFrom("touching", "strict"), (rule, prices, crosses) => {
        const bars = barsOf(prices, 0.5);
        const strategy = strategyOf({ ...parts, entries: { long: rule } });
        const signals = compileRules(strategy, {}, crosses).signals(bars);
        const { expression } = parseCondition(rule);
        if (expression === null) throw new Error(`the generator wrote a rule that does not parse: ${rule}`);
        for (let i = 0; i < bars.rows; i++) {
          const scope = { ...scopeOf(bars), crosses };
          const holds = holdsAt(expression, i, scope);
          expect(scope.sawUndefined, `bar ${i} of ${rule}`).toBe(i < signals.warmupBars);
          expect(signals.entryLong[i], `bar ${i} of ${rule}`).toBe(holds && i > signals.warmupBars ? 1 : 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("gives a bar the same signal whether later bars are there or not", () => {
    fc.assert(
      fc.property(condition, closes, fc.nat(), (rule, prices, pick) => {
        const bars = barsOf(prices, 0.5);
        const rules = compileRules(strategyOf({ ...parts, entries: { long: rule } }));
        const rows = pick % (bars.rows + 1);
        expect(rules.signals(cut(bars, rows)).entryLong).toEqual(rules.signals(bars).entryLong.slice(0, rows));
      }),
      { numRuns: 200 },
    );
  });

  function scopeOf(bars: BarColumns): ReferenceScope {
    const list = (column: Float64Array) => Array.from(column);
    const close = list(bars.close);
    return {
      sawUndefined: false,
      constants: { bars: 4, level: 50 },
      series: {
        open: list(bars.open),
        high: list(bars.high),
        low: list(bars.low),
        volume: list(bars.volume),
        close,
        average: REFERENCES.highest([close], { period: 3 }).value,
        "bands.upper": REFERENCES.bollinger_bands([close], { period: 2, multiplier: 2 }).upper,
      },
    };
  }

  it("is never made of a user's text: names that are JavaScript stay names", () => {
    for (const name of ["constructor", "process", "eval", "globalthis", "c0", "p0", "i", "rows", "o0"]) {
      const strategy = strategyOf({ parameters: { [name]: 2 }, entries: { long: `close > ${name}` } });
      expect(barsWith(compileRules(strategy).signals(barsOf([0, 1, 2, 3])).entryLong)).toEqual([3]);
      expect(() => compileRules(strategyOf({ entries: { long: `close > ${name}` } }))).toThrow(
        `undefined name "${name}"`,
      );
    }
  });

  it("takes any text as a rule with an answer or a Problem, and nothing else", () => {
    const words = fc.constantFrom(
      "close",
      "and",
      "not",
      "(",
      ")",
      "[",
      "]",
      "1",
      "%",
      "crosses",
      "above",
      ",",
      ".",
      "sma",
      "-",
      "<",
      "x",
    );
    const text = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.array(words, { maxLength: 20 }).map((list) => list.join(" ")),
    );
    fc.assert(
      fc.property(text, (rule) => {
        fc.pre(rule.length > 0);
        try {
          expect(
            compileRules(strategyOf({ entries: { long: rule } })).signals(barsOf([1, 2, 3])).entryLong,
          ).toHaveLength(3);
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
          expect((error as Problem).cure).toBeTruthy();
        }
      }),
      { numRuns: 500 },
    );
  });

  it("stands the longest and the deepest rules that the shape allows", () => {
    const longest = `${"close + ".repeat(245)}close > 1`;
    expect(entriesOf(longest, [1, 1])).toEqual([1]);
    expect(entriesOf(`${"not ".repeat(480)}close > 1`, [1, 2])).toEqual([1]);
    expect(entriesOf(`${"(".repeat(40)}close > 1${")".repeat(40)}`, [1, 2])).toEqual([1]);
    expect(() => entriesOf(`${"(".repeat(900)}close > 1${")".repeat(900)}`, [1, 2])).toThrow("more than 40 deep");
  });
});
