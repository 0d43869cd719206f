/** Market data that every node of the workspace can have. The bytes are artefacts. */
import type { datasetRoutes } from "../../protocol/index.ts";
import { opened } from "../answers.ts";
import type { Handlers } from "../handler.ts";

export const datasetHandlers: Handlers<typeof datasetRoutes> = {
  async listDatasets({ var: { registry, tokenHash } }) {
    const datasets = await opened(registry.listDatasets(tokenHash));
    return { total: datasets.length, datasets };
  },
  publishDataset({ var: { registry, tokenHash } }, { parameters, body }) {
    return opened(registry.publishDataset(tokenHash, parameters.sha256, body));
  },
  withdrawDataset({ var: { registry, tokenHash } }, { parameters }) {
    return opened(registry.withdrawDataset(tokenHash, parameters.sha256));
  },
};
