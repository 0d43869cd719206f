/** Shortens the error of a job that a frame could not carry: the registry would refuse it, and the operation never end. */
import { byteLength, LIMITS, type ProblemDetails, withinBytes } from "../../protocol/index.ts";

/** An error has half a frame, so that the message around it fits in any case. */
const ERROR_BYTES = LIMITS.socketMessageBytes / 2;
/** JSON writes a character of one byte in six where it must be escaped; all texts together keep to the limit even then. */
const TEXT_BYTES = 1024;

/** Returns an error that fits as it is. A longer one keeps the beginnings of its texts and its first issue, without a stack. */
export function errorWithinLimits(error: ProblemDetails): ProblemDetails {
  if (byteLength(JSON.stringify(error)) <= ERROR_BYTES) return error;
  const { type, title, status, detail, cure, retryable, issues: [first] = [] } = error;
  return {
    ...{ type, title, status, detail: beginning(detail) },
    ...(cure === undefined ? {} : { cure: beginning(cure) }),
    ...(retryable === undefined ? {} : { retryable }),
    ...(first === undefined
      ? {}
      : {
          issues: [
            {
              ...first,
              message: beginning(first.message),
              ...(first.path === undefined ? {} : { path: beginning(first.path) }),
              ...(first.file === undefined ? {} : { file: beginning(first.file) }),
            },
          ],
        }),
  };
}

function beginning(text: string): string {
  const kept = withinBytes(text, TEXT_BYTES);
  return kept === text ? text : `${kept}…`;
}
