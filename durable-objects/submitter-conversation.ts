/** Converses with submitters: each frame is a submission, checked as a request is, and answered when it is durable. */
import {
  CLOSE_CODES,
  formatTraceparent,
  LIMITS,
  Problem,
  parseTraceparent,
  ROUTES,
  requestId,
  type SubmissionAnswer,
  type SubmitRequest,
  submissionAnswer,
  submitterMessage,
  wire,
} from "../protocol/index.ts";
import { attachmentOf, type SubmitterAttachment, setAttachment } from "./attachment.ts";
import type { Caller } from "./caller.ts";
import { closeQuietly, sendQuietly } from "./connections.ts";
import { frameJson } from "./frame-json.ts";
import type { AcceptedOperation } from "./scheduler/index.ts";
import { checkSize, type Idempotency, idempotencyOf } from "./submission-checks.ts";

const messageWire = wire(submitterMessage);
const answerWire = wire(submissionAnswer);

/** The number of frames that are not understood after which a connection is closed. */
const FAULTS_ALLOWED = 20;
const TAG = "submits:";

/** The content of a frame. */
interface Submission {
  readonly requests: readonly SubmitRequest[];
  readonly idempotency: Idempotency | null;
  readonly traceparent: string | null;
}

/** The services of the registry for submitters. */
interface SubmitterHost {
  /** Throws `unauthenticated` or `forbidden` for a token that may not submit now. */
  submit(
    tokenHash: string,
    requests: readonly SubmitRequest[],
    idempotency: Idempotency | null,
    caller: Caller,
  ): AcceptedOperation[];
  /** Counts a frame that was not understood. */
  countRefused(): void;
}

export class SubmitterConversation {
  readonly #context: DurableObjectState;
  readonly #host: SubmitterHost;

  constructor(context: DurableObjectState, host: SubmitterHost) {
    this.#context = context;
    this.#host = host;
  }

  /** Accepts a submitter whose token may submit now; each frame checks it again. */
  accept(tokenHash: string): Response {
    if (this.#context.getWebSockets(TAG).length >= LIMITS.submitterLines) {
      throw new Problem("too-many-requests", `${LIMITS.submitterLines} lines of submitters are open already.`, {
        cure: `Close those that are not in use, or submit with POST ${ROUTES.submit.path}.`,
      });
    }
    const pair = new WebSocketPair();
    this.#context.acceptWebSocket(pair[1], [TAG]);
    setAttachment(pair[1], { submitsWith: tokenHash, faults: 0 });
    return new Response(null, { status: 101, webSocket: pair[0] });
  }

  async receive(socket: WebSocket, attachment: SubmitterAttachment, frame: string | ArrayBuffer): Promise<void> {
    const receivedAt = Date.now();
    let id: string | null = null;
    let submission: Submission;
    try {
      const json = frameJson(frame, LIMITS.requestBodyBytes);
      id = requestIdOf(json);
      submission = await submissionOf(json);
    } catch (error) {
      this.#misunderstand(socket, id, Problem.from(error));
      return;
    }
    const { requests, idempotency, traceparent } = submission;
    try {
      const caller: Caller = { traceparent, receivedAt, over: "socket" };
      const operations = this.#host.submit(attachment.submitsWith, requests, idempotency, caller);
      answer(socket, { type: "submitted", requestId: id!, operations });
    } catch (error) {
      refuse(socket, id, Problem.from(error));
    }
  }

  /** Answers with the reason, counts, and gives up on a connection that keeps sending frames without a readable id. */
  #misunderstand(socket: WebSocket, id: string | null, problem: Problem): void {
    this.#host.countRefused();
    refuse(socket, id, problem);
    if (id !== null) return;
    const attachment = attachmentOf(socket) as SubmitterAttachment;
    const faults = attachment.faults + 1;
    setAttachment(socket, { ...attachment, faults });
    if (faults > FAULTS_ALLOWED) closeQuietly(socket, CLOSE_CODES.misbehaving, "too many frames that were refused");
  }
}

/** Reads the frame's id, also where the rest of it is faulty. */
function requestIdOf(json: unknown): string | null {
  const found = requestId.safeParse((json as { request_id?: unknown } | null)?.request_id);
  return found.success ? found.data : null;
}

async function submissionOf(json: unknown): Promise<Submission> {
  const message = messageWire.parse(json, "frame");
  const trace = parseTraceparent(message.traceparent);
  return {
    requests: message.operations.map(checkSize),
    idempotency: await idempotencyOf(message.idempotencyKey, (json as { operations: unknown[] }).operations),
    traceparent: trace === null ? null : formatTraceparent(trace),
  };
}

/** Refuses a submission, and closes the line of a submitter who may not submit any more. */
function refuse(socket: WebSocket, id: string | null, problem: Problem): void {
  if (problem.kind === "internal") console.error("a submission over a socket failed", problem.cause);
  answer(socket, { type: "refused", requestId: id, problem: problem.toDetails() });
  if (problem.kind === "unauthenticated" || problem.kind === "forbidden")
    closeQuietly(socket, CLOSE_CODES.revoked, problem.message);
}

function answer(socket: WebSocket, message: SubmissionAnswer): void {
  sendQuietly(socket, JSON.stringify(answerWire.encode(message)));
}
