/** Gets and keeps a node's credential: `POST /api/v1/workers/register`, and a file that only its owner may read. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import {
  Problem,
  pathOf,
  problemDetails,
  type RegisterRequest,
  ROUTES,
  registerRequest,
  registerResponse,
  wire,
} from "../../protocol/index.ts";

const REQUEST_TIMEOUT_MS = 10_000;

/** The file `credential.json` in a node's folder. */
export const storedCredential = z.strictObject({
  /** The control plane that issued it; it is sent to no other. */
  url: z.string(),
  workerId: z.string(),
  credential: z.string().min(1),
});
type StoredCredential = z.infer<typeof storedCredential>;

interface EnrolmentOptions {
  readonly url: string;
  readonly token: string | null;
  readonly credentialFile: string;
  /** Called at each registration, so that the answer is never old. */
  readonly describe: () => RegisterRequest;
}

export interface Enrolled {
  readonly credential: string;
  readonly socketUrl: string;
  /** The epoch of the newest connection that the registry knows. */
  readonly epoch: number;
}

/** A registration that did not succeed; `final` when trying again would not help. */
export class EnrolmentFailure extends Error {
  readonly problem: Problem;
  readonly final: boolean;

  constructor(problem: Problem, final: boolean) {
    super(problem.message, { cause: problem });
    this.name = "EnrolmentFailure";
    this.problem = problem;
    this.final = final;
  }
}

/**
 * Registers once. With a stored credential it refreshes what the registry knows of this node; where that is not
 * accepted, or with `fresh`, the enrolment token buys a new one. Throws `EnrolmentFailure`.
 */
export async function enrol(options: EnrolmentOptions, fresh: boolean, signal: AbortSignal): Promise<Enrolled> {
  const { token, url } = options;
  const stored = fresh ? null : readCredential(options);
  if (stored === null && token === null) throw new EnrolmentFailure(noToken(options), true);
  if (stored !== null) {
    try {
      return await register(options, stored.credential, signal);
    } catch (failure) {
      const refused = failure instanceof EnrolmentFailure && failure.problem.kind === "unauthenticated";
      if (!refused) throw failure;
      if (token === null) throw new EnrolmentFailure(credentialEnded(options), true);
    }
  }
  try {
    return await register(options, token ?? "", signal);
  } catch (failure) {
    if (failure instanceof EnrolmentFailure && failure.problem.kind === "unauthenticated") {
      throw new EnrolmentFailure(wrongToken(url, failure.problem), true);
    }
    throw failure;
  }
}

async function register(options: EnrolmentOptions, bearer: string, signal: AbortSignal): Promise<Enrolled> {
  const { url } = options;
  const address = `${url}${pathOf(ROUTES.registerWorker)}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify(wire(registerRequest).encode(options.describe())),
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
      redirect: "error",
    });
    text = await response.text();
  } catch (error) {
    throw new EnrolmentFailure(unreachable(url, causeText(error)), false);
  }
  if (!response.ok) throw refusal(url, response.status, text);
  const answer = parseAnswer(url, text);
  const credential = answer.credential ?? bearer;
  if (answer.credential !== undefined) keepCredential(options, answer.credential);
  const socketUrl = new URL(answer.socketPath, `${url}/`);
  socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
  return { credential, socketUrl: socketUrl.href, epoch: answer.epoch };
}

function parseAnswer(url: string, text: string) {
  try {
    return wire(registerResponse).parseAnswer(JSON.parse(text), "answer to the registration");
  } catch (error) {
    const cause = `its answer is not a registration's: ${error instanceof Error ? error.message : String(error)}`;
    throw new EnrolmentFailure(unreachable(url, cause), false);
  }
}

/** Refusals that the registry explains are final, unless it says that they pass; any other server is waited for. */
function refusal(url: string, status: number, text: string): EnrolmentFailure {
  let problem: Problem | null = null;
  try {
    problem = Problem.fromDetails(problemDetails.parse(JSON.parse(text)));
  } catch {
    // No problem document: the answer comes from something else, or the control plane is not up yet.
  }
  if (status === 401) {
    const kept = problem ?? new Problem("unauthenticated", `The control plane at ${url} answered 401.`);
    return new EnrolmentFailure(kept, true);
  }
  if (problem === null) return new EnrolmentFailure(unreachable(url, `it answered with status ${status}`), false);
  return new EnrolmentFailure(problem, status >= 400 && status < 500 && status !== 429 && status !== 404);
}

function readCredential(options: EnrolmentOptions): StoredCredential | null {
  let text: string;
  try {
    text = readFileSync(options.credentialFile, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new EnrolmentFailure(damaged(options.credentialFile, error), true);
  }
  try {
    const stored = wire(storedCredential).parse(JSON.parse(text), "stored credential");
    return stored.url === options.url && stored.workerId === options.describe().workerId ? stored : null;
  } catch (error) {
    throw new EnrolmentFailure(damaged(options.credentialFile, error), true);
  }
}

/** Replaced in one step, so that a node that dies here leaves the old one or the new one. */
function keepCredential({ credentialFile, url, describe }: EnrolmentOptions, credential: string): void {
  mkdirSync(dirname(credentialFile), { recursive: true, mode: 0o700 });
  const unfinished = `${credentialFile}.${process.pid}`;
  const stored = wire(storedCredential).encode({ url, workerId: describe().workerId, credential });
  writeFileSync(unfinished, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 });
  chmodSync(unfinished, 0o600);
  renameSync(unfinished, credentialFile);
}

/** The innermost reason: `fetch failed` alone helps nobody. */
export function causeText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer in ${REQUEST_TIMEOUT_MS / 1000} s`;
  if (error.cause instanceof AggregateError && error.cause.errors.length > 0) return causeText(error.cause.errors[0]);
  return error.cause instanceof Error ? causeText(error.cause) : error.message;
}

function unreachable(url: string, cause: string): Problem {
  return new Problem("unavailable", `No control plane answers at ${url}: ${cause}`, {
    cure: "Start it (ktrdr up), or correct --url or BACKEND_URL. The node keeps trying.",
  });
}

function wrongToken(url: string, answer: Problem): Problem {
  return new Problem("unauthenticated", `The control plane at ${url} does not accept the token: ${answer.message}`, {
    cure: "Make an enrolment token with ktrdr enrol, and start the node with --token (or ENROLMENT_TOKEN).",
    cause: answer,
  });
}

function noToken({ url, credentialFile }: EnrolmentOptions): Problem {
  return new Problem(
    "unauthenticated",
    `There is no enrolment token, and no credential for ${url} in ${credentialFile}.`,
    {
      cure: "Make an enrolment token with ktrdr enrol, and start the node with --token (or ENROLMENT_TOKEN).",
    },
  );
}

function credentialEnded({ url, credentialFile }: EnrolmentOptions): Problem {
  return new Problem(
    "unauthenticated",
    `The control plane at ${url} no longer accepts the credential in ${credentialFile}.`,
    {
      cure: "Make an enrolment token with ktrdr enrol, and start the node with --token (or ENROLMENT_TOKEN).",
    },
  );
}

function damaged(file: string, error: unknown): Problem {
  const cause = error instanceof Error ? error.message : String(error);
  return new Problem("invalid-request", `The credential file ${file} cannot be used: ${cause}`, {
    cure: "Delete the file and start the node with an enrolment token (--token).",
    cause: error,
  });
}
