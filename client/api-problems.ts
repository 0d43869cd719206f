/** Turns a failed request to the control plane, or a refusal, into a `Problem` that a user can act upon. */

import { Problem, problemDetails } from "../protocol/index.ts";
import type { Connection } from "./credentials.ts";
import { jsonOrUndefined } from "./json-text.ts";

const CREDENTIALS_HINT = "credentials.json in the ktrdr home";

/** Says why a connection failed: nobody listens, the name is unknown, it took longer than `limitMs`, it broke. */
export function unreachable(url: string, error: unknown, limitMs?: number): Problem {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: string }).code;
  if (code === "ECONNREFUSED") {
    return new Problem("unavailable", `No control plane answers at ${url}`, {
      cure: "Start one with: ktrdr up. If it runs elsewhere, check --url (or KTRDR_URL).",
      cause: error,
    });
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new Problem("unavailable", `The host of ${url} is not known`, {
      cure: "Check --url (or KTRDR_URL) and the network.",
      cause: error,
    });
  }
  const reason =
    limitMs !== undefined && error instanceof Error && error.name === "TimeoutError"
      ? `no answer in ${limitMs / 1000} s`
      : String((cause as Error).message ?? cause);
  return new Problem("unavailable", `The control plane at ${url} cannot be reached: ${reason}`, {
    cure: "Check --url and the network, and try again.",
    cause: error,
  });
}

/** Reads an answer that is not 2xx as the `Problem` that its document describes. */
export function refusal(answer: { status: number; text: string }, connection: Connection): Problem {
  const details = problemDetails.safeParse(jsonOrUndefined(answer.text));
  if (answer.status === 401) {
    return tokenRefused(details.success ? details.data.detail : "The token was refused", connection);
  }
  if (details.success) return Problem.fromDetails(details.data);
  return notKtrdr(connection.url, `status ${answer.status} without problem details`);
}

export function tokenRefused(detail: string, connection: Connection): Problem {
  return new Problem("unauthenticated", detail, {
    cure: `The token came from ${connection.tokenSource}. Pass a valid one with --token, KTRDR_TOKEN or ${CREDENTIALS_HINT}.`,
  });
}

export function notKtrdr(url: string, reason: string): Problem {
  return new Problem("internal", `What answers at ${url} does not speak this version of ktrdr's API: ${reason}`, {
    cure: "Check --url, and that the control plane has the same version as this command.",
  });
}
