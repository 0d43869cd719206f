/** A worker as the scheduler holds it in memory: the stored row, and the leases that the running operations give it. */
import type { Capabilities, Worker, WorkerStatus, WorkerType } from "../../protocol/index.ts";
import type { RegistryConfig } from "./config.ts";

export interface LeaseRecord {
  readonly operationId: string;
  readonly attempt: number;
  readonly assignedAt: number;
  accepted: boolean;
  /** The operation's newest checkpoint, of this attempt or an earlier one; null when there is none. */
  checkpoint: string | null;
  /** Its cancellation was asked for; the worker was told, or will be when it comes back. */
  stopping: boolean;
  /** Times that the assignment was sent. */
  sends: number;
  lastSentAt: number;
}

export interface WorkerRecord {
  workerId: string;
  workerType: WorkerType;
  endpointUrl: string;
  softwareVersion: string;
  /** The version of its newest `hello`, which it understands; null before the first. */
  protocolVersion: number | null;
  /** The reason for which its newest connection was refused; null when it was not. */
  refusal: string | null;
  capabilities: Capabilities;
  metadata: Record<string, unknown>;
  credentialHash: string;
  epoch: number;
  connected: boolean;
  draining: boolean;
  registeredAt: number;
  /** Last sign of life: a message or a heartbeat. */
  lastSeenAt: number | null;
  lastHealthCheckAt: number | null;
  healthFailures: number;
  disconnectedAt: number | null;
  /** Its connection ended with the registry, not by itself. */
  lostByOutage: boolean;
  lastSelectedAt: number | null;
  readonly leases: Map<string, LeaseRecord>;
}

export function freeSlots(worker: WorkerRecord): number {
  return Math.max(0, worker.capabilities.slots - worker.leases.size);
}

/** Tells whether operations may be handed to it now. */
export function canTakeWork(worker: WorkerRecord, config: RegistryConfig): boolean {
  return isReachable(worker, config) && !worker.draining && freeSlots(worker) > 0;
}

export function isReachable(worker: WorkerRecord, config: RegistryConfig): boolean {
  return worker.connected && worker.healthFailures < config.failureThreshold;
}

/** Derived, never stored: see `workerStatus` in the protocol for what each means. */
function statusOf(worker: WorkerRecord, config: RegistryConfig): WorkerStatus {
  if (!isReachable(worker, config)) return "temporarily_unavailable";
  return canTakeWork(worker, config) ? "available" : "busy";
}

/** Describes a worker as the API shows it. */
export function describeWorker(worker: WorkerRecord, config: RegistryConfig): Worker {
  const operationIds = [...worker.leases.keys()];
  return {
    workerId: worker.workerId,
    workerType: worker.workerType,
    endpointUrl: worker.endpointUrl,
    status: statusOf(worker, config),
    currentOperationId: operationIds[0] ?? null,
    currentOperationIds: operationIds,
    capabilities: worker.capabilities,
    lastHealthCheck: worker.lastHealthCheckAt,
    lastHealthyAt: worker.lastSeenAt,
    healthCheckFailures: worker.healthFailures,
    metadata: worker.metadata,
    slots: worker.capabilities.slots,
    slotsUsed: worker.leases.size,
    epoch: worker.epoch,
    connected: worker.connected,
    draining: worker.draining,
    softwareVersion: worker.softwareVersion,
    protocolVersion: worker.protocolVersion,
    refusal: worker.refusal,
    lastSelectedAt: worker.lastSelectedAt,
    registeredAt: worker.registeredAt,
  };
}
