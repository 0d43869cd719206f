/** Operations come in: each submission is one step of the scheduler, and one span where it is traced. */
import type { SubmitRequest } from "../protocol/index.ts";
import { makeOperationId } from "./operation-id.ts";
import type { RegistryTracer } from "./registry-tracer.ts";
import type { AcceptedOperation, Outcome, Scheduler } from "./scheduler/scheduler.ts";
import type { Effect } from "./scheduler/state.ts";
import type { Idempotency } from "./submission.ts";

/** What is known of a submission beside its content. */
export interface Caller {
  /** Null where the caller traces nothing. */
  readonly traceparent: string | null;
  readonly receivedAt: number;
  readonly over: "http" | "socket";
}

export class Submissions {
  readonly #scheduler: Scheduler;
  readonly #tracer: RegistryTracer | null;
  readonly #commit: <T>(outcome: Outcome<T>) => T;

  constructor(scheduler: Scheduler, tracer: RegistryTracer | null, commit: <T>(outcome: Outcome<T>) => T) {
    this.#scheduler = scheduler;
    this.#tracer = tracer;
    this.#commit = commit;
  }

  /** All of them or none. The caller's right to do so has been checked. */
  submit(
    requests: readonly SubmitRequest[],
    idempotency: Idempotency | null,
    caller: Caller,
    now: number,
  ): AcceptedOperation[] {
    const trace = this.#tracer?.beginSubmit(caller.traceparent) ?? null;
    const submissions = requests.map((request, index) => ({
      request,
      operationId: makeOperationId(now, (bytes) => crypto.getRandomValues(bytes)),
      idempotency: idempotency === null ? null : { ...idempotency, key: `${idempotency.key}#${index}` },
      traceparent: trace?.traceparent ?? caller.traceparent,
    }));
    const outcome = this.#scheduler.submit(submissions, now);
    const accepted = this.#commit(outcome);
    if (trace !== null) this.#tracer?.endSubmit(trace, caller, queuedBy(outcome.effects));
    return accepted;
  }
}

/** The operations that a submission made. */
function queuedBy(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) =>
    effect.type === "event" && effect.event.type === "queued" ? [effect.event.operationId] : [],
  );
}
