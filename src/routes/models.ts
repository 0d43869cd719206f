/** Models of training runs and imported ones, by name and version. The bytes are artefacts. */
import type { modelRoutes } from "../../protocol/index.ts";
import { opened } from "../answers.ts";
import type { Handlers } from "../handler.ts";

export const modelHandlers: Handlers<typeof modelRoutes> = {
  async listModels({ var: { registry, tokenHash } }, { query }) {
    return { models: await opened(registry.listModels(tokenHash, query.name ?? null)) };
  },
  showModel({ var: { registry, tokenHash } }, { parameters, query }) {
    return opened(registry.showModel(tokenHash, parameters.name, query.version ?? null));
  },
  publishModel({ var: { registry, tokenHash } }, { parameters, body }) {
    return opened(registry.publishModel(tokenHash, parameters.name, body));
  },
  removeModel({ var: { registry, tokenHash } }, { parameters, query }) {
    return opened(registry.removeModel(tokenHash, parameters.name, query.version ?? null));
  },
};
