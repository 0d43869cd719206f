/**
 * Sends messages together, since each frame costs the registry a durable write.
 *
 * An `accept` waits a moment: a short job's end makes it needless. The end of a job goes at once where none went just
 * before it. Else it waits: while slots are scarce, for the registry's answer to the end before, and takes along all that
 * has come by then (as J. Nagle does with small packets, RFC 896); while slots are free and nothing waits for this one,
 * for a moment. So one job alone is never held up, no slot stays empty for it, and many share writes.
 */
import { endsAttempt, type NodeMessage } from "../../protocol/index.ts";
import { leaseKey } from "./state-model.ts";

/** The longest that a message waits for company. */
const COMPANY_MS = 5;

/** Nobody acts on them at once. */
const PATIENT: ReadonlySet<NodeMessage["type"]> = new Set(["accept", "progress", "log"]);

export class Outbox {
  readonly #write: (messages: readonly NodeMessage[]) => void;
  #waiting: NodeMessage[] = [];
  /** A `complete` is on its way, and nothing has come back since. */
  #isUnanswered = false;
  /** As the last push said. */
  #isScarce = false;
  #endSentAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** `write` gets messages that go out now, in order. */
  constructor(write: (messages: readonly NodeMessage[]) => void) {
    this.#write = write;
  }

  /** `slotsAreScarce`: a job that ends now frees a slot that something may wait for. */
  push(messages: readonly NodeMessage[], slotsAreScarce: boolean): void {
    this.#isScarce = slotsAreScarce;
    this.#waiting.push(...messages);
    if (!messages.every((message) => this.#canWait(message))) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), COMPANY_MS);
  }

  /** The registry said something: messages that waited for its answer go out. */
  answered(): void {
    this.#isUnanswered = false;
    if (this.#isScarce && this.#waiting.some(({ type }) => type === "complete")) this.flush();
  }

  /** Everything goes out now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const messages = withoutNeedlessAccepts(this.#waiting);
    if (messages.length === 0) return;
    this.#waiting = [];
    if (messages.some(({ type }) => type === "complete")) {
      this.#isUnanswered = true;
      this.#endSentAt = performance.now();
    }
    this.#write(messages);
  }

  /** Throws away the messages that wait. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #canWait({ type }: NodeMessage): boolean {
    if (type !== "complete") return PATIENT.has(type);
    return this.#isScarce ? this.#isUnanswered : performance.now() - this.#endSentAt < COMPANY_MS;
  }
}

/** The end of an attempt in the same frame says all that its `accept` would have said. */
function withoutNeedlessAccepts(messages: readonly NodeMessage[]): NodeMessage[] {
  const ended = new Set<string>();
  for (const message of messages) {
    if (endsAttempt(message)) ended.add(leaseKey(message));
  }
  return messages.filter((message) => message.type !== "accept" || !ended.has(leaseKey(message)));
}
