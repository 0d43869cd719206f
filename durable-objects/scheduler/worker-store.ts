/** Workers in SQL, and the copy of them in memory that every step works on. Writes go to both. */
import type { Capabilities, WorkerType } from "../../protocol/index.ts";
import { assert } from "./assert.ts";
import type { OperationRecord } from "./operation-record.ts";
import type { Sql } from "./sql.ts";
import type { LeaseRecord, WorkerRecord } from "./worker-record.ts";

interface WorkerRow {
  worker_id: string;
  worker_type: WorkerType;
  endpoint_url: string;
  software_version: string;
  capabilities: string;
  metadata: string;
  credential_hash: string;
  epoch: number;
  connected: number;
  draining: number;
  registered_at: number;
  last_seen_at: number | null;
  last_health_check_at: number | null;
  health_failures: number;
  disconnected_at: number | null;
  lost_by_outage: number;
  protocol_version: number | null;
  refusal: string | null;
  last_selected_at: number | null;
}

export class WorkerStore {
  readonly #sql: Sql;
  readonly #workers = new Map<string, WorkerRecord>();

  /** Reads every worker, and gives each the leases that the running operations say it has. */
  constructor(sql: Sql, running: readonly OperationRecord[]) {
    this.#sql = sql;
    const rows = sql.all<WorkerRow>(
      "SELECT workers.*, last_selected_at FROM workers LEFT JOIN selections USING (worker_id) ORDER BY worker_id",
    );
    for (const row of rows) this.#workers.set(row.worker_id, toRecord(row));
    for (const operation of running) this.grant(operation);
  }

  all(): WorkerRecord[] {
    return [...this.#workers.values()];
  }

  get(workerId: string): WorkerRecord | undefined {
    return this.#workers.get(workerId);
  }

  /** Inserts or replaces the stored row; the record in memory is the one passed in. */
  put(worker: WorkerRecord): void {
    this.#workers.set(worker.workerId, worker);
    this.#sql.run(
      `INSERT INTO workers (worker_id, worker_type, endpoint_url, software_version, capabilities, metadata, credential_hash,
         epoch, connected, draining, registered_at, last_seen_at, last_health_check_at, health_failures, disconnected_at,
         lost_by_outage, protocol_version, refusal)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (worker_id) DO UPDATE SET worker_type = excluded.worker_type, endpoint_url = excluded.endpoint_url,
         software_version = excluded.software_version, capabilities = excluded.capabilities, metadata = excluded.metadata,
         credential_hash = excluded.credential_hash, epoch = excluded.epoch, connected = excluded.connected,
         draining = excluded.draining, last_seen_at = excluded.last_seen_at,
         last_health_check_at = excluded.last_health_check_at, health_failures = excluded.health_failures,
         disconnected_at = excluded.disconnected_at, lost_by_outage = excluded.lost_by_outage,
         protocol_version = excluded.protocol_version, refusal = excluded.refusal`,
      worker.workerId,
      worker.workerType,
      worker.endpointUrl,
      worker.softwareVersion,
      JSON.stringify(worker.capabilities),
      JSON.stringify(worker.metadata),
      worker.credentialHash,
      worker.epoch,
      worker.connected ? 1 : 0,
      worker.draining ? 1 : 0,
      worker.registeredAt,
      worker.lastSeenAt,
      worker.lastHealthCheckAt,
      worker.healthFailures,
      worker.disconnectedAt,
      worker.lostByOutage ? 1 : 0,
      worker.protocolVersion,
      worker.refusal,
    );
  }

  /** Writes the connection's state alone, without the long list of capabilities. */
  putHealth(worker: WorkerRecord): void {
    this.#sql.run(
      `UPDATE workers SET connected = ?, draining = ?, last_seen_at = ?, last_health_check_at = ?, health_failures = ?,
         disconnected_at = ?, lost_by_outage = ?, epoch = ? WHERE worker_id = ?`,
      worker.connected ? 1 : 0,
      worker.draining ? 1 : 0,
      worker.lastSeenAt,
      worker.lastHealthCheckAt,
      worker.healthFailures,
      worker.disconnectedAt,
      worker.lostByOutage ? 1 : 0,
      worker.epoch,
      worker.workerId,
    );
  }

  putSelected(worker: WorkerRecord, now: number): void {
    // One step hands out several operations at one moment.
    if (worker.lastSelectedAt === now) return;
    worker.lastSelectedAt = now;
    this.#sql.run(
      "INSERT INTO selections (worker_id, last_selected_at) VALUES (?, ?) ON CONFLICT (worker_id) DO UPDATE SET last_selected_at = excluded.last_selected_at",
      worker.workerId,
      now,
    );
  }

  remove(worker: WorkerRecord): void {
    assert(worker.leases.size === 0, `worker ${worker.workerId} holds no lease when it is removed`);
    this.#workers.delete(worker.workerId);
    this.#sql.run("DELETE FROM workers WHERE worker_id = ?", worker.workerId);
    this.#sql.run("DELETE FROM selections WHERE worker_id = ?", worker.workerId);
  }

  /** Puts a running operation's lease on its worker. */
  grant(
    operation: Pick<
      OperationRecord,
      "operationId" | "attempt" | "workerId" | "assignedAt" | "accepted" | "stopReason" | "checkpoint"
    >,
  ): LeaseRecord {
    const worker = operation.workerId === null ? undefined : this.#workers.get(operation.workerId);
    assert(worker !== undefined, `the worker of running operation ${operation.operationId} is known`);
    const lease: LeaseRecord = {
      operationId: operation.operationId,
      attempt: operation.attempt,
      assignedAt: operation.assignedAt ?? 0,
      accepted: operation.accepted,
      checkpoint: operation.checkpoint,
      stopping: operation.stopReason !== null,
      sends: 1,
      lastSentAt: operation.assignedAt ?? 0,
    };
    worker.leases.set(operation.operationId, lease);
    return lease;
  }
}

function toRecord(row: WorkerRow): WorkerRecord {
  return {
    workerId: row.worker_id,
    workerType: row.worker_type,
    endpointUrl: row.endpoint_url,
    softwareVersion: row.software_version,
    capabilities: JSON.parse(row.capabilities) as Capabilities,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    credentialHash: row.credential_hash,
    epoch: row.epoch,
    connected: row.connected === 1,
    draining: row.draining === 1,
    registeredAt: row.registered_at,
    lastSeenAt: row.last_seen_at,
    lastHealthCheckAt: row.last_health_check_at,
    healthFailures: row.health_failures,
    disconnectedAt: row.disconnected_at,
    lostByOutage: row.lost_by_outage === 1,
    protocolVersion: row.protocol_version,
    refusal: row.refusal,
    lastSelectedAt: row.last_selected_at,
    leases: new Map(),
  };
}
