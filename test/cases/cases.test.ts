/** Small backtests whose results were worked out by hand. `cases.json` has each with its arithmetic. */
import { describe, expect, it } from "vitest";
import { type EngineCase, engineCases, type Outcome, runCase } from "./run-case.ts";

/** Money and prices agree to some units in the last place of a double; units are exact. */
const TOLERANCE = 1e-12;
/** Indicators are given with eight digits. */
const INDICATOR_TOLERANCE = 1e-7;

const CASES = engineCases();

function isNear(value: unknown, expected: number, tolerance = TOLERANCE): boolean {
  return typeof value === "number" && Math.abs(value - expected) <= tolerance * Math.abs(expected);
}

/** Everything that is not as expected, as `what: got, expected`. */
function differences(expected: EngineCase["expected"], outcome: Outcome): string[] {
  const found: string[] = [];
  const compare = (what: string, got: unknown, wanted: unknown, isSame = Object.is(got, wanted)) => {
    if (!isSame) found.push(`${what}: ${JSON.stringify(got)}, expected ${JSON.stringify(wanted)}`);
  };
  if (expected.trades !== undefined) {
    const { trades } = outcome;
    compare("trades", trades.length, expected.trades.length);
    for (const [row, wanted] of expected.trades.entries()) {
      const got = trades[row];
      if (got === undefined) continue;
      const what = `trade ${row}`;
      for (const key of ["units", "entryBar", "exitBar", "reason"] as const) {
        compare(`${what} ${key}`, got[key], wanted[key]);
      }
      if (wanted.symbol !== undefined) compare(`${what} symbol`, got.symbol, wanted.symbol);
      for (const key of ["entryPrice", "exitPrice", "commission"] as const) {
        const price = wanted[key];
        if (price !== undefined) compare(`${what} ${key}`, got[key], price, isNear(got[key], price));
      }
    }
  }
  const { equity, refusals } = expected;
  if (equity !== undefined) compare("equity", outcome.equity, equity, isNear(outcome.equity, equity));
  if (refusals !== undefined) {
    for (const reason of new Set([...Object.keys(refusals), ...Object.keys(outcome.refusals)])) {
      compare(`refusals ${reason}`, outcome.refusals[reason] ?? 0, refusals[reason] ?? 0);
    }
  }
  for (const [code, count] of Object.entries(expected.warnings ?? {})) {
    const told = outcome.warnings.filter((warning) => warning.code === code);
    compare(
      `warnings ${code}`,
      told.reduce((sum, warning) => sum + warning.count, 0),
      count,
    );
  }
  for (const [code, part] of Object.entries(expected.messages ?? {})) {
    const told = outcome.warnings.filter((warning) => warning.code === code).map(({ message }) => message);
    compare(
      `message ${code}`,
      told,
      part,
      told.some((message) => message.includes(part)),
    );
  }
  for (const [name, value] of Object.entries(expected.indicators ?? {})) {
    const got = outcome.indicators[name];
    compare(`indicator ${name}`, got, value, isNear(got, value, INDICATOR_TOLERANCE));
  }
  for (const [name, value] of Object.entries(expected.statistics ?? {})) {
    const got = outcome.statistics[name];
    compare(`statistic ${name}`, got, value, value === null ? got === null : isNear(got, value));
  }
  return found;
}

describe("a backtest by hand", () => {
  it.each(CASES.map((one) => [one.name, one] as const))("%s", async (_, one) => {
    expect(Object.keys(one.expected)).not.toEqual([]);
    expect(differences(one.expected, await runCase(one)).join("; "), one.why).toBe("");
  });

  it("has a name of its own", () => {
    const names = CASES.map(({ name }) => name);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
});
