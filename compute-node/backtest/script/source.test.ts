import { describe, expect, it } from "vitest";
import { backtestSpec, LIMITS, Problem, wire } from "../../../protocol/index.ts";
import { specificationHash } from "../../provenance/index.ts";
import { auditBacktest } from "../audit/audit-strategy.ts";
import { executeBacktest } from "../execute.ts";
import { randomBars } from "../testing/random-cases.ts";
import { loadScript } from "./source.ts";

const bars = randomBars(600, 7, 0.02);

function specOf(source: string, more: { parameters?: Record<string, number>; sourceMap?: string } = {}) {
  const { parameters = {}, sourceMap } = more;
  return backtestSpec.parse({
    kind: "backtest",
    strategy: { kind: "script", name: "test", source, ...(sourceMap === undefined ? {} : { sourceMap }) },
    parameters,
    data: { symbol: "X", timeframe: "1d" },
    settings: { fractionalUnits: true },
  });
}

const run = (source: string, onLog?: (line: string) => void) =>
  executeBacktest({
    spec: specOf(source),
    bars,
    dataSha256: "0".repeat(64),
    ...(onLog === undefined ? {} : { onLog }),
  });

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

const CROSS = `exports.default = {
  parameters: { fast: { default: 5, min: 2, max: 50 }, slow: 20 },
  indicators: ({ fast, slow }) => ({ fast: ["sma", { period: fast }], slow: ["sma", { period: slow }] }),
  onBar({ indicators: { fast, slow }, position, buy, close }) {
    if (position.size === 0 && fast.now > slow.now) buy({ stopLoss: { fraction: 0.05 } });
    else if (position.size > 0 && fast.now <= slow.now) close();
  },
};`;

describe("a strategy's code from the wire", () => {
  it("gives the same bytes at each run, also with variables of its own", () => {
    const counting = CROSS.replace("exports.default", "let bars = 0;\nexports.default").replace(
      "if (position.size === 0 &&",
      "if (++bars % 3 > 0 && position.size === 0 &&",
    );
    const [first, second] = [run(counting), run(counting)];
    expect(first.result.trades.length).toBeGreaterThan(5);
    expect(second.sha256).toBe(first.sha256);
    expect(first.result.strategyName).toBe("test");
    expect(first.result.parameters).toEqual({ fast: 5, slow: 20 });
  });

  it("is part of the specification's hash, and the source map is not", () => {
    const hash = specificationHash(specOf(CROSS));
    expect(specificationHash(specOf(`${CROSS} `))).not.toBe(hash);
    expect(specificationHash(specOf(CROSS, { sourceMap: "{}" }))).toBe(hash);
  });

  it("travels in snake_case, and comes back as it was", () => {
    const spec = specOf(CROSS, { sourceMap: "{}" });
    const json = wire(backtestSpec).encode(spec) as { strategy: Record<string, unknown> };
    expect(Object.keys(json.strategy)).toContain("source_map");
    expect(wire(backtestSpec).parse(json)).toEqual(spec);
    expect(() => specOf("x".repeat(LIMITS.operationSpecBytes + 1))).toThrow("a bundle of at most");
  });

  it("has its overrides checked against its parameters and their ranges", () => {
    const failing = (parameters: Record<string, number>) =>
      problemOf(() => executeBacktest({ spec: specOf(CROSS, { parameters }), bars, dataSha256: "0".repeat(64) }));
    expect(failing({ fsat: 3 }).cure).toContain('Did you mean "fast"?');
    expect(failing({ fast: 51 }).message).toBe("Parameter fast is 51, outside its range.");
  });

  it("has the bar, time and line of its error named", () => {
    const problem = problemOf(() =>
      run(`exports.default = {
  onBar({ bar, prices }) {
    if (bar === 7) prices.clsoe.now;
  },
};`),
    );
    expect(problem.kind).toBe("invalid-strategy");
    expect(problem.message).toMatch(
      /^onBar failed at bar 7 \(\d{4}-\d\d-\d\d.*\): Cannot read properties of undefined \(reading 'now'\) \(ktrdr-strategy\.js:3:\d+\)$/,
    );
    expect(problem.issues).toMatchObject([{ file: "ktrdr-strategy.js", line: 3 }]);
  });

  it("names the line when the engine refuses an order, and keeps the engine's cure", () => {
    const problem = problemOf(() => run("exports.default = {\n  onBar({ buy }) {\n    buy({ units: -1 });\n  },\n};"));
    expect(problem.message).toMatch(/An order has units -1\. \(ktrdr-strategy\.js:3:5\)$/);
    expect(problem.cure).toBe("Give a positive number.");
    const future = problemOf(() => run("exports.default = { onBar({ prices }) { prices.close.at(-1); } };"));
    expect(future.message).toContain("-1 bars back is not a bar up to the present one");
  });

  it.each([
    ["exports.default = { onBar() { fetch('http://x'); } }", "fetch is not defined", "no network"],
    ["const fs = require('fs');", "require is not defined", "prices and its parameters alone"],
    ["exports.default = { onBar() { setTimeout(() => 1); } }", "setTimeout is not defined", "count bars"],
    ["exports.default = { onBar() { Math.random(); } }", "Math.random is not available", "Correct"],
    ["exports.default = { async onBar() {} }", "answers with a promise", "Take `async` away"],
    ["exports.default = { onBar() { throw 'words'; } }", "onBar failed at bar 1", "Correct"],
    ["exports.default = {", "Unexpected token", "Correct"],
    ["exports.other = 1;", "exports no strategy", "export default defineStrategy"],
    ["exports.default = { onbar() {} };", "exports no strategy", "onBar"],
    ["exports.default = { onBar() {}, indicator: () => ({}) };", "unknown key: indicator", '"indicators"'],
    ["exports.default = { onBar() {}, options: { pyramidding: 1 } };", "unknown key: pyramidding", '"pyramiding"'],
    ["exports.default = { onBar() {}, options: { pyramiding: 'x' } };", "options.pyramiding is of", "from 1 on"],
    ["exports.default = { onBar() {}, options: { reversal: 1 } };", "options.reversal is of", "true or false"],
    ["exports.default = { onBar() {}, state: {} };", "state is of the wrong type", "a function"],
    ["exports.default = { onBar() {}, indicators: {} };", "indicators is of the wrong type", "a function"],
    ["exports.default = { onBar() {}, parameters: { a: 'b' } };", "Parameter a", "default"],
    ["exports.default = { onBar() {}, indicators: () => ({ a: ['smaa'] }) };", 'unknown type "smaa"', 'mean "sma"'],
    ["exports.default = { onBar() {}, indicators: () => ({ a: 'sma' }) };", '"a" is no choice', '["sma"'],
    ["exports.default = { onBar() {}, indicators: () => 5 };", "answer with no object", '["sma"'],
    [
      "exports.default = { onBar() {}, indicators: () => ({ a: ['sma', { period: Symbol() }] }) };",
      "Symbol()",
      "number",
    ],
    [
      "exports.default = { onBar() {}, indicators: () => ({ a: ['sma', { source: 'b' }], b: ['rsi'] }) };",
      'source "b" of "a" is no price and no indicator before it',
      "close",
    ],
    [
      "exports.default = { onBar() {}, indicators: () => ({ a: ['atr', { source: 'high' }] }) };",
      "atr takes no source",
      "Remove",
    ],
  ])("is a clear fault: %s", (source, message, cure) => {
    const problem = problemOf(() => run(source));
    expect(problem.kind).toBe("invalid-strategy");
    expect(problem.message).toContain(message);
    expect(problem.cure).toContain(cure);
  });

  it.each([
    ["buy(100)", "not by 100", "buy({ units: 100 })"],
    ["buy(null)", "not by null", "buy({ units: 100 })"],
    ["buy({ unit: 1 })", 'no field "unit"', '"units"'],
    ["buy({ units: '5' })", "units 5", "positive number"],
    ["buy({ size: 2 })", "above the whole", "0.5 is half"],
    ["sell({ stop: NaN })", "stop NaN", "finite number"],
    ["buy({ stopLoss: {} })", "stopLoss.fraction NaN", "positive number"],
    ["buy({ stopLoss: null })", "stopLoss.fraction NaN", "positive number"],
    ["buy({ timeInForce: 'ioc' })", "timeInForce", '"day"'],
    ["close(2)", "close(2) is no part", "at most 1"],
    ["close('all')", "close(all) is no part", "at most 1"],
    ["cancel()", "onBar failed", "Correct"],
  ])("is told what is wrong with an order that no compiler has seen: %s", (order, message, cure) => {
    const problem = problemOf(() => run(`exports.default = { onBar({ buy, sell, close, cancel }) { ${order}; } };`));
    expect(problem.kind).toBe("invalid-strategy");
    expect(problem.message).toContain(message);
    expect(problem.cure).toContain(cure);
  });

  it("is a fault when it never ends while it is loaded, where a limit is given", () => {
    const script = { kind: "script", name: "endless", source: "for (;;) {}" } as const;
    expect(problemOf(() => loadScript(script, { timeoutMs: 50 })).message).toContain("does not come to its end");
  });

  it("prints into the log", () => {
    const lines: string[] = [];
    run("exports.default = { onBar({ bar }) { if (bar < 3) console.log('bar', bar); } };", (line) => lines.push(line));
    expect(lines).toEqual(["bar 1", "bar 2"]);
  });
});

it("a script has a fresh state in each run", () => {
  const stateful = `exports.default = {
    state: () => ({ count: 0 }),
    onBar({ state, position, buy, close }) { if (++state.count % 7 === 0) position.size === 0 ? buy() : close(); },
  };`;
  expect(run(stateful).result.trades.length).toBeGreaterThan(10);
  expect(run(stateful).sha256).toBe(run(stateful).sha256);
});

it("a script's history is the closed trades so far, and grows by one with each", () => {
  const lines: string[] = [];
  const counting = `let before = 0;
  exports.default = { onBar({ bar, history, position, buy, close }) {
    if (history.length !== before) console.log(bar, history.at(-1).exitBar, history.at(-1).exitReason);
    before = history.length;
    if (bar % 10 === 0) position.size === 0 ? buy() : close();
  } };`;
  const { result } = run(counting, (line) => lines.push(line));
  const closed = result.trades.filter(({ exitReason }) => exitReason === "signal");
  expect(lines).toEqual(closed.map(({ exitBar }) => `${exitBar} ${exitBar} signal`));
});

describe("the look-ahead audit of a strategy's code", () => {
  it("finds nothing in one that counts bars in its own variables", () => {
    const counting =
      "let count = 0;\nexports.default = { onBar({ position, buy, close }) { if (++count % 5 === 0) position.size === 0 ? buy() : close(); } };";
    expect(auditBacktest(specOf(counting), bars).findings).toEqual([]);
  });

  it("finds one that breaks out of its context and carries knowledge of the future from run to run", () => {
    const leaking = `exports.default = {
      onBar({ bar, position, buy }) {
        const outside = buy.constructor("return globalThis")();
        outside.ktrdrTestLastBar = Math.max(outside.ktrdrTestLastBar ?? 0, bar);
        if (position.size === 0 && bar < outside.ktrdrTestLastBar) buy();
      },
    };`;
    try {
      const { findings } = auditBacktest(specOf(leaking), bars);
      expect(findings[0].bar).toBe(1);
      expect(findings.map(({ kind }) => kind)).toContain("equity");
    } finally {
      Reflect.deleteProperty(globalThis, "ktrdrTestLastBar");
    }
  });
});
