import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteLength, withinBytes } from "./byte-length.ts";

/** With characters of one to four bytes, and surrogates that have lost their other half. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("a", "é", "界", "𝄞", "\ud834", "\udd1e", "\u0000") }),
);
/** Longer than any buffer of the count, with any character at its seams. */
const longText = fc
  .tuple(text, fc.integer({ min: 0, max: 40_000 }), text, fc.integer({ min: 1, max: 4 }))
  .map(([start, fill, middle, repeats]) => `${start}${"x".repeat(fill)}${middle}`.repeat(repeats));

describe("the length of a text in bytes", () => {
  it("is that of TextEncoder's output", () => {
    const agrees = (whole: string): boolean => byteLength(whole) === new TextEncoder().encode(whole).byteLength;
    fc.assert(fc.property(text, agrees), { numRuns: 1000 });
    fc.assert(fc.property(longText, agrees));
  });

  it.each([
    ["nothing", "", 0],
    ["ASCII", "ping", 4],
    ["Latin", "é", 2],
    ["Chinese", "界", 3],
    ["a pair of surrogates", "𝄞", 4],
    ["half of a pair", "\ud834", 3],
    ["48,000 Chinese characters", "界".repeat(48_000), 144_000],
  ])("counts %s", (_, whole, bytes) => {
    expect(byteLength(whole)).toBe(bytes);
  });
});

it("a text cut to a number of bytes is the longest of its beginnings, in whole characters, that has no more", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 60 }), (whole, limitBytes) => {
      const cut = withinBytes(whole, limitBytes);
      expect(whole.startsWith(cut)).toBe(true);
      expect(byteLength(cut)).toBeLessThanOrEqual(limitBytes);
      const [next] = whole.slice(cut.length);
      if (next !== undefined) expect(byteLength(cut + next)).toBeGreaterThan(limitBytes);
    }),
    { numRuns: 1000 },
  );
});
