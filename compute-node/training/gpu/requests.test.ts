import { expect, it } from "vitest";
import { partsOf } from "./requests.ts";

it("parts hold as many neighbours as fit, and what fits nowhere stands alone", () => {
  expect(partsOf([3, 4, 2, 20, 1, 9], (size) => size, 10)).toEqual([[3, 4, 2], [20], [1, 9]]);
  expect(partsOf([], () => 1, 10)).toEqual([]);
});
