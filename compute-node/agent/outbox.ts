/**
 * Gives messages company, since each frame costs the registry a durable write, whatever it carries.
 *
 * An `accept` waits a moment: a short job's end shares its frame. The end of a job goes at once where no other end is on
 * its way; else it waits for the registry's answer, and takes along all that has come by then (as J. Nagle does with
 * small packets, RFC 896). So one job alone is never held up, and many share writes.
 */
import type { NodeMessage } from "../../protocol/index.ts";

/** The longest that a message waits for company. */
const COMPANY_MS = 10;

/** Nobody acts on them at once. */
const PATIENT: ReadonlySet<NodeMessage["type"]> = new Set(["accept", "progress", "log"]);

export class Outbox {
  readonly #write: (messages: readonly NodeMessage[]) => void;
  #waiting: NodeMessage[] = [];
  /** A `complete` is on its way, and nothing has come back since. */
  #isUnanswered = false;
  #timer: NodeJS.Timeout | undefined;

  /** `write` gets messages that go out now, in order. */
  constructor(write: (messages: readonly NodeMessage[]) => void) {
    this.#write = write;
  }

  push(messages: readonly NodeMessage[]): void {
    this.#waiting.push(...messages);
    if (!messages.every((message) => this.#canWait(message))) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), COMPANY_MS);
  }

  /** The registry said something: what waited for its answer goes out. */
  answered(): void {
    this.#isUnanswered = false;
    if (this.#waiting.some(({ type }) => type === "complete")) this.flush();
  }

  /** Everything goes out now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const messages = this.#waiting;
    if (messages.length === 0) return;
    this.#waiting = [];
    this.#isUnanswered ||= messages.some(({ type }) => type === "complete");
    this.#write(messages);
  }

  /** What waits goes nowhere. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #canWait({ type }: NodeMessage): boolean {
    return PATIENT.has(type) || (type === "complete" && this.#isUnanswered);
  }
}
