import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ruleStrategy } from "../../protocol/strategy-rules.ts";
import { allocateBars, type BarColumns } from "../market-data/bars.ts";
import { compileRules, SignalScratch } from "./compile-rules.ts";

const OPERATORS = [">", ">=", "<", "<=", "==", "!=", "crosses above", "crosses below"] as const;

/** Adding zero changes no value, and hides the average from the filter. */
function strategyOf(operator: string, isHidden: boolean, fast: number, slow: number, right: string) {
  const zero = isHidden ? " + 0" : "";
  return ruleStrategy.parse({
    kind: "rules",
    name: "means",
    indicators: { fast: { type: "sma", period: fast }, slow: { type: "sma", period: slow, source: "high" } },
    entries: { long: `fast${zero} ${operator} ${right}${zero}`, short: `${right}${zero} ${operator} fast${zero}` },
  });
}

interface Walk {
  readonly seed: number;
  readonly rows: number;
  /** Prices are multiples of it, so that averages tie. */
  readonly tick: number;
  readonly gaps: boolean;
  readonly scale: number;
}

function walkOf({ seed, rows, tick, gaps, scale }: Walk): BarColumns {
  const bars = allocateBars(rows);
  let state = seed >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  let price = 1000;
  for (let bar = 0; bar < rows; bar++) {
    // Now and then prices are of another magnitude from one bar to the next.
    if (random() < 0.0005) price = [1000, 1_000_000, 20][bar % 3];
    if (random() < 0.7) price += Math.floor(random() * 5) - 2;
    const hole = gaps && random() < 0.002;
    bars.close[bar] = hole ? [Number.NaN, Infinity, -Infinity][bar % 3] : price * tick * scale;
    bars.high[bar] = (price + Math.floor(random() * 3)) * tick * scale;
  }
  return bars;
}

describe("comparisons of averages", () => {
  it("answer as the computed averages do, bit for bit: on ties, on gaps, and over many blocks", () => {
    const scratch = new SignalScratch();
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer(),
          rows: fc.integer({ min: 0, max: 5000 }),
          tick: fc.constantFrom(1, 0.01, 0.1, 1e-5),
          gaps: fc.boolean(),
          scale: fc.constantFrom(1, 1e-200, 1e150, -1),
        }),
        fc.constantFrom(...OPERATORS),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom("slow", "close", "high"),
        (walk, operator, fast, slow, right) => {
          const bars = walkOf(walk);
          const filtered = compileRules(strategyOf(operator, false, fast, slow, right)).signals(bars, scratch);
          const exact = compileRules(strategyOf(operator, true, fast, slow, right)).signals(bars);
          expect(filtered.warmupBars).toBe(exact.warmupBars);
          expect(Buffer.compare(filtered.entryLong, exact.entryLong)).toBe(0);
          expect(Buffer.compare(filtered.entryShort, exact.entryShort)).toBe(0);
        },
      ),
      { numRuns: 400 },
    );
  });
});
