/** Names the bindings of the Worker; see wrangler.toml. */
import type { TraceEnvironment } from "../telemetry/index.ts";

/** With OpenTelemetry's variables: see docs/reference/traces.md. */
export interface Environment extends TraceEnvironment {
  /** The namespace of `WorkerRegistry`. Its stubs are called as `RegistryClient` (rpc/index.ts). */
  REGISTRY: DurableObjectNamespace;
  ARTEFACTS: R2Bucket;
  /** Hexadecimal SHA-256 of the first admin token of the workspace `default`; absent means that there is none. */
  ADMIN_TOKEN_SHA256?: string;
  /** JSON with numbers that differ from `registryConfig`'s defaults. */
  REGISTRY_CONFIG?: string;
}
