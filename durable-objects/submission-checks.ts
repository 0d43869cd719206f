/** Checks a submission beyond its schema, the same for a request, a batch and a socket. */
import { byteLength, idempotencyKey, LIMITS, Problem, type SubmitRequest, sha256Hex, wire } from "../protocol/index.ts";

const keyWire = wire(idempotencyKey);

export interface Idempotency {
  readonly key: string;
  /** The hash of the operations that were submitted under it. */
  readonly hash: string;
}

/** Throws `too-large`. */
export function checkSize(request: SubmitRequest): SubmitRequest {
  const bytes = byteLength(JSON.stringify(request.spec));
  if (bytes > LIMITS.operationSpecBytes) {
    throw new Problem("too-large", `The specification has ${bytes} bytes; the limit is ${LIMITS.operationSpecBytes}.`);
  }
  return request;
}

/**
 * `operations` are the JSON of the request. Their compact text is hashed, so that neither white space nor the way (a request, a
 * batch, a socket) makes another submission of them.
 */
export async function idempotencyOf(
  key: string | undefined,
  operations: readonly unknown[],
): Promise<Idempotency | null> {
  if (key === undefined) return null;
  const content = operations.length === 1 ? operations[0] : { operations };
  return { key: keyWire.parse(key, "Idempotency-Key"), hash: await sha256Hex(JSON.stringify(content)) };
}
