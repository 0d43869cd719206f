/** Calls about datasets. */
import { type PublishDatasetRequest, ROUTES, type StoredDataset } from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import type { Registry } from "../registry.ts";

export const datasetCalls = {
  async listDatasets(registry: Registry, tokenHash: string): Promise<Answer<StoredDataset[]>> {
    return registry.answer(tokenHash, ROUTES.listDatasets.role, () => registry.scheduler.datasets.list());
  },

  async publishDataset(
    registry: Registry,
    tokenHash: string,
    sha256: string,
    details: PublishDatasetRequest,
  ): Promise<Answer<StoredDataset>> {
    return registry.answer(tokenHash, ROUTES.publishDataset.role, (now) => {
      registry.collection.requireSettled(sha256, now);
      return registry.commit(registry.scheduler.datasets.publish(sha256, details, now));
    });
  },

  async withdrawDataset(registry: Registry, tokenHash: string, sha256: string): Promise<Answer<void>> {
    return registry.answer(tokenHash, ROUTES.withdrawDataset.role, (now) =>
      registry.commit(registry.scheduler.datasets.withdraw(sha256, now)),
    );
  },
};
