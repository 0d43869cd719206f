/**
 * The registry's decisions, without the registry's sockets, clock, alarm or chance, by resource.
 *
 * Each method that returns an `Outcome` is one step (steps.ts). The same storage and the same events give the same effects.
 */
import type { RegistryConfig } from "./config.ts";
import { Datasets } from "./datasets.ts";
import { enforceDeadlines } from "./deadlines.ts";
import { dispatch } from "./dispatch.ts";
import { nextDueAt } from "./due.ts";
import { checkHeartbeat, type Heartbeats } from "./heartbeat.ts";
import { expireLeases, resendUnanswered } from "./lease-expiry.ts";
import { Metrics } from "./metrics.ts";
import { Models } from "./models.ts";
import { Operations } from "./operations.ts";
import { removeExpired, removeForgotten, removeUnusedClasses } from "./retention.ts";
import { migrate } from "./schema.ts";
import { Sessions } from "./sessions.ts";
import type { Sql } from "./sql.ts";
import type { State } from "./state.ts";
import { type Outcome, Steps } from "./steps.ts";
import { Workers } from "./workers.ts";

export class Scheduler {
  readonly operations: Operations;
  readonly workers: Workers;
  readonly sessions: Sessions;
  readonly datasets: Datasets;
  readonly models: Models;
  readonly metrics: Metrics;
  readonly #steps: Steps;

  constructor(sql: Sql, config: RegistryConfig) {
    migrate(sql);
    const steps = new Steps(sql, config);
    this.#steps = steps;
    this.operations = new Operations(steps);
    this.workers = new Workers(steps);
    this.sessions = new Sessions(steps);
    this.datasets = new Datasets(steps);
    this.models = new Models(steps);
    this.metrics = new Metrics(steps);
  }

  /** Makes the changes that time alone brings. The shell calls it from the alarm, and before it shows workers. */
  tick(heartbeats: Heartbeats, now: number): Outcome<void> {
    this.#steps.tally.flush();
    return this.#steps.run((state) => {
      state.operations.forgetMoments();
      state.operations.writeProgress();
      checkWorkers(state, heartbeats, now);
      enforceDeadlines(state, now);
      removeExpired(state, now);
      removeUnusedClasses(state);
      dispatch(state, now);
    });
  }

  /** Returns when `tick` is due next, or null when nothing changes by itself. */
  nextDueAt(now: number): number | null {
    return nextDueAt(this.#steps.state, now);
  }
}

function checkWorkers(state: State, heartbeats: Heartbeats, now: number): void {
  for (const worker of state.workers.all()) {
    if (worker.connected) checkHeartbeat(state, worker, heartbeats(worker.workerId), now);
    expireLeases(state, worker, now);
    resendUnanswered(state, worker, now);
    removeForgotten(state, worker, now);
  }
}
