/** The pure scheduler: decisions of the registry on storage that is passed in, by resource. */
export {
  abandonedUploads,
  abandonUpload,
  collectableArtefacts,
  forgetArtefacts,
  isCollectable,
  openUpload,
  recordArtefact,
  recordPart,
  type StoredPart,
  touchArtefact,
  type Upload,
  uploadOf,
} from "./artefact-index.ts";
export { assert } from "./assert.ts";
export { leaseMs, parseRegistryConfig, type RegistryConfig, registryConfig } from "./config.ts";
export type { LaterMessage } from "./conversation.ts";
export { COUNTERS } from "./counters.ts";
export type { Effect } from "./effect.ts";
export type { OperationFilter } from "./operation-store.ts";
export type { AcceptedOperation, Operations, Submission } from "./operations.ts";
export type { RegistryMetrics } from "./registry-metrics.ts";
export { Scheduler } from "./scheduler.ts";
export { first, type Sql, type SqlValue } from "./sql.ts";
export type { Outcome } from "./steps.ts";
export { LATENCY_BOUNDS_MS } from "./tally.ts";
