/** Several runs in turns: as one population on a GPU, one after the other on a processor, side by side on several. */
import { Problem } from "../../protocol/problem.ts";
import type { TrainedNetwork, TrainingRun } from "./train.ts";

/** Runs that are trained in turns. One that fails is left out, and the others go on. */
export class TrainingTurns {
  readonly #runs: readonly TrainingRun[];
  /** The threads that the runs began in; none for a backend that has no several. */
  readonly #threads: readonly number[];

  constructor(runs: readonly TrainingRun[]) {
    this.#runs = runs;
    this.#threads = [...new Set(runs.flatMap(({ session }) => session.thread ?? []))];
  }

  get learning(): TrainingRun[] {
    return this.#runs.filter((run) => !run.isFinished && run.failure === null);
  }

  /** Threads that compute at the same moment. */
  get threadCount(): number {
    const sessions = this.learning.map(({ session }) => session);
    const beside = new Set(sessions.flatMap(({ thread }) => thread ?? [])).size;
    return Math.max(1, beside) * Math.max(1, ...sessions.map(({ threadCount }) => threadCount ?? 1));
  }

  /**
   * One turn of all that learn: so many batches in each thread, shared by the runs that are in it. They are asked together,
   * so that a backend that trains a population as one gets every member's batches at once. Throws what is no run's own
   * fault, such as a device that was lost: on another machine all of them might go on.
   */
  async advance(batches: number): Promise<void> {
    const threads = [...Map.groupBy(this.learning, ({ session }) => session.thread).values()];
    const turns = threads.flatMap((runs) => {
      const share = Math.max(1, Math.floor(batches / runs.length));
      return runs.map((run) => (run.session.thread === undefined ? run.advance(share) : advanceAll(run, share)));
    });
    const fault = (await Promise.allSettled(turns)).find((turn) => turn.status === "rejected" && !isOwnFault(turn));
    if (fault?.status === "rejected") throw fault.reason;
    await this.#spread();
  }

  /** Runs end at different times: the others move to the threads that have become free. */
  async #spread(): Promise<void> {
    if (this.#threads.length < 2) return;
    const { learning } = this;
    const loads = this.#threads.map((thread) => ({
      thread,
      runs: learning.filter(({ session }) => session.thread === thread),
    }));
    for (;;) {
      loads.sort((left, right) => left.runs.length - right.runs.length);
      const [least, most] = [loads[0], loads[loads.length - 1]];
      if (most.runs.length - least.runs.length < 2) return;
      const [moved] = most.runs.splice(-1);
      await moved.session.moveTo?.(least.thread);
      least.runs.push(moved);
    }
  }
}

/** Past the ends of epochs, as no other run waits for this one there. */
async function advanceAll(run: TrainingRun, batches: number): Promise<void> {
  const end = run.batchesDone + batches;
  while (!run.isFinished && run.batchesDone < end) await run.advance(end - run.batchesDone);
}

/** A fault of the run itself is in its position as well. */
function isOwnFault({ reason }: PromiseRejectedResult): boolean {
  return reason instanceof Problem && !reason.retryable;
}

/** Batches that one member of a population trains before the next has its turn. */
const TURN_BATCHES = 64;

/** Trains to the end, several runs in turns; throws the Problem of the first one that failed. */
export async function trainAll(runs: readonly TrainingRun[]): Promise<TrainedNetwork[]> {
  const outcomes = await trainPopulation(runs);
  return outcomes.map((outcome) => {
    if (outcome instanceof Problem) throw outcome;
    return outcome;
  });
}

/** Trains to the end, several runs in turns; one that fails has its Problem as outcome, and the others go on. */
export async function trainPopulation(runs: readonly TrainingRun[]): Promise<(TrainedNetwork | Problem)[]> {
  const turns = new TrainingTurns(runs);
  while (turns.learning.length > 0) await turns.advance(TURN_BATCHES * runs.length);
  return Promise.all(runs.map((run) => run.failure ?? run.finish()));
}
