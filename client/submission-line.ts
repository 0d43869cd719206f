/**
 * A connection for clients that submit one operation after the other. The registry is asked over one WebSocket, which saves a
 * request through the edge for each. It outlives cut lines and restarts of the control plane: every submission has an
 * idempotency key, and a submission without an answer is sent again.
 */
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import {
  byteLength,
  CLOSE_CODES,
  LIMITS,
  Problem,
  type SubmissionAnswer,
  type SubmitRequest,
  submissionAnswer,
  submitRequest,
  submitterMessage,
  wire,
} from "../protocol/index.ts";
import { notKtrdr, refusal, tokenRefused, unreachable } from "./api-problems.ts";
import { type BackoffRange, fullJitterMs } from "./backoff.ts";
import { checkedInput } from "./checked-input.ts";
import type { Connection } from "./credentials.ts";
import { jsonOrUndefined } from "./json-text.ts";
import type { OutboundSocketEnd } from "./outbound-socket.ts";
import { openSubmissionSocket, type SubmissionSocket } from "./submission-socket.ts";

const messageWire = wire(submitterMessage);
const answerWire = wire(submissionAnswer);

/** Somebody waits: shorter than a node's rests. */
const BACKOFF: BackoffRange = { firstMs: 200, longestMs: 5_000 };
/** A line that was open once may be away for this long; then waiting submissions are rejected. */
const PATIENCE_MS = 60_000;
/** Submissions that wait for their answers at once. */
const MOST_PENDING = 1_000;

type Submitted = Extract<SubmissionAnswer, { type: "submitted" }>["operations"];

export interface SubmissionLineOptions {
  /** W3C Trace Context that submissions belong to. */
  readonly traceparent?: string | undefined;
  readonly patienceMs?: number;
  readonly heartbeatMs?: number;
  readonly backoff?: BackoffRange;
}

interface Pending {
  readonly frame: string;
  readonly resolve: (operations: Submitted) => void;
  readonly reject: (problem: Problem) => void;
}

/**
 * The life of a line:
 * - `idle`: no socket. The next submission opens one.
 * - `opening`: a socket that is not open yet; submissions wait.
 * - `open`: submissions are sent at once.
 * - `resting`: the socket was lost while something waited; another is tried after a while.
 * - `closed`: by its owner, for good.
 */
type Phase = "idle" | "opening" | "open" | "resting" | "closed";

export class SubmissionLine {
  readonly #connection: Connection;
  readonly #options: SubmissionLineOptions;
  /** In the order of their submission. */
  readonly #pending = new Map<string, Pending>();
  #phase: Phase = "idle";
  #socket: SubmissionSocket | null = null;
  #rest: NodeJS.Timeout | undefined;
  #requests = 0;
  /** Since the last answer. */
  #failures = 0;
  /** Null while it works, and before it ever did. */
  #awaySince: number | null = null;
  #hasBeenOpen = false;

  constructor(connection: Connection, options: SubmissionLineOptions = {}) {
    this.#connection = connection;
    this.#options = options;
  }

  /**
   * Resolves when the operation is durable. It is submitted once, however often the line was cut. Rejects with the registry's
   * own `Problem` where it refuses, and with `unavailable` where the control plane could not be reached.
   */
  async submit(request: z.input<typeof submitRequest>, idempotencyKey?: string): Promise<Submitted[number]> {
    const [accepted] = await this.submitBatch([checkedInput(submitRequest, request, "operation")], idempotencyKey);
    if (accepted === undefined)
      throw new Problem("internal", "The registry answered a submission without its operation.");
    return accepted;
  }

  /** Up to `LIMITS.batchOperations` in one write, all or none; answered in their order. */
  submitBatch(operations: SubmitRequest[], idempotencyKey: string = randomUUID()): Promise<Submitted> {
    const requestId = String(++this.#requests);
    const { traceparent } = this.#options;
    const message = { type: "submit" as const, requestId, operations, idempotencyKey, traceparent };
    const frame = JSON.stringify(messageWire.encode(message));
    return new Promise((resolve, reject) => {
      const problem = this.#whyNot(frame);
      if (problem !== null) {
        reject(problem);
        return;
      }
      this.#pending.set(requestId, { frame, resolve, reject });
      if (this.#phase === "open") this.#socket?.send(frame);
      else if (this.#phase === "idle") this.#open();
    });
  }

  /** Closes for good. Rejects submissions without an answer: they may have arrived, or not. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.#phase = "closed";
    this.#socket = null;
    clearTimeout(this.#rest);
    this.#rejectAll(new Problem("unavailable", "The line was closed before the answer came."));
    await socket?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #whyNot(frame: string): Problem | null {
    if (this.#phase === "closed") {
      return new Problem("invalid-request", "The line is closed.", { cure: "Open another one." });
    }
    if (this.#pending.size >= MOST_PENDING) {
      return new Problem("too-many-requests", `${MOST_PENDING} submissions wait for their answers already.`, {
        cure: "Await some of them, or submit batches.",
      });
    }
    const bytes = byteLength(frame);
    if (bytes <= LIMITS.requestBodyBytes) return null;
    return new Problem("too-large", `A submission of ${bytes} bytes is over the limit of ${LIMITS.requestBodyBytes}.`, {
      cure: "Split it into several.",
    });
  }

  #open(): void {
    this.#phase = "opening";
    const socket = openSubmissionSocket(
      this.#connection,
      {
        opened: () => {
          if (this.#socket === socket) this.#opened(socket);
        },
        answer: (text) => {
          if (this.#socket === socket) this.#answered(text);
        },
        ended: (end) => {
          if (this.#socket === socket) this.#ended(end);
        },
      },
      this.#options.heartbeatMs,
    );
    this.#socket = socket;
  }

  #opened(socket: SubmissionSocket): void {
    this.#phase = "open";
    this.#hasBeenOpen = true;
    for (const { frame } of this.#pending.values()) socket.send(frame);
  }

  #answered(text: string): void {
    let answer: SubmissionAnswer;
    try {
      answer = answerWire.parseAnswer(jsonOrUndefined(text), "answer");
    } catch (error) {
      this.#rejectAll(notKtrdr(this.#connection.url, Problem.from(error).message));
      return;
    }
    this.#failures = 0;
    this.#awaySince = null;
    if (answer.type === "refused" && answer.requestId === null) {
      // It cannot say which of them it means, and all of them have the same form.
      this.#rejectAll(Problem.fromDetails(answer.problem));
      return;
    }
    const pending = this.#pending.get(answer.requestId ?? "");
    this.#pending.delete(answer.requestId ?? "");
    if (answer.type === "submitted") pending?.resolve(answer.operations);
    else pending?.reject(this.#refused(Problem.fromDetails(answer.problem)));
  }

  #refused(problem: Problem): Problem {
    return problem.kind === "unauthenticated" ? tokenRefused(problem.message, this.#connection) : problem;
  }

  #ended(end: OutboundSocketEnd): void {
    this.#socket = null;
    this.#phase = "idle";
    if (this.#pending.size === 0) return;
    const problem = this.#problemOf(end);
    this.#awaySince ??= performance.now();
    const patienceMs = this.#options.patienceMs ?? PATIENCE_MS;
    const isOver = performance.now() - this.#awaySince >= patienceMs;
    const isWrongAddress = !this.#hasBeenOpen && end.type === "failed" && isNobodyThere(end.error);
    if (!problem.retryable || isWrongAddress || isOver) {
      this.#awaySince = null;
      this.#rejectAll(problem);
      return;
    }
    this.#phase = "resting";
    const restMs = fullJitterMs(this.#failures++, Math.random, this.#options.backoff ?? BACKOFF);
    this.#rest = setTimeout(() => this.#open(), restMs);
  }

  #problemOf(end: OutboundSocketEnd): Problem {
    const { url } = this.#connection;
    if (end.type === "answered") return refusal(end, this.#connection);
    if (end.type === "failed") return unreachable(url, end.error);
    if (end.code === CLOSE_CODES.revoked) return tokenRefused(end.reason, this.#connection);
    if (end.code === CLOSE_CODES.misbehaving) return notKtrdr(url, end.reason);
    return unreachable(url, new Error(end.reason || `closed with code ${end.code}`));
  }

  #rejectAll(problem: Problem): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of all) reject(problem);
  }
}

/** Applies to the first connection alone: later, the same failure may be a restart of the control plane. */
function isNobodyThere(error: Error): boolean {
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"].includes((error as NodeJS.ErrnoException).code ?? "");
}
