/**
 * The API of the control plane as typed calls. Answers are parsed with the protocol's schemas, problem details are thrown
 * as `Problem`s, and whatever hinders the request itself (nobody listens, a wrong token) comes with its cure.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import {
  API_PREFIX,
  batchRequest,
  batchResponse,
  createdToken,
  createEnrolmentRequest,
  createTokenRequest,
  eventPage,
  formatTraceparent,
  health,
  logPage,
  modelList,
  modelVersion,
  operation,
  operationDetail,
  operationList,
  Problem,
  type PublishDatasetRequest,
  type PublishModelRequest,
  parseTraceparent,
  publishDatasetRequest,
  publishModelRequest,
  type SubmitRequest,
  storedDataset,
  storedDatasetList,
  submitRequest,
  submitResponse,
  tokenList,
  type Wire,
  wire,
  worker,
  workerHistory,
  workerList,
  workspaceList,
} from "../protocol/index.ts";
import { jsonOrUndefined, notKtrdr, refusal, unreachable } from "./api-problems.ts";
import { checkedInput } from "./checked-input.ts";
import type { Connection } from "./credentials.ts";
import type { SubmissionLine } from "./submission-line.ts";

const wires = {
  batchRequest: wire(batchRequest),
  batchResponse: wire(batchResponse),
  createdToken: wire(createdToken),
  createEnrolmentRequest: wire(createEnrolmentRequest),
  createTokenRequest: wire(createTokenRequest),
  eventPage: wire(eventPage),
  health: wire(health),
  logPage: wire(logPage),
  modelList: wire(modelList),
  modelVersion: wire(modelVersion),
  publishModelRequest: wire(publishModelRequest),
  operation: wire(operation),
  operationDetail: wire(operationDetail),
  operationList: wire(operationList),
  publishDatasetRequest: wire(publishDatasetRequest),
  storedDataset: wire(storedDataset),
  storedDatasetList: wire(storedDatasetList),
  submitRequest: wire(submitRequest),
  submitResponse: wire(submitResponse),
  tokenList: wire(tokenList),
  worker: wire(worker),
  workerHistory: wire(workerHistory),
  workerList: wire(workerList),
  workspaceList: wire(workspaceList),
};

const REQUEST_TIMEOUT_MS = 30_000;
/** How often a submission is sent again, with the same idempotency key, when its answer got lost. */
const SUBMIT_ATTEMPTS = 3;
const SUBMIT_RETRY_MS = 200;

export type Client = ReturnType<typeof createClient>;

interface RequestOptions {
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  /** In place of the usual limit of time. */
  signal?: AbortSignal;
}

/** `traceparent` (W3C Trace Context) is what submissions belong to; nothing where it is none. */
export function createClient(connection: Connection, traceparent?: string) {
  const { url } = connection;
  const caller = parseTraceparent(traceparent);
  const trace: Record<string, string> = caller === null ? {} : { traceparent: formatTraceparent(caller) };

  async function send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const target = new URL(url + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    let response: Response;
    try {
      response = await fetch(target, {
        method,
        headers: {
          authorization: `Bearer ${connection.token}`,
          accept: "application/json",
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        signal: options.signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
    } catch (error) {
      throw unreachable(url, error, REQUEST_TIMEOUT_MS);
    }
    if (!response.ok) throw refusal({ status: response.status, text: await response.text() }, connection);
    return response;
  }

  async function call<T>(form: Wire<T>, method: string, path: string, options?: RequestOptions): Promise<T> {
    const response = await send(method, path, options);
    return parseAnswer(form, await response.text(), url, path);
  }

  const api = (path: string): string => `${API_PREFIX}${path}`;
  const part = encodeURIComponent;

  return {
    url,
    /** For uploads and downloads of datasets, which speak to the store themselves. */
    source: { url, credential: connection.token },
    health: () => call(wires.health, "GET", "/health"),

    listWorkers: (filter: { type?: string; status?: string } = {}) =>
      call(wires.workerList, "GET", api("/workers"), { query: filter }),
    worker: (workerId: string) => call(wires.worker, "GET", api(`/workers/${part(workerId)}`)),
    async removeWorker(workerId: string): Promise<void> {
      await send("DELETE", api(`/workers/${part(workerId)}`));
    },
    workerHistory: (workerId: string) => call(wires.workerHistory, "GET", api(`/workers/${part(workerId)}/history`)),
    async drainWorker(workerId: string, draining: boolean): Promise<void> {
      await send("POST", api(`/workers/${part(workerId)}/drain`), { body: { draining } });
    },

    /** Durable once this resolves. Sent again with the same key when the answer got lost, so it is submitted once. */
    async submit(request: z.input<typeof submitRequest>, idempotencyKey: string = randomUUID()) {
      const body = wires.submitRequest.encode(checkedInput(submitRequest, request, "operation"));
      const options = { body, headers: { "idempotency-key": idempotencyKey, ...trace } };
      return againWhenLost(() => call(wires.submitResponse, "POST", api("/operations"), options));
    },
    /** Up to `LIMITS.batchOperations` in one write, all or none. */
    async submitBatch(operations: SubmitRequest[], idempotencyKey: string = randomUUID()) {
      const body = wires.batchRequest.encode({ operations });
      const options = { body, headers: { "idempotency-key": idempotencyKey, ...trace } };
      return againWhenLost(() => call(wires.batchResponse, "POST", api("/operations:batch"), options));
    },
    /** For one submission after the other: a connection that is held open from the first one on, until it is closed. */
    async submissionLine(): Promise<SubmissionLine> {
      const { SubmissionLine } = await import("./submission-line.ts");
      return new SubmissionLine(connection, { traceparent: trace.traceparent });
    },
    listOperations: (filter: { status?: string; kind?: string; limit?: number; cursor?: string } = {}) =>
      call(wires.operationList, "GET", api("/operations"), { query: filter }),
    operation: (operationId: string) => call(wires.operationDetail, "GET", api(`/operations/${part(operationId)}`)),
    cancel: (operationId: string) => call(wires.operation, "POST", api(`/operations/${part(operationId)}/cancel`)),
    /** Queues a failed or cancelled operation again. */
    retry: (operationId: string) => call(wires.operation, "POST", api(`/operations/${part(operationId)}/retry`)),
    /** What has happened to it, oldest first; at most a page after `afterId`. */
    operationEvents: (operationId: string, afterId = 0) =>
      call(wires.eventPage, "GET", api(`/operations/${part(operationId)}/events`), { query: { after: afterId } }),
    /** A stream of server-sent events from after `afterId`; it ends with the operation, the connection or the signal. */
    async events(operationId: string, afterId: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
      const headers = { accept: "text/event-stream", "last-event-id": String(afterId) };
      const response = await send("GET", api(`/operations/${part(operationId)}/events`), { headers, signal });
      if (response.body === null) throw notKtrdr(url, "a stream of events is empty");
      return response.body;
    },
    /** The kept tail of its log, after `afterId`. */
    logs: (operationId: string, afterId = 0) =>
      call(wires.logPage, "GET", api(`/operations/${part(operationId)}/logs`), { query: { after: afterId } }),
    /** The artefact's bytes as they were uploaded. */
    async result(operationId: string): Promise<Uint8Array> {
      const response = await send("GET", api(`/operations/${part(operationId)}/result`));
      return new Uint8Array(await response.arrayBuffer());
    },

    listDatasets: () => call(wires.storedDatasetList, "GET", api("/datasets")),
    publishDataset: (sha256: string, details: PublishDatasetRequest) =>
      call(wires.storedDataset, "PUT", api(`/datasets/${part(sha256)}`), {
        body: wires.publishDatasetRequest.encode(details),
      }),
    async withdrawDataset(sha256: string): Promise<void> {
      await send("DELETE", api(`/datasets/${part(sha256)}`));
    },

    listModels: (name?: string) => call(wires.modelList, "GET", api("/models"), { query: { name } }),
    /** The newest version where none is named. */
    model: (name: string, version?: number) =>
      call(wires.modelVersion, "GET", api(`/models/${part(name)}`), { query: { version } }),
    /** Gives stored bytes a name, as its next version. */
    publishModel: (name: string, request: PublishModelRequest) =>
      call(wires.modelVersion, "PUT", api(`/models/${part(name)}`), {
        body: wires.publishModelRequest.encode(request),
      }),
    /** One version, or all of the name. */
    async deleteModel(name: string, version?: number): Promise<void> {
      await send("DELETE", api(`/models/${part(name)}`), { query: { version } });
    },
    async artefact(sha256: string): Promise<Uint8Array<ArrayBuffer>> {
      const response = await send("GET", api(`/artefacts/${part(sha256)}`));
      return new Uint8Array(await response.arrayBuffer());
    },

    createWorkspace: (name: string) => call(wires.createdToken, "POST", api("/workspaces"), { body: { name } }),
    listWorkspaces: () => call(wires.workspaceList, "GET", api("/workspaces")),

    createToken: (request: z.input<typeof createTokenRequest>) =>
      call(wires.createdToken, "POST", api("/tokens"), {
        body: wires.createTokenRequest.encode(checkedInput(createTokenRequest, request, "token request")),
      }),
    listTokens: () => call(wires.tokenList, "GET", api("/tokens")),
    async revokeToken(tokenId: string): Promise<void> {
      await send("DELETE", api(`/tokens/${part(tokenId)}`));
    },
    createEnrolment: (request: z.input<typeof createEnrolmentRequest> = {}) =>
      call(wires.createdToken, "POST", api("/enrolments"), {
        body: wires.createEnrolmentRequest.encode(checkedInput(createEnrolmentRequest, request, "enrolment request")),
      }),
  };
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

function parseAnswer<T>(form: Wire<T>, text: string, url: string, path: string): T {
  const json = jsonOrUndefined(text);
  if (json === undefined) throw notKtrdr(url, `${path} is not JSON`);
  try {
    return form.parseAnswer(json, `answer of ${path}`);
  } catch (error) {
    throw notKtrdr(url, Problem.from(error).message);
  }
}
