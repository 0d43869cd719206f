import { describe, expect, it } from "vitest";
import { evaluateModule } from "./sandbox.ts";

/** The value of an expression in a fresh context. */
function evaluated(expression: string): unknown {
  return (evaluateModule(`exports.value = (${expression});`) as { value: unknown }).value;
}

function failureOf(expression: string): string {
  try {
    evaluated(expression);
  } catch (thrown) {
    return (thrown as { message: string }).message;
  }
  throw new Error(`${expression} did not fail`);
}

describe("a strategy's context", () => {
  it("has the language and nothing of Node", () => {
    const names = "process require fetch setTimeout setInterval setImmediate queueMicrotask Buffer performance crypto";
    const found = names.split(" ").filter((name) => evaluated(`typeof ${name}`) !== "undefined");
    expect(found).toEqual([]);
    expect(evaluated("[Math.max(1, 2), Float64Array.of(1.5)[0], JSON.stringify({ a: 1 })].join()")).toBe(
      '2,1.5,{"a":1}',
    );
  });

  it.each([
    ["Math.random()", "the same run must give the same result"],
    ["Date.now()", "a backtest has no present"],
    ["new Date()", "a backtest has no present"],
    ["new (new Date(0).constructor)()", "a backtest has no present"],
    ["Date()", "a backtest has no present"],
    ["new Date(2020, 1, 1)", "without a time zone"],
    ['new Date("2020-01-01T10:00:00")', "without a time zone"],
    ["new Date(0).getHours()", "use the UTC methods"],
    ["new Date(0).setDate(1)", "use the UTC methods"],
    ["new Date(0).getTimezoneOffset()", "use the UTC methods"],
    ["String(new Date(0))", "use the UTC methods"],
    ["new Date(0).toLocaleDateString()", "use the UTC methods"],
    ["(1234.5).toLocaleString()", "the machine's language"],
    ['"a".localeCompare("b")', "the machine's language"],
    ["Intl.NumberFormat()", "Intl is not defined"],
    ["new WeakRef({})", "WeakRef is not defined"],
    ["new SharedArrayBuffer(8)", "SharedArrayBuffer is not defined"],
    ['eval("1")', "Code generation from strings disallowed"],
    ['new Function("return 1")()', "Code generation from strings disallowed"],
  ])("refuses %s with a reason", (expression, reason) => {
    expect(failureOf(expression)).toContain(reason);
  });

  it("has dates where they mean the same everywhere", () => {
    expect(evaluated("new Date(86400000).toISOString()")).toBe("1970-01-02T00:00:00.000Z");
    expect(evaluated('new Date("2020-03-01").getTime()')).toBe(Date.UTC(2020, 2, 1));
    expect(evaluated('new Date("2020-03-01T10:00:00+01:00").getUTCHours()')).toBe(9);
    expect(evaluated("new Date(0).getUTCDay()")).toBe(4);
    expect(evaluated("Date.UTC(1970, 0, 2)")).toBe(86_400_000);
  });

  it("is fresh for each evaluation", () => {
    evaluateModule("globalThis.kept = 1; Array.prototype.kept = 1;");
    expect(evaluated("typeof kept + typeof [].kept")).toBe("undefinedundefined");
    expect("kept" in Array.prototype).toBe(false);
  });

  it("prints to whoever listens, a bounded line a call", () => {
    const lines: string[] = [];
    evaluateModule('console.log("a", 1, { b: [2] }); console.error("x".repeat(5000));', {
      onLog: (line) => lines.push(line),
    });
    expect(lines[0]).toBe("a 1 { b: [ 2 ] }");
    expect(lines[1]).toHaveLength(1_000);
    expect(() => evaluateModule('console.log("to nobody")')).not.toThrow();
  });

  it("runs no promise, so that nothing goes on after the run", async () => {
    const exports = evaluateModule("exports.f = async () => { await null; exports.ran = true; }") as {
      f(): Promise<void>;
      ran?: boolean;
    };
    void exports.f();
    await new Promise((resolve) => setImmediate(resolve));
    expect(exports.ran).toBeUndefined();
  });

  it("ends a module that does not come to its end, where a limit is given", () => {
    expect(() => evaluateModule("for (;;) {}", { timeoutMs: 50 })).toThrow(/timed out after 50ms/);
  });
});
