/** A strategy on the prices of many symbols, on one account. */
import { PORTFOLIO_RESULT_MEDIA_TYPE, type PortfolioSpec } from "../../protocol/index.ts";
import { runEngine } from "./engine-run.ts";
import type { JobDataset, ThreadJob } from "./job.ts";

interface PortfolioInput {
  readonly kind: "portfolio";
  readonly spec: PortfolioSpec;
  readonly datasets: readonly JobDataset[];
}

const engine = () => import("../portfolio/index.ts");

export const portfolioJob: ThreadJob<PortfolioSpec, PortfolioInput> = {
  place: "thread",
  warmUp: engine,
  input: (spec, { datasets }) => ({ kind: "portfolio", spec, datasets }),
  async run({ spec, datasets }, turn) {
    const { executePortfolio } = await engine();
    return runEngine(turn, PORTFOLIO_RESULT_MEDIA_TYPE, (onProgress) =>
      executePortfolio({ spec, datasets, onProgress }),
    );
  },
};
