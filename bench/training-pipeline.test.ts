import { expect, it } from "vitest";
import { benchTrainingPipeline, describePipeline } from "./training-pipeline.ts";

it("the training pipeline's bench runs, on few bars", async () => {
  const times = await benchTrainingPipeline(2000, 1);
  expect(Object.keys(times.seconds)).toHaveLength(9);
  expect(describePipeline(times)).toMatch(/2000 bars, 30 features/);
});
