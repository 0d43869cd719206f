/** What a request carries through the edge API. */
import type { DurableObject } from "cloudflare:workers";
import type { Environment } from "../durable-objects/environment.ts";
import type { WorkerRegistry } from "../durable-objects/worker-registry.ts";

/**
 * The registry's methods as the edge calls them. The platform's own stub type maps every value through "serializable",
 * which gives up on `unknown` (labels, metadata); everything passed here is plain JSON data.
 */
export type RegistryClient = Omit<
  WorkerRegistry,
  "alarm" | "webSocketMessage" | "webSocketClose" | "webSocketError" | keyof DurableObject
> & { fetch(request: Request): Promise<Response> };

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
