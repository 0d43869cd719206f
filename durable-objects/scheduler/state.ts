/** The state of a step: the stores, the configuration, and the effects that it asks of the shell. */
import { messageFor, OLDEST_PROTOCOL_VERSION, type RegistryMessage } from "../../protocol/index.ts";
import { ClassIndex } from "./class-index.ts";
import type { RegistryConfig } from "./config.ts";
import { DatasetIndex } from "./dataset-index.ts";
import type { Effect } from "./effect.ts";
import { nextEventId } from "./event-log.ts";
import { OperationStore } from "./operation-store.ts";
import type { Sql } from "./sql.ts";
import type { Observation } from "./tally.ts";
import type { WorkerRecord } from "./worker-record.ts";
import { WorkerStore } from "./worker-store.ts";

export interface State {
  readonly sql: Sql;
  readonly config: RegistryConfig;
  readonly operations: OperationStore;
  readonly workers: WorkerStore;
  readonly classes: ClassIndex;
  readonly datasets: DatasetIndex;
  effects: Effect[];
  /** Counts of this step; the tally takes them over once the step is committed. */
  observations: Observation[];
  nextEventId: number;
}

/** Reads everything from storage: nothing else is needed to go on after a restart. */
export function loadState(sql: Sql, config: RegistryConfig): State {
  const operations = new OperationStore(sql);
  return {
    sql,
    config,
    operations,
    workers: new WorkerStore(sql, operations.running()),
    classes: new ClassIndex(sql, operations.queuedByClass()),
    datasets: new DatasetIndex(sql),
    effects: [],
    observations: [],
    nextEventId: nextEventId(sql),
  };
}

/** Asks for a message on the worker's present connection, in its protocol version. All messages leave through here. */
export function sendTo(state: State, worker: WorkerRecord, message: RegistryMessage): void {
  const known = messageFor(worker.protocolVersion ?? OLDEST_PROTOCOL_VERSION, message);
  if (known === null) return;
  state.effects.push({ type: "send", workerId: worker.workerId, epoch: worker.epoch, message: known });
}

/** Asks for the worker's present connection to be closed. */
export function closeConnection(state: State, worker: WorkerRecord, code: number, reason: string): void {
  state.effects.push({ type: "close", workerId: worker.workerId, epoch: worker.epoch, code, reason });
}
