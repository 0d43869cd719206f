/** Calls about datasets. */
import type { PublishDatasetRequest, StoredDataset } from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import type { Registry } from "../registry.ts";

export const datasetCalls = {
  async listDatasets(registry: Registry, tokenHash: string): Promise<Answer<StoredDataset[]>> {
    return registry.answer(tokenHash, "viewer", () => registry.scheduler.datasets.list());
  },

  async publishDataset(
    registry: Registry,
    tokenHash: string,
    sha256: string,
    details: PublishDatasetRequest,
  ): Promise<Answer<StoredDataset>> {
    return registry.answer(tokenHash, "researcher", (now) => {
      registry.collection.requireSettled(sha256, now);
      return registry.commit(registry.scheduler.datasets.publish(sha256, details, now));
    });
  },

  async withdrawDataset(registry: Registry, tokenHash: string, sha256: string): Promise<Answer<void>> {
    return registry.answer(tokenHash, "researcher", (now) =>
      registry.commit(registry.scheduler.datasets.withdraw(sha256, now)),
    );
  },
};
