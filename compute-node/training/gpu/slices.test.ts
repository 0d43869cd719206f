import { expect, it } from "vitest";
import type { BatchResults } from "../network.ts";
import { partsOf, type TrainRequest, trainInSlices } from "./slices.ts";

/** Answers each batch with its number as the loss, up to `last` of the member. */
function numbered(last: readonly number[], asked: number[][]) {
  return async (slice: readonly TrainRequest[]): Promise<BatchResults[]> => {
    asked.push(slice.map(({ index, firstBatch }) => 100 * index + firstBatch));
    return slice.map(({ index, firstBatch, batchCount }) => {
      const losses = Array.from({ length: batchCount }, (_, batch) => firstBatch + batch);
      const kept = losses.filter((batch) => batch <= last[index]);
      const zeros = kept.map(() => 0);
      return {
        losses: Float64Array.from(kept),
        correct: Uint32Array.from(zeros),
        gradientNorms: Float32Array.from(zeros),
      };
    });
  };
}

it("requests are answered slice by slice, and a member that stopped is asked no more", async () => {
  const order = new Uint32Array(0);
  const request = (index: number, firstBatch: number, batchCount: number): TrainRequest => {
    return { index, order, firstBatch, batchCount, learningRate: 1 };
  };
  const asked: number[][] = [];
  const answers = await trainInSlices(
    [request(0, 0, 7), request(1, 2, 3), request(2, 0, 7)],
    3,
    numbered([99, 99, 4], asked),
  );
  expect(answers.map(({ losses }) => [...losses])).toEqual([
    [0, 1, 2, 3, 4, 5, 6],
    [2, 3, 4],
    [0, 1, 2, 3, 4],
  ]);
  expect(asked).toEqual([[0, 102, 200], [3, 203], [6]]);
});

it("parts hold as many neighbours as fit, and what fits nowhere stands alone", () => {
  expect(partsOf([3, 4, 2, 20, 1, 9], (size) => size, 10)).toEqual([[3, 4, 2], [20], [1, 9]]);
  expect(partsOf([], () => 1, 10)).toEqual([]);
});
