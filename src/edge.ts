/** Describes what a request carries through the edge API. */
import type { Environment, RegistryClient } from "../durable-objects/index.ts";

export interface Edge {
  Bindings: Environment;
  Variables: {
    /** SHA-256 of the bearer token. */
    tokenHash: string;
    workspace: string;
    /** The workspace's registry; it checks the token with every call. */
    registry: RegistryClient;
  };
}
