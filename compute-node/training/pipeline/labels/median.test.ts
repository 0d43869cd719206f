import fc from "fast-check";
import { expect, it } from "vitest";
import { median } from "./median.ts";

it("the median is the middle of the sorted values", () => {
  const values = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 60 }),
    fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 60 }),
  );
  fc.assert(
    fc.property(values, (list) => {
      const given = Float64Array.from(list);
      const sorted = given.toSorted();
      const middle = sorted.length >> 1;
      const expected = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
      expect(median(given) + 0).toBe(expected + 0);
      expect([...given]).toEqual(list);
    }),
  );
  expect(median(new Float64Array())).toBeNaN();
});
