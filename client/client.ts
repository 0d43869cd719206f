/**
 * The API of the control plane as typed calls, named after its routes. Answers are parsed with the protocol's schemas. Problem
 * details are thrown as `Problem`s. A request that fails (nobody listens, a wrong token) throws a `Problem` with its cure.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import {
  formatTraceparent,
  Problem,
  parseTraceparent,
  type SubmitRequest,
  type submitRequest,
} from "../protocol/index.ts";
import { refusal, unreachable } from "./api-problems.ts";
import { type CallRequest, type Calls, callsOf } from "./calls.ts";
import type { Connection } from "./credentials.ts";
import type { SubmissionLine } from "./submission-line.ts";

const REQUEST_TIMEOUT_MS = 30_000;
/** The number of times that a submission is sent again, with the same idempotency key, when its answer got lost. */
const SUBMIT_ATTEMPTS = 3;
const SUBMIT_RETRY_MS = 200;

export interface Client extends Omit<Calls, "submit" | "submitBatch"> {
  readonly url: string;
  /** For uploads and downloads of datasets, which speak to the store themselves. */
  readonly source: { readonly url: string; readonly credential: string };
  /** Resolves when it is durable. Sends again with the same key when the answer got lost, so it is submitted once. */
  submit(request: z.input<typeof submitRequest>, idempotencyKey?: string): ReturnType<Calls["submit"]>;
  /** Up to `LIMITS.batchOperations` in one write, all or none. */
  submitBatch(operations: SubmitRequest[], idempotencyKey?: string): ReturnType<Calls["submitBatch"]>;
  /** Submits one operation after the other, over a connection that is open from the first one on until it is closed. */
  submissionLine(): Promise<SubmissionLine>;
}

/** Submissions belong to the trace that `traceparent` names (W3C Trace Context); a malformed one counts as none. */
export function createClient(connection: Connection, traceparent?: string): Client {
  const { url } = connection;
  const caller = parseTraceparent(traceparent);
  const trace = caller === null ? undefined : formatTraceparent(caller);
  const calls = callsOf(url, (request) => send(connection, trace, request));
  return {
    ...calls,
    url,
    source: { url, credential: connection.token },
    submit(request, idempotencyKey = randomUUID()) {
      const headers = { "idempotency-key": idempotencyKey };
      return againWhenLost(() => calls.submit(request, { headers }));
    },
    submitBatch(operations, idempotencyKey = randomUUID()) {
      const headers = { "idempotency-key": idempotencyKey };
      return againWhenLost(() => calls.submitBatch({ operations }, { headers }));
    },
    async submissionLine() {
      const { SubmissionLine } = await import("./submission-line.ts");
      return new SubmissionLine(connection, { traceparent: trace });
    },
  };
}

/** The trace goes along where the route takes one. Throws a `Problem` for what is not a success. */
async function send(
  connection: Connection,
  trace: string | undefined,
  { route, path, query, body, options }: CallRequest,
): Promise<Response> {
  const { url, token } = connection;
  const target = new URL(url + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, String(value));
  }
  let response: Response;
  try {
    response = await fetch(target, {
      method: route.method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: route.answer.type === "events" ? "text/event-stream" : "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(trace === undefined || route.headers?.traceparent === undefined ? {} : { traceparent: trace }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: options.signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (error) {
    throw unreachable(url, error, REQUEST_TIMEOUT_MS);
  }
  if (!response.ok) throw refusal({ status: response.status, text: await response.text() }, connection);
  return response;
}

async function againWhenLost<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt === SUBMIT_ATTEMPTS || !answerWasLost(error)) throw error;
      await sleep(SUBMIT_RETRY_MS * attempt);
    }
  }
}

function answerWasLost(error: unknown): boolean {
  if (!(error instanceof Problem) || error.kind !== "unavailable") return false;
  const fetchError = error.cause as { cause?: { code?: string } } | undefined;
  return fetchError !== undefined && fetchError.cause?.code !== "ECONNREFUSED";
}
