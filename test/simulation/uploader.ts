/** Makes one attempt to store bytes, as `compute-node/agent/upload.ts` does: in parts where they are too many for one request. */
import type { UploadOutcome } from "../../compute-node/agent/state.ts";
import { Problem } from "../../protocol/index.ts";
import type { Answer, Caller, Route } from "./artefact-routes.ts";
import { PART_LENGTH } from "./artefact-routes.ts";
import type { HttpAnswer } from "./network.ts";
import { contentOf } from "./workload.ts";
import type { World } from "./world.ts";

/** The next request. */
type Question = () => Route;
type Course<T> = Generator<Question, T, HttpAnswer<Answer>>;

const PART_TRIES = 3;
const ROUNDS = 3;
const PASSING_STATUSES: readonly number[] = [401, 429];
const UNREACHABLE: UploadOutcome = { type: "unreachable", cause: "no answer" };

/** Goes on while somebody wants it, then says how it ended. */
export function upload(
  world: World,
  request: {
    readonly label: string;
    readonly caller: () => Caller;
    readonly sha256: string;
    readonly inParts: boolean;
  },
  isWanted: () => boolean,
  ended: (outcome: UploadOutcome) => void,
): void {
  const { label, caller, sha256, inParts } = request;
  const course = inParts ? inRounds(world, caller, sha256) : atOnce(world, caller, sha256);
  const advance = (step: IteratorResult<Question, UploadOutcome>): void => {
    if (!isWanted()) return;
    if (step.done) ended(step.value);
    else world.network.ask(label, step.value, (answer) => advance(course.next(answer)));
  };
  advance(course.next());
}

function* atOnce({ routes }: World, caller: () => Caller, sha256: string): Course<UploadOutcome> {
  const answer = yield () => routes.put(caller(), sha256, contentOf(sha256));
  return outcomeOf(answer);
}

function* inRounds(world: World, caller: () => Caller, sha256: string): Course<UploadOutcome> {
  let last: UploadOutcome = UNREACHABLE;
  for (let round = 1; round <= ROUNDS; round++) {
    const { outcome, startOver } = yield* inRound(world, caller, sha256);
    if (!startOver) return outcome;
    last = outcome;
  }
  return last;
}

interface Round {
  readonly outcome: UploadOutcome;
  /** True where the server lost or damaged the parts that were sent. */
  readonly startOver: boolean;
}

function* inRound({ routes }: World, caller: () => Caller, sha256: string): Course<Round> {
  const bytes = contentOf(sha256);
  const opened = yield () => routes.open(caller(), sha256, bytes.length);
  if (!isGood(opened)) return ended(opened);
  const { stored, parts = [] } = opened.value;
  if (stored === true) return { outcome: { type: "stored" }, startOver: false };
  for (let partNumber = 1; (partNumber - 1) * PART_LENGTH < bytes.length; partNumber++) {
    if (parts.includes(partNumber)) continue;
    const failure = yield* sendPart(routes, caller, sha256, partNumber);
    if (failure !== null) return failure;
  }
  const joined = yield () => routes.join(caller(), sha256);
  const startOver = joined.arrived && [400, 404, 409].includes(joined.value.status);
  return { outcome: outcomeOf(joined), startOver };
}

/** Returns null when the part has arrived. */
function* sendPart(
  routes: World["routes"],
  caller: () => Caller,
  sha256: string,
  partNumber: number,
): Course<Round | null> {
  const part = contentOf(sha256).slice((partNumber - 1) * PART_LENGTH, partNumber * PART_LENGTH);
  for (let trial = 1; trial <= PART_TRIES; trial++) {
    const answer = yield () => routes.part(caller(), sha256, partNumber, part);
    if (isGood(answer)) return null;
    const status = answer.arrived ? answer.value.status : 0;
    if (status === 404) return { outcome: outcomeOf(answer), startOver: true };
    if (status !== 400) return ended(answer);
  }
  return { outcome: UNREACHABLE, startOver: false };
}

function ended(answer: HttpAnswer<Answer>): Round {
  return { outcome: outcomeOf(answer), startOver: false };
}

function isGood(answer: HttpAnswer<Answer>): answer is { arrived: true; value: Answer } {
  return answer.arrived && answer.value.status < 300;
}

function outcomeOf(answer: HttpAnswer<Answer>): UploadOutcome {
  if (isGood(answer)) return { type: "stored" };
  if (!answer.arrived) return UNREACHABLE;
  const { status } = answer.value;
  // 400: bytes that were damaged on the way.
  if (status === 400 || status >= 500 || PASSING_STATUSES.includes(status)) return UNREACHABLE;
  const problem = new Problem("conflict", `the upload was answered with status ${status}`);
  return { type: "refused", error: problem.toDetails(), retryable: status === 403 || status === 409 };
}
