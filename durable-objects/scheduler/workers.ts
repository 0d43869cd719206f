/** Steps about workers: register, drain, remove, and the API's views of them. */
import {
  CLOSE_CODES,
  type Lease,
  Problem,
  type RegisterRequest,
  type Worker,
  type WorkerHistoryEntry,
} from "../../protocol/index.ts";
import { count, counterValue } from "./counters.ts";
import { dispatch } from "./dispatch.ts";
import { heldLease, loseLease } from "./leases.ts";
import type { Sql } from "./sql.ts";
import { closeConnection } from "./state.ts";
import type { Outcome, Steps } from "./steps.ts";
import { recordWorkerMoment, workerMoments } from "./worker-history.ts";
import { describeWorker, type WorkerRecord } from "./worker-record.ts";

/** A registration leaves room for this many connections before the next registration's epochs begin. */
const EPOCHS_PER_REGISTRATION = 2 ** 20;

export class Workers {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** Registers a worker, or renews its details. Idempotent; running leases stay. */
  register(request: RegisterRequest, credentialHash: string, now: number): Outcome<Worker> {
    return this.#steps.run((state) => {
      const present = state.workers.get(request.workerId);
      if (present !== undefined && present.workerType !== request.workerType && present.leases.size > 0) {
        throw new Problem(
          "conflict",
          `Worker ${request.workerId} is registered as ${present.workerType} and runs operations.`,
          {
            cure: "Stop the other node, or choose another --worker-id.",
          },
        );
      }
      // The request's process gave up on it, and it arrives behind its successor: the connection in use stays.
      const isLate = present?.connected === true && isSameProcess(present.metadata, request.metadata);
      const worker: WorkerRecord = {
        workerId: request.workerId,
        workerType: request.workerType,
        endpointUrl: request.endpointUrl,
        softwareVersion: request.softwareVersion,
        capabilities: request.capabilities,
        metadata: request.metadata,
        credentialHash,
        epoch: isLate ? present.epoch : nextRegistration(state.sql) * EPOCHS_PER_REGISTRATION,
        connected: present?.connected ?? false,
        draining: isLate && present.draining,
        registeredAt: present?.registeredAt ?? now,
        lastSeenAt: present?.lastSeenAt == null ? null : now,
        lastHealthCheckAt: present?.lastHealthCheckAt ?? null,
        healthFailures: present?.healthFailures ?? 0,
        disconnectedAt: present?.disconnectedAt ?? null,
        lostByOutage: present?.lostByOutage ?? false,
        protocolVersion: present?.protocolVersion ?? null,
        refusal: present?.refusal ?? null,
        lastSelectedAt: present?.lastSelectedAt ?? null,
        leases: present?.leases ?? new Map(),
      };
      if (present?.connected && !isLate) {
        closeConnection(state, present, CLOSE_CODES.superseded, "the worker registered again");
        worker.connected = false;
        worker.disconnectedAt = now;
      }
      state.workers.put(worker);
      recordWorkerMoment(state.sql, worker.workerId, "registered", now, `version ${worker.softwareVersion}`);
      return describeWorker(worker, this.#steps.config);
    });
  }

  /** Ends a worker's connection and forgets it; its operations go back to the queue. */
  deregister(workerId: string, now: number): Outcome<void> {
    return this.#steps.run((state) => {
      const worker = this.#requireWorker(workerId);
      for (const operationId of [...worker.leases.keys()]) {
        loseLease(state, worker, operationId, "lost: the worker was removed", now);
      }
      if (worker.connected) closeConnection(state, worker, CLOSE_CODES.revoked, "the worker was removed");
      state.workers.remove(worker);
      recordWorkerMoment(state.sql, workerId, "removed", now, "by an admin");
      dispatch(state, now);
    });
  }

  /** A draining worker finishes what it runs and takes nothing new. */
  drain(workerId: string, draining: boolean, now: number): Outcome<Worker> {
    return this.#steps.run((state) => {
      const worker = this.#requireWorker(workerId);
      worker.draining = draining;
      state.workers.putHealth(worker);
      recordWorkerMoment(state.sql, workerId, draining ? "draining" : "resumed", now, "by an admin");
      dispatch(state, now);
      return describeWorker(worker, this.#steps.config);
    });
  }

  /** Lists the moments of a worker, also of one that was removed. */
  history(workerId: string): WorkerHistoryEntry[] {
    const moments = workerMoments(this.#steps.sql, workerId);
    if (moments.length === 0) this.#requireWorker(workerId);
    return moments;
  }

  get(workerId: string): Worker {
    return describeWorker(this.#requireWorker(workerId), this.#steps.config);
  }

  list(): Worker[] {
    return this.#steps.state.workers.all().map((worker) => describeWorker(worker, this.#steps.config));
  }

  /** The epoch of each worker's newest connection, also of those that are not connected. */
  epochs(): Map<string, number> {
    return new Map(this.#steps.state.workers.all().map((worker) => [worker.workerId, worker.epoch]));
  }

  credentialHash(workerId: string): string | null {
    return this.#steps.state.workers.get(workerId)?.credentialHash ?? null;
  }

  withCredential(credentialHash: string): string | null {
    return this.#steps.state.workers.all().find((worker) => worker.credentialHash === credentialHash)?.workerId ?? null;
  }

  /** Tells whether the worker holds the lease of this attempt now, which an upload must show. */
  holdsLease(workerId: string, claim: Lease): boolean {
    const worker = this.#steps.state.workers.get(workerId);
    return worker !== undefined && heldLease(worker, claim) !== undefined;
  }

  #requireWorker(workerId: string): WorkerRecord {
    const worker = this.#steps.state.workers.get(workerId);
    if (worker === undefined) {
      throw new Problem("not-found", `There is no worker ${workerId}.`, { cure: "List them with `ktrdr workers`." });
    }
    return worker;
  }
}

function isSameProcess(left: WorkerRecord["metadata"], right: WorkerRecord["metadata"]): boolean {
  return typeof left.instance === "string" && left.instance === right.instance;
}

/** Counts over all workers and for ever: a worker that was removed and comes back goes on above its old epochs. */
function nextRegistration(sql: Sql): number {
  count(sql, "registrations");
  return counterValue(sql, "registrations");
}
