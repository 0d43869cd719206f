/** One attempt to store a result: `PUT /api/v1/artefacts/{sha256}`, allowed for the lease in hand. */
import { API_PREFIX, type Lease, Problem, problemDetails } from "../../protocol/index.ts";
import { causeText } from "./enrolment.ts";
import type { UploadOutcome } from "./model.ts";

export interface UploadRequest {
  readonly url: string;
  readonly credential: string;
  readonly lease: Lease;
  readonly sha256: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A body of the largest size on a slow line; a server that takes longer is asked again. */
const UPLOAD_TIMEOUT_MS = 120_000;
/** Answers that pass: wrong credential (the socket settles that), timeouts, too many requests. */
const PASSING_STATUSES: readonly number[] = [401, 408, 425, 429];

/** Never throws. Storing the same bytes twice is the same as once. */
export async function uploadArtefact(request: UploadRequest, signal: AbortSignal): Promise<UploadOutcome> {
  const { url, credential, lease, sha256, mediaType, bytes } = request;
  try {
    const response = await fetch(`${url}${API_PREFIX}/artefacts/${sha256}`, {
      method: "PUT",
      headers: {
        authorization: `Bearer ${credential}`,
        "content-type": mediaType,
        "x-ktrdr-operation": lease.operationId,
        "x-ktrdr-attempt": String(lease.attempt),
      },
      body: bytes as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.any([signal, AbortSignal.timeout(UPLOAD_TIMEOUT_MS)]),
      redirect: "error",
    });
    const text = await response.text();
    if (response.ok) return { type: "stored" };
    if (response.status >= 500 || PASSING_STATUSES.includes(response.status)) {
      return { type: "unreachable", cause: `the control plane answered with status ${response.status}` };
    }
    return refused(response.status, text);
  } catch (error) {
    return { type: "unreachable", cause: causeText(error) };
  }
}

/** 403 and 409 say that the lease is not ours: another attempt may succeed. The rest would end the same way again. */
function refused(status: number, text: string): UploadOutcome {
  const retryable = status === 403 || status === 409;
  try {
    return { type: "refused", error: problemDetails.parse(JSON.parse(text)), retryable };
  } catch {
    // Not a problem document, such as a proxy's page: the status is what there is to say.
    const problem = new Problem("internal", `The result's upload was answered with status ${status}.`);
    return { type: "refused", error: problem.toDetails(), retryable };
  }
}
