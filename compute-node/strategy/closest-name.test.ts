import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closestName, editDistance, suggestion } from "./closest-name.ts";

describe("closestName", () => {
  it("finds the name that was meant", () => {
    const names = ["sma_fast", "sma_slow", "rsi_14", "close", "macd_1.signal"];
    expect(closestName("sma_fst", names)).toBe("sma_fast");
    expect(closestName("smafast", names)).toBe("sma_fast");
    expect(closestName("clsoe", names)).toBe("close");
    expect(closestName("macd_1.sginal", names)).toBe("macd_1.signal");
    expect(closestName("fast", ["fast_period", "slow_period"])).toBe("fast_period");
  });

  it("offers nothing when nothing is near", () => {
    expect(closestName("volatility", ["sma", "rsi"])).toBeNull();
    expect(closestName("x", [])).toBeNull();
    expect(suggestion("x", [], "parameters")).toBe("There are no parameters here.");
  });

  it("finds a name itself, whatever else there is", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,12}$/);
    fc.assert(
      fc.property(name, fc.array(name), (wanted, others) => closestName(wanted, [...others, wanted]) === wanted),
    );
  });
});

describe("editDistance", () => {
  it("counts insertions, deletions, replacements and swaps of neighbours", () => {
    expect(editDistance("abc", "abc")).toBe(0);
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("ab", "ba")).toBe(1);
  });

  it("is symmetric and at most the longer length", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance === 0).toBe(a === b);
      }),
    );
  });
});
