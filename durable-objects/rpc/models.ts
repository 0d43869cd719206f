/** Calls about models. */
import { type ModelVersion, type PublishModelRequest, ROUTES } from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import type { Registry } from "../registry.ts";

export const modelCalls = {
  async listModels(registry: Registry, tokenHash: string, name: string | null): Promise<Answer<ModelVersion[]>> {
    return registry.answer(tokenHash, ROUTES.listModels.role, () => registry.scheduler.models.list(name));
  },

  async showModel(
    registry: Registry,
    tokenHash: string,
    name: string,
    version: number | null,
  ): Promise<Answer<ModelVersion>> {
    return registry.answer(tokenHash, ROUTES.showModel.role, () => registry.scheduler.models.get(name, version));
  },

  async publishModel(
    registry: Registry,
    tokenHash: string,
    name: string,
    { sha256, summary }: PublishModelRequest,
  ): Promise<Answer<ModelVersion>> {
    return registry.answer(tokenHash, ROUTES.publishModel.role, (now) => {
      registry.collection.requireSettled(sha256, now);
      return registry.commit(registry.scheduler.models.publish({ name, sha256, operationId: null, summary }, now));
    });
  },

  async removeModel(
    registry: Registry,
    tokenHash: string,
    name: string,
    version: number | null,
  ): Promise<Answer<void>> {
    return registry.answer(tokenHash, ROUTES.removeModel.role, (now) =>
      registry.commit(registry.scheduler.models.remove(name, version, now)),
    );
  },
};
