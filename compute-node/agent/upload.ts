/**
 * One attempt to store bytes under their hash: `PUT /api/v1/artefacts/{sha256}`, or in parts where one request cannot carry
 * them. Parts that have arrived are not sent again, so an attempt goes on where the one before was cut.
 */
import {
  type Lease,
  LIMITS,
  openUploadRequest,
  openUploadResponse,
  Problem,
  pathOf,
  problemDetails,
  ROUTES,
  sha256Hex,
  wire,
} from "../../protocol/index.ts";
import { causeText } from "./enrolment.ts";
import type { UploadOutcome } from "./state-model.ts";

export interface UploadRequest {
  readonly url: string;
  /** A node's credential, or a person's token. */
  readonly credential: string;
  /** The lease that allows a node's upload; null with a person's token. */
  readonly lease: Lease | null;
  readonly sha256: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** W3C Trace Context of the span that uploads it. */
  readonly traceparent?: string;
  /** Called after each part, with the bytes that have arrived so far. */
  readonly onProgress?: (sentBytes: number) => void;
}

/** A body of the largest size on a slow line; a server that takes longer is asked again. */
const UPLOAD_TIMEOUT_MS = 120_000;
/** Answers that pass: wrong credential (the socket settles that), timeouts, too many requests. */
const PASSING_STATUSES: readonly number[] = [401, 408, 425, 429];
/** A part whose bytes were damaged on the way this often in a row says that the line is bad now. */
const PART_TRIES = 3;
/** Limits the new beginnings, within one attempt, of an upload that the server gave up, or joined and found damaged. */
const ROUNDS = 3;

const openWire = wire(openUploadRequest);
const openedWire = wire(openUploadResponse);

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Question {
  readonly method: "PUT" | "POST";
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
}

/** `start over`: the parts sent so far are gone on the server, or were damaged there. */
type Round = UploadOutcome | { type: "start over"; answer: Answer };

/** Never throws. Storing the same bytes twice is the same as once. */
export async function uploadArtefact(request: UploadRequest, signal: AbortSignal): Promise<UploadOutcome> {
  try {
    if (request.bytes.byteLength > LIMITS.uploadPartBytes) return await sendInParts(request, signal);
    const headers = { "content-type": request.mediaType };
    const path = pathOf(ROUTES.uploadArtefact, request);
    return outcomeOf(await ask(request, { method: "PUT", path, headers, body: ownCopy(request.bytes) }, signal));
  } catch (error) {
    const isSlow = error instanceof Error && error.name === "TimeoutError";
    return { type: "unreachable", cause: isSlow ? `no answer in ${UPLOAD_TIMEOUT_MS / 1000} s` : causeText(error) };
  }
}

async function sendInParts(request: UploadRequest, signal: AbortSignal): Promise<UploadOutcome> {
  for (let round = 1; ; round++) {
    const outcome = await sendRound(request, signal);
    if (outcome.type !== "start over") return outcome;
    if (round === ROUNDS) return outcomeOf(outcome.answer);
  }
}

/** Opens the upload or goes on with an open one, sends the missing parts, and has them joined. */
async function sendRound(request: UploadRequest, signal: AbortSignal): Promise<Round> {
  const { bytes, mediaType, onProgress } = request;
  const body = JSON.stringify(openWire.encode({ bytes: bytes.byteLength, mediaType }));
  const opened = await ask(request, { method: "POST", path: pathOf(ROUTES.openUpload, request), body }, signal);
  if (!isGood(opened)) return outcomeOf(opened);
  const { stored, partBytes, parts } = openedWire.parseAnswer(
    JSON.parse(opened.text),
    "answer to the opening of an upload",
  );
  if (stored) return { type: "stored" };
  for (let offset = 0, partNumber = 1; offset < bytes.byteLength; offset += partBytes, partNumber++) {
    const part = bytes.subarray(offset, offset + partBytes);
    if (!parts.includes(partNumber)) {
      const failure = await sendPart(request, partNumber, ownCopy(part), signal);
      if (failure !== null) return failure;
    }
    onProgress?.(offset + part.byteLength);
  }
  const joined = await ask(request, { method: "POST", path: pathOf(ROUTES.completeUpload, request) }, signal);
  // 400: damaged in the store. 404, 409: not all of it is there any more, or another node has joined the same bytes.
  return [400, 404, 409].includes(joined.status) ? { type: "start over", answer: joined } : outcomeOf(joined);
}

/** Null when the part has arrived. */
async function sendPart(
  request: UploadRequest,
  partNumber: number,
  part: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Round | null> {
  const path = pathOf(ROUTES.uploadPart, { sha256: request.sha256, part: partNumber });
  const headers = { "x-ktrdr-part-sha256": await sha256Hex(part) };
  for (let trial = 1; trial <= PART_TRIES; trial++) {
    const answer = await ask(request, { method: "PUT", path, headers, body: part }, signal);
    if (isGood(answer)) return null;
    if (answer.status === 404) return { type: "start over", answer };
    if (answer.status !== 400) return outcomeOf(answer);
  }
  return { type: "unreachable", cause: `part ${partNumber} was damaged on the way ${PART_TRIES} times` };
}

async function ask(request: UploadRequest, question: Question, signal: AbortSignal): Promise<Answer> {
  const { url, credential, lease, traceparent } = request;
  const { method, path, headers = {}, body = null } = question;
  const claim =
    lease === null ? {} : { "x-ktrdr-operation": lease.operationId, "x-ktrdr-attempt": String(lease.attempt) };
  const trace = traceparent === undefined ? {} : { traceparent };
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${credential}`, ...claim, ...trace, ...headers },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(UPLOAD_TIMEOUT_MS)]),
    redirect: "error",
  });
  return { status: response.status, text: await response.text() };
}

function isGood({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/**
 * Sends again when the server itself calls the fault retryable (bytes that were damaged on the way). 403 and 409 say that
 * the lease is not ours: another attempt may succeed. The rest would end the same way again.
 */
function outcomeOf(answer: Answer): UploadOutcome {
  const { status } = answer;
  if (isGood(answer)) return { type: "stored" };
  const details = detailsOf(answer.text);
  if (status >= 500 || PASSING_STATUSES.includes(status) || details?.retryable === true) {
    const why = details === null ? "" : `: ${details.detail}`;
    return { type: "unreachable", cause: `the control plane answered with status ${status}${why}` };
  }
  const problem = new Problem("internal", `The upload was answered with status ${status}.`);
  return { type: "refused", error: details ?? problem.toDetails(), retryable: status === 403 || status === 409 };
}

/** Null when the body is no problem document, such as a proxy's page: then only the status tells something. */
function detailsOf(text: string) {
  try {
    return problemDetails.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** `fetch` and the hash take no shared memory. */
function ownCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}
