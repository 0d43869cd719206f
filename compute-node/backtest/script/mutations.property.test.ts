import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtestSpec, Problem, ruleStrategy, wire } from "../../../protocol/index.ts";
import { executeBacktest } from "../execute.ts";
import { randomBars } from "../testing/random-cases.ts";

const bars = randomBars(200, 3, 0.02);

const SOURCE = `const exit = 5;
exports.default = {
  parameters: { fast: { default: 5, min: 2, max: 50 }, slow: 20 },
  indicators: ({ fast, slow }) => ({ fast: ["sma", { period: fast }], slow: ["macd", { slow_period: slow }, "signal"] }),
  options: { pyramiding: 2, reversal: false },
  onBar({ bar, prices, indicators: { fast, slow }, position, orders, history, buy, sell, close, cancel }) {
    for (const order of orders) cancel(order);
    if (position.size === 0 && prices.close.now > fast.now) buy({ stop: prices.high.at(1), stopLoss: { fraction: 0.05 } });
    else if (slow.now < 0) sell({ units: 3, limit: prices.high.last(exit)[0], takeProfit: 1, timeInForce: "day" });
    if (bar % exit === 0 && history.length < 9) close(0.5);
  },
};
`;
/** Words that a mutation may put in; none begins a loop. */
const SNIPPETS = [
  ...["", "0", "-1", "NaN", "1e309", "null", "undefined", "'x'", "{}", "[]", "()", "(", "}", ";", ".", ",", "!"],
  ...[
    "this",
    "=>",
    "throw 1",
    "Symbol()",
    "1n",
    "process",
    "delete ",
    "typeof ",
    "...",
    "async ",
    "new ",
    "`",
    "\\u0000",
  ],
];

function outcomeOf(source: string): "result" | Problem {
  const spec = backtestSpec.parse({
    kind: "backtest",
    strategy: { kind: "script", name: "mutant", source },
    data: { symbol: "X", timeframe: "1d" },
  });
  try {
    const { result } = executeBacktest({ spec, bars, dataSha256: "0".repeat(64) });
    expect(result.equity.every(Number.isFinite)).toBe(true);
    return "result";
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown;
    throw thrown;
  }
}

describe("a strategy's code, mutated at random", () => {
  it("gives a result or a clear fault, and never anything else", () => {
    expect(outcomeOf(SOURCE)).toBe("result");
    const snippet = fc.constantFrom(...SNIPPETS);
    const anywhere = fc.record({ at: fc.nat({ max: SOURCE.length }), length: fc.nat({ max: 12 }), snippet });
    // Whole words, so that many mutants still parse.
    const words = [...SOURCE.matchAll(/[\w.]+/g)].map(({ index, 0: word }) => ({ at: index, length: word.length }));
    const word = fc.tuple(fc.constantFrom(...words), snippet).map(([place, text]) => ({ ...place, snippet: text }));
    const mutation = fc.oneof({ weight: 1, arbitrary: anywhere }, { weight: 4, arbitrary: word });
    let results = 0;
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 2 }), (mutations) => {
        const source = mutations.reduce(
          (text, { at, length, snippet }) => text.slice(0, at) + snippet + text.slice(at + length),
          SOURCE,
        );
        const outcome = outcomeOf(source);
        if (outcome === "result") results++;
        else expect(outcome).toMatchObject({ kind: "invalid-strategy", cure: expect.stringMatching(/\w/) });
      }),
      { numRuns: 600 },
    );
    expect(results).toBeGreaterThan(5);
  });
});

describe("rules on the wire", () => {
  it("travel as they did when they were the only kind of strategy", () => {
    const strategy = ruleStrategy.parse({
      kind: "rules",
      name: "r",
      parameters: { fast: { default: 3, min: 1 } },
      indicators: { a: { type: "sma", period: "fast" } },
      entries: { long: "close > a" },
      stop_loss: { fraction: 0.05, from: "fill" },
    });
    const spec = backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: "X", timeframe: "1d" } });
    const json = wire(backtestSpec).encode(spec) as { strategy: unknown };
    expect(JSON.stringify(json.strategy)).toBe(JSON.stringify(wire(ruleStrategy).encode(strategy)));
    expect(wire(backtestSpec).parse(json).strategy).toEqual(strategy);
  });
});
