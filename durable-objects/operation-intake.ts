/** Takes operations in: each submission is one step of the scheduler, and one span where it is traced. */
import type { SubmitRequest } from "../protocol/index.ts";
import type { Caller } from "./caller.ts";
import { makeOperationId } from "./operation-id.ts";
import { fillRandom } from "./random-bytes.ts";
import type { RegistryTracer } from "./registry-tracer.ts";
import type { AcceptedOperation, Effect, Outcome, Scheduler } from "./scheduler/index.ts";
import type { Idempotency } from "./submission-checks.ts";

export class OperationIntake {
  readonly #scheduler: Scheduler;
  readonly #tracer: RegistryTracer | null;
  readonly #commit: <T>(outcome: Outcome<T>) => T;

  constructor(scheduler: Scheduler, tracer: RegistryTracer | null, commit: <T>(outcome: Outcome<T>) => T) {
    this.#scheduler = scheduler;
    this.#tracer = tracer;
    this.#commit = commit;
  }

  /** Submits all of them or none. The caller's right to do so has been checked. */
  submit(
    requests: readonly SubmitRequest[],
    idempotency: Idempotency | null,
    caller: Caller,
    now: number,
  ): AcceptedOperation[] {
    const trace = this.#tracer?.beginSubmit(caller.traceparent) ?? null;
    const submissions = requests.map((request, index) => ({
      request,
      operationId: makeOperationId(now, fillRandom),
      idempotency: idempotency === null ? null : { ...idempotency, key: `${idempotency.key}#${index}` },
      traceparent: trace?.traceparent ?? caller.traceparent,
    }));
    const outcome = this.#scheduler.operations.submit(submissions, now);
    const accepted = this.#commit(outcome);
    if (trace !== null) this.#tracer?.endSubmit(trace, caller, queuedBy(outcome.effects));
    return accepted;
  }
}

/** Collects the operations that a submission made. */
function queuedBy(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) =>
    effect.type === "event" && effect.event.type === "queued" ? [effect.event.operationId] : [],
  );
}
