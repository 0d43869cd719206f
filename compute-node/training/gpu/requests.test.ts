import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { partsOf } from "./requests.ts";

it("parts hold as many neighbours as fit, and a request that fits nowhere stands alone", () => {
  expect(partsOf([3, 4, 2, 20, 1, 9], (size) => size, 10)).toEqual([[3, 4, 2], [20], [1, 9]]);
  expect(partsOf([], () => 1, 10)).toEqual([]);
});

describe("parts of any requests", () => {
  const sizes = fc.array(fc.nat({ max: 30 }), { maxLength: 20 });
  const sum = (part: readonly number[]): number => part.reduce((total, size) => total + size, 0);

  it("are all of them in their order, none of the parts empty", () => {
    fc.assert(
      fc.property(sizes, fc.nat({ max: 40 }), (items, mostBytes) => {
        const parts = partsOf(items, (size) => size, mostBytes);
        expect(parts.flat()).toEqual(items);
        for (const part of parts) expect(part).not.toEqual([]);
      }),
    );
  });

  it("stay within the limit, and have no room for the next request", () => {
    fc.assert(
      fc.property(sizes, fc.nat({ max: 40 }), (items, mostBytes) => {
        const parts = partsOf(items, (size) => size, mostBytes);
        for (const [index, part] of parts.entries()) {
          if (part.length > 1) expect(sum(part)).toBeLessThanOrEqual(mostBytes);
          const next = parts[index + 1];
          if (next !== undefined) expect(sum(part) + next[0]).toBeGreaterThan(mostBytes);
        }
      }),
    );
  });
});
