/** The registry's numbers. Every duration is in milliseconds. */
import { z } from "zod";
import { DAY_MS } from "../../protocol/durations.ts";
import { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "../../protocol/index.ts";

export const registryConfig = z.strictObject({
  /** The interval of checks of sockets while operations run; also the seed's health check interval. */
  healthIntervalMs: z.int().min(10).default(10_000),
  /** A check fails where the heartbeat is later than this. */
  healthTimeoutMs: z.int().min(1).default(5_000),
  /** Failed checks in a row that make a worker `temporarily_unavailable`. */
  failureThreshold: z.int().min(1).default(3),
  /** A worker that has not been healthy for this long is removed. */
  removalMs: z.int().min(10).default(300_000),
  /** A worker whose socket closed keeps its leases for this long. */
  graceMs: z.int().min(1).default(8_000),
  /** The same when it was the registry that went away: nodes that failed to reach it wait up to a minute between tries. */
  outageGraceMs: z.int().min(1).default(75_000),
  /** An assignment without `accept` is sent again after this time, and later given to another worker. */
  acceptTimeoutMs: z.int().min(1).default(10_000),
  /** The first retry after a lost worker is immediate; each later one waits twice as long as the one before, from this. */
  retryDelayMs: z.int().min(1).default(2_000),
  retryDelayMaxMs: z.int().min(1).default(60_000),
  /** Workers that may turn an operation down before it waits `rejectionDelayMs` and starts over. */
  rejectionLimit: z.int().min(1).default(3),
  rejectionDelayMs: z.int().min(1).default(30_000),
  /** One level of priority weighs as much as this much waiting, so that nothing starves. */
  agingMs: z.int().min(1).default(600_000),
  /** Finished operations are kept this long, and at most this many. */
  retentionMs: z
    .int()
    .min(1)
    .default(30 * DAY_MS),
  retentionCount: z.int().min(1).default(200_000),
  /** Rows that one alarm may remove; the next alarm follows at once when there are more. */
  retentionStep: z.int().min(1).default(500),
  /** The most unused classes of requirements that are remembered for later operations with the same demands. */
  classesKept: z.int().min(1).default(256),
  /** Nodes of an older protocol version are told to update. */
  oldestProtocolVersion: z.int().min(OLDEST_PROTOCOL_VERSION).max(PROTOCOL_VERSION).default(OLDEST_PROTOCOL_VERSION),
});
export type RegistryConfig = z.infer<typeof registryConfig>;

/** Reads the deployment's `REGISTRY_CONFIG`, JSON. Throws for a text that is no configuration. */
export function parseRegistryConfig(text: string | undefined): RegistryConfig {
  return registryConfig.parse(JSON.parse(text ?? "{}"));
}

/** A lease expires when its worker was silent for this long, even if its socket never closed. */
export function leaseMs(config: RegistryConfig): number {
  return config.healthIntervalMs * config.failureThreshold + config.healthTimeoutMs;
}

/** The interval of nodes' heartbeats: two within a check. */
export function heartbeatIntervalMs(config: RegistryConfig): number {
  return Math.max(1, Math.floor(config.healthIntervalMs / 2));
}
