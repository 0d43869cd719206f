/**
 * Gathers what many sessions ask at about the same time, so that a population runs as one: whatever is asked within
 * one turn of the event loop is answered together, by the kind of request.
 */

type Answer = (requests: readonly never[]) => Promise<readonly unknown[]>;

interface Waiting {
  readonly request: unknown;
  readonly resolve: (answer: never) => void;
  readonly reject: (reason: unknown) => void;
}

/** `answers` has, for each kind, a function that answers a list of requests in their order. Kinds run one after the other. */
export class RequestQueue<Kind extends string> {
  readonly #answers: Readonly<Record<Kind, Answer>>;
  #waiting = new Map<Kind, Waiting[]>();
  /** Ends when everything before has been answered; never rejects. */
  #previous: Promise<unknown> = Promise.resolve();

  constructor(answers: Readonly<Record<Kind, Answer>>) {
    this.#answers = answers;
  }

  /** Rejects with the error of its kind's answer, as do the requests that are answered with it. */
  ask<Result>(kind: Kind, request: unknown): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    if (this.#waiting.size === 0) setImmediate(() => this.#flush());
    const waiting = this.#waiting.get(kind) ?? [];
    waiting.push({ request, resolve, reject });
    this.#waiting.set(kind, waiting);
    return promise;
  }

  #flush(): void {
    const gathered = this.#waiting;
    this.#waiting = new Map();
    for (const [kind, waiting] of gathered) {
      this.#previous = this.#previous.then(() => this.#answer(kind, waiting));
    }
  }

  async #answer(kind: Kind, waiting: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#answers[kind](waiting.map(({ request }) => request as never));
      waiting.forEach(({ resolve }, index) => {
        resolve(answers[index] as never);
      });
    } catch (thrown) {
      for (const { reject } of waiting) reject(thrown);
    }
  }
}
