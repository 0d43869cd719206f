/** Strategies, prices and settings that went wrong at random: a result without a silent NaN, or a Problem with a cure. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { backtestSpec, Problem, wire } from "../../protocol/index.ts";
import { type BacktestResult, backtestResult, decodeBacktestResult } from "../../results/index.ts";
import { allocateBars, type BarColumns } from "../market-data/bars.ts";
import { parseCsv } from "../market-data/index.ts";
import { parseRuleStrategyFile, validateStrategy } from "../strategy/index.ts";
import { executeBacktest } from "./execute.ts";
import { randomBars } from "./testing/random-cases.ts";

const dataSha256 = "d".repeat(64);

const EXAMPLES = ["sma-cross.yaml", "rsi-reversion.yaml", "ema-cross-brackets.yaml", "donchian-breakout.yaml"].map(
  (name) => readFileSync(new URL(`../../examples/strategies/${name}`, import.meta.url), "utf8"),
);

const SIZED = `name: sized
parameters: { period: { default: 9, min: 2, max: 50 }, stop: 0.04 }
indicators: { fast: { type: ema, period: period }, slow: { type: ema, period: 30, source: fast } }
entries: { long: fast > slow, short: fast < slow }
exits: { long: fast < slow, short: fast > slow }
size: { volatility_target: 20%, window: 15 }
stop_loss: stop
`;
const SIZES = [{ units: 3 }, { money: 1e4 }, { risk: "1%" }, { win_rate: 0.55, payoff: 1.4 }, "30%", 1e-9];
const RULES = [...EXAMPLES, SIZED, ...SIZES.map((size) => stringify({ ...(parse(SIZED) as object), size }))];

const hugeOrOdd = [Number.NaN, Infinity, -Infinity, 1e308, -1e308, 5e-324, -0, 1e15, 2 ** 53, 0.1, -1];
const words = [
  "close",
  "rsi",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "𝔘𝔫𝔦😀",
  "\u0000",
  "\u202e",
  "nan",
  "a.b.c",
];
const conditions = [
  "close > 0",
  "close[1] / 0 > 1",
  "highest(high, 99999) > lowest(low, 0)",
  "log(0 - close) > sqrt(0 - 1)",
  "((((((((close > open))))))))",
  "close@1w > close@1mo and not close@1d < 1",
  "exp(exp(exp(close))) > 1e308 * 1e308",
  "not not not not close > open",
  "close crosses above close",
  "close >",
  "1 > 0",
  // Within the 2,000 characters that a condition may have, and beyond them.
  ...[480, 3000].flatMap((times) => [
    `${"(".repeat(times)}close > 1${")".repeat(times)}`,
    `${"not ".repeat(times)}close > 1`,
    `${"-".repeat(times)}close > 1`,
    `close > 1${" or close > 1".repeat(Math.floor(times / 4))}`,
    `close ${"+ 1 ".repeat(times)} > 1`,
    `${"abs(".repeat(Math.floor(times / 2))}close${")".repeat(Math.floor(times / 2))} > 1`,
  ]),
];
const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });
const junk = fc.oneof(
  fc.constantFrom<unknown>(...hugeOrOdd),
  fc.constantFrom<unknown>(...words),
  fc.constantFrom<unknown>(...conditions),
  fc.constantFrom<unknown>(null, "", true, [], {}, [[[]]], { type: "sma" }, deep(60), { fraction: 1e-300 }),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.double(),
);

/** The value with its `pick`-th part (counted through) replaced, removed or added to. */
function changed(value: unknown, pick: number, kind: string, by: unknown): unknown {
  let left = pick % countOf(value);
  const visit = (part: unknown): unknown => {
    if (left-- === 0) return kind === "add" && isMapping(part) ? { ...part, odd: by } : by;
    if (Array.isArray(part)) return part.map(visit);
    if (!isMapping(part)) return part;
    const entries = Object.entries(part).flatMap(([key, inner]) => {
      if (kind !== "remove" || left !== 0) return [[key, visit(inner)]];
      left--;
      return [];
    });
    return Object.fromEntries(entries);
  };
  return visit(value);
}

function countOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + countOf(inner), 1);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const changes = fc.array(fc.tuple(fc.nat(), fc.constantFrom("replace", "remove", "add"), junk), {
  minLength: 1,
  maxLength: 3,
});

const mutatedRules = fc.tuple(fc.constantFrom(...RULES), changes).map(([example, list]) => {
  return stringify(list.reduce<unknown>((value, [pick, kind, by]) => changed(value, pick, kind, by), parse(example)));
});

/** Anything but a Problem with a cure fails the test. */
function outcome(action: () => BacktestResult): BacktestResult | null {
  let result: BacktestResult;
  try {
    result = action();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    expect(error.kind).not.toBe("internal");
    expect(error.cure).toBeTruthy();
    return null;
  }
  expectSound(result);
  return result;
}

/** No NaN anywhere, and no undefined figure without a warning that names it. */
function expectSound(result: BacktestResult): void {
  expect(result.equity.every(Number.isFinite)).toBe(true);
  expect(result.exposure.every(Number.isFinite)).toBe(true);
  const document = wire(backtestResult).encode(result) as Record<string, Record<string, unknown>>;
  backtestResult.parse(result);
  const told = result.warnings.map(({ message }) => message).join(" ");
  for (const [name, value] of Object.entries(document.statistics)) {
    if (value === null) expect(told).toMatch(new RegExp(`[ ]${name}[,:]`));
  }
  for (const section of ["bar_statistics", "benchmark"]) {
    for (const [name, value] of Object.entries(document[section])) {
      if (value === null) expect(told).toContain(`${section}.${name}`);
    }
  }
  for (const side of Object.values(result.tradeSides)) {
    if (side.tradeCount > 0) expect(side.expectancyPercent).not.toBeNull();
  }
}

function run(strategy: unknown, bars: BarColumns, settings: unknown = {}): BacktestResult {
  const spec = backtestSpec.safeParse({ kind: "backtest", strategy, data: { symbol: "X", timeframe: "1d" }, settings });
  if (!spec.success) throw new Problem("invalid-request", spec.error.message, { cure: "Correct it." });
  const { result, bytes } = executeBacktest({ spec: spec.data, bars, dataSha256 });
  expect(decodeBacktestResult(bytes)).toEqual(result);
  return result;
}

const bars = randomBars(300, 9, 0.02);

describe("rules with parts replaced, removed or added", () => {
  it("run, or have faults with cures", () => {
    let ran = 0;
    fc.assert(
      fc.property(mutatedRules, (text) => {
        const result = outcome(() => {
          const strategy = parseRuleStrategyFile(text, "mutated.yaml");
          validateStrategy(strategy);
          return run(strategy, bars);
        });
        if (result !== null) ran++;
      }),
      { numRuns: 600 },
    );
    expect(ran).toBeGreaterThan(10);
  });
});

describe("an odd condition", () => {
  it.each(conditions.map((condition) => [condition.slice(0, 50), condition]))(
    "%s runs or is refused",
    (_, condition) => {
      const entered = (entries: object) => () => {
        const odd = parseRuleStrategyFile(stringify({ ...(parse(EXAMPLES[0]) as object), entries }), "odd.yaml");
        validateStrategy(odd);
        return run(odd, bars);
      };
      outcome(entered({ long: condition }));
      outcome(entered({ long: `not (${condition})`, short: condition }));
    },
  );
});

const strategy = {
  kind: "rules",
  name: "both sides",
  indicators: { fast: { type: "sma", period: 3 }, slow: { type: "ema", period: 8 }, wide: { type: "atr", period: 5 } },
  entries: { long: "fast crosses above slow", short: "fast crosses below slow" },
  reverse: true,
  stop_loss: { fraction: 0.05, from: "fill" },
  take_profit: 0.2,
};

const oddPrice = fc.constantFrom(Number.NaN, 0, -1, -1e9, 1e-300, 5e-324, 1e300, Infinity, -Infinity, 1e9);
const FIELDS = ["timeMs", "open", "high", "low", "close", "volume"] as const;
const oddBars = fc
  .tuple(
    fc.constantFrom(0, 1, 2, 3, 5, 40, 120),
    fc.integer({ min: 1, max: 1000 }),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom(...FIELDS), oddPrice), { maxLength: 4 }),
    fc.constantFrom(0.001, 0.05, 0.6),
  )
  .map(([rows, seed, faults, volatility]) => {
    const odd = randomBars(rows, seed, volatility);
    if (rows > 0) for (const [row, field, value] of faults) odd[field][row % rows] = value;
    return odd;
  });

const optional = <Value>(...values: Value[]) => fc.constantFrom(undefined, ...values);

const settings = fc.record({
  makerCommissionRate: optional(-0.01, 0.5),
  shortBorrowRate: optional(0.1, 10),
  financingRate: optional(0.1, 10),
  maintenanceMargin: optional(1e-12, 0.4),
  tickSize: optional(1e-300, 0.01, 50, 1e300),
  spreadRate: fc.constantFrom(0, 0.001, 0.15),
  margin: fc.constantFrom(1, 0.5, 0.01, 1e-9),
  commissionRate: fc.constantFrom(0, 0.001, 0.5),
  commissionFixed: fc.constantFrom(0, 1, 1e12),
  slippageRate: fc.constantFrom(0, 0.01, 0.5),
  fractionalUnits: fc.boolean(),
  initialCapital: fc.constantFrom(1e-6, 1, 1e5, 1e300),
  fillAt: fc.constantFrom("next_open", "close"),
  finalizeTrades: fc.boolean(),
  lotSize: fc.constantFrom(0, 0.001, 100, 1e300),
});

describe("prices of every kind", () => {
  it("are run or refused when given to the engine as they are", () => {
    let refused = 0;
    fc.assert(
      fc.property(oddBars, settings, (odd, chosen) => {
        if (outcome(() => run(strategy, odd, chosen)) === null) refused++;
      }),
      { numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(1500 - refused).toBeGreaterThan(100);
  });

  it("are run or refused when loaded from a file", () => {
    fc.assert(
      fc.property(oddBars, fc.boolean(), fc.boolean(), (odd, sort, allowNonPositive) => {
        const lines = Array.from({ length: odd.rows }, (_, row) => FIELDS.map((field) => odd[field][row]).join(","));
        const text = `time,open,high,low,close,volume\n${lines.join("\n")}\n`;
        outcome(() => run(strategy, parseCsv(Buffer.from(text), "odd.csv", { sort, allowNonPositive }).bars));
      }),
      { numRuns: 600 },
    );
  });

  it("are run when they never move, gap by years, or fall to almost nothing", () => {
    const flat = allocateBars(200);
    for (const field of ["open", "high", "low", "close"] as const) flat[field].fill(10);
    flat.timeMs.forEach((_, row) => {
      flat.timeMs[row] = row * 86_400_000;
    });
    const gaps = { ...randomBars(200, 3, 0.02), timeMs: flat.timeMs.map((_, row) => row ** 3 * 1000) };
    const falling = { ...flat };
    for (const field of ["open", "high", "low", "close"] as const)
      falling[field] = Float64Array.from({ length: 200 }, (_, row) => 10 * 0.05 ** row);
    for (const odd of [flat, gaps, falling]) expect(outcome(() => run(strategy, odd))).not.toBeNull();
  });
});
