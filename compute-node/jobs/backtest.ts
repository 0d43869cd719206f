/** A strategy on the prices of one symbol. */
import { BACKTEST_RESULT_MEDIA_TYPE, type BacktestSpec } from "../../protocol/index.ts";
import { runEngine } from "./engine-run.ts";
import type { JobDataset, ThreadJob } from "./job.ts";

interface BacktestInput {
  readonly kind: "backtest";
  readonly spec: BacktestSpec;
  readonly dataset: JobDataset;
}

const engine = () => import("../backtest/index.ts");

export const backtestJob: ThreadJob<BacktestSpec, BacktestInput> = {
  place: "thread",
  warmUp: engine,
  input(spec, { datasets: [dataset] }) {
    if (dataset === undefined) throw new Error("a backtest gets the dataset that its specification names");
    return { kind: "backtest", spec, dataset };
  },
  async run({ spec, dataset: { bars, sha256 } }, turn) {
    const { executeBacktest } = await engine();
    return runEngine(turn, BACKTEST_RESULT_MEDIA_TYPE, (onProgress) =>
      executeBacktest({ spec, bars, dataSha256: sha256, onLog: (line) => turn.print(line), onProgress }),
    );
  },
};
