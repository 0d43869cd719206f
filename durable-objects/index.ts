/** The workspace's registry: its Durable Object, the calls that the edge makes, and functions that both use. */
export type { Answer } from "./answer.ts";
export { artefactKey } from "./artefact-key.ts";
export type { Caller } from "./caller.ts";
export type { Environment } from "./environment.ts";
export { problemResponse } from "./problem-response.ts";
export type { RegistryClient } from "./rpc/index.ts";
export { parseRegistryConfig, type Upload } from "./scheduler/index.ts";
export { checkSize, idempotencyOf } from "./submission-checks.ts";
export { WorkerRegistry } from "./worker-registry.ts";
