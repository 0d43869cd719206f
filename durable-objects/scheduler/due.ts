/** Computes when the registry has to look again: one alarm serves everything that time alone changes. */
import { nextCollectionAt } from "./artefact-index.ts";
import { leaseExpiresAt } from "./lease-expiry.ts";
import { removalAt } from "./retention.ts";
import type { State } from "./state.ts";

/** Returns the earliest moment at which time alone changes something, or null: the object may then sleep until it is called. */
export function nextDueAt(state: State, now: number): number | null {
  const { config } = state;
  const moments: number[] = [];
  const isAnythingQueued = !state.classes.queued().next().done;
  for (const worker of state.workers.all()) {
    for (const lease of worker.leases.values()) {
      moments.push(leaseExpiresAt(worker, lease, config));
      if (worker.connected && (!lease.accepted || lease.stopping))
        moments.push(lease.lastSentAt + config.acceptTimeoutMs);
    }
    if (worker.connected && (worker.leases.size > 0 || (worker.healthFailures > 0 && isAnythingQueued))) {
      moments.push((worker.lastHealthCheckAt ?? now) + config.healthIntervalMs);
    }
    // A worker that holds leases is not removed; the end of the last of them comes first.
    if (worker.leases.size === 0) moments.push(removalAt(worker, config));
  }
  moments.push(...state.operations.nextMoments(now, config));
  const collectionAt = nextCollectionAt(state.sql);
  if (collectionAt !== null) moments.push(collectionAt);
  return moments.length === 0 ? null : Math.max(now + 1, Math.min(...moments));
}
