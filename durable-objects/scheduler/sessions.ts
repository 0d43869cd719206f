/** Steps about the connections of nodes: hello, later messages, the end of a connection, and the registry's own start. */
import { CLOSE_CODES, type Refusal, versionRefusal } from "../../protocol/index.ts";
import { greet, type Hello, hear, type LaterMessage, refuse } from "./conversation.ts";
import { dispatch } from "./dispatch.ts";
import type { Outcome, Steps } from "./steps.ts";
import { recordWorkerMoment } from "./worker-history.ts";
import { isReachable } from "./worker-record.ts";

export class Sessions {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /**
   * Handles the first message of a connection. A newer epoch replaces the older connection; an older one is closed.
   * Leases that the worker still runs live on; the ones that it does not know were lost with its process.
   * Answers null when the connection is now the worker's own, or the reason to close it.
   */
  hello(workerId: string, message: Hello, now: number): Outcome<Refusal | null> {
    return this.#steps.run((state) => {
      const worker = state.workers.get(workerId);
      if (worker === undefined) return { code: CLOSE_CODES.revoked, reason: "the worker is not registered" };
      const refusal = greet(state, worker, message, now);
      dispatch(state, now);
      return refusal;
    });
  }

  /**
   * Handles a first message of a version that is not spoken here. `epoch` is the one that it claims, or null where it cannot be
   * read. Answers the reason to close the connection; null for a version that is spoken.
   */
  helloOfOtherVersion(workerId: string, version: number, epoch: number | null, now: number): Outcome<Refusal | null> {
    return this.#steps.run((state) => {
      const worker = state.workers.get(workerId);
      const refusal = versionRefusal(version, this.#steps.config.oldestProtocolVersion);
      if (worker === undefined || refusal === null) return refusal;
      const isOutdated = worker.connected && (epoch === null || epoch <= worker.epoch);
      if (isOutdated) return refusal;
      refuse(state, worker, { version, epoch: epoch ?? worker.epoch, refusal }, now);
      dispatch(state, now);
      return refusal;
    });
  }

  /** Ends the connection of this epoch. Its leases live on for the grace period. */
  disconnect(workerId: string, epoch: number, now: number): Outcome<void> {
    return this.#steps.run((state) => {
      const worker = state.workers.get(workerId);
      if (worker === undefined || worker.epoch !== epoch || !worker.connected) return;
      worker.connected = false;
      worker.disconnectedAt = now;
      state.workers.putHealth(worker);
      recordWorkerMoment(state.sql, workerId, "disconnected", now);
    });
  }

  /**
   * Starts the registry. Workers that storage believes connected, and whose sockets are gone, get a longer grace period from now,
   * since it was the registry that went away.
   */
  wake(connections: ReadonlyMap<string, number>, now: number): Outcome<void> {
    return this.#steps.run((state) => {
      const workers = state.workers.all();
      const outage = workers.some((worker) => worker.connected && connections.get(worker.workerId) !== worker.epoch);
      for (const worker of workers) {
        if (connections.get(worker.workerId) === worker.epoch) continue;
        if (!worker.connected && !(outage && worker.leases.size > 0)) continue;
        worker.connected = false;
        worker.disconnectedAt = now;
        worker.lostByOutage = true;
        state.workers.putHealth(worker);
      }
    });
  }

  /** Handles one later message of a connection, as a frame of one. */
  receive(workerId: string, epoch: number, message: LaterMessage, now: number): Outcome<void> {
    return this.receiveAll(workerId, epoch, [message], now);
  }

  /**
   * Handles the messages of one frame, in order, in one step. Slots that they free are filled once, after the last of them.
   * Messages of a connection that is not the worker's present one change nothing.
   */
  receiveAll(workerId: string, epoch: number, messages: readonly LaterMessage[], now: number): Outcome<void> {
    return this.#steps.run((state) => {
      const worker = state.workers.get(workerId);
      if (worker === undefined || worker.epoch !== epoch || !worker.connected) return;
      worker.lastSeenAt = now;
      let mayHandOut = !isReachable(worker, this.#steps.config);
      if (worker.healthFailures > 0) {
        worker.healthFailures = 0;
        state.workers.putHealth(worker);
      }
      for (const message of messages) mayHandOut = hear(state, worker, message, now) || mayHandOut;
      if (mayHandOut) dispatch(state, now);
    });
  }
}
