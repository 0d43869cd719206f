/**
 * The training loop, the same for every backend: epochs, the order of the rows, learning rate, early stopping, the best
 * epoch's weights, history, checkpoints. It has no clock: who calls `advance` decides when to report, to save, or to
 * stop, and can do so after any number of batches.
 *
 * A run that is stopped after any call and continued from its checkpoint, by the same backend, ends with the same
 * bytes as one that was not.
 */
import { createHash } from "node:crypto";
import { Problem } from "../../protocol/problem.ts";
import { checkMember } from "./check-member.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  type EpochRecord,
  encodeCheckpoint,
  type RunPosition,
} from "./checkpoint.ts";
import type { BatchResults, Evaluation, LearntState, Member, TrainingBackend, TrainingSession } from "./network.ts";
import { shuffleRows } from "./random.ts";
import { nextRate, nextStopping, STOPPING_START, startSchedule } from "./schedule.ts";

/** The weights of a finished run; the session has them too. */
export interface TrainedNetwork {
  /** Taken from the epoch with the lowest validation loss (training loss, when nothing validates). */
  readonly parameters: Float32Array;
  readonly bestEpoch: number;
  readonly history: readonly EpochRecord[];
  readonly end: "epochs" | "early_stopping";
}

/**
 * Names what is trained: two runs of one identity end alike. `dataHash` names the set's content, and whatever else the
 * caller wants to tell apart.
 */
function runIdentity({ network, options }: Member, dataHash: string): string {
  return createHash("sha256").update(JSON.stringify({ network, options, dataHash })).digest("hex");
}

export class TrainingRun {
  readonly session: TrainingSession;
  readonly #member: Member;
  readonly #identity: string;
  readonly #order: Uint32Array;
  #orderedEpoch = -1;
  #position: RunPosition;
  #bestParameters: Float32Array | null = null;

  private constructor(session: TrainingSession, member: Member, identity: string) {
    this.session = session;
    this.#member = member;
    this.#identity = identity;
    this.#order = new Uint32Array(member.set.training.length);
    this.#position = {
      epochs: 0,
      batches: 0,
      lossSum: 0,
      correct: 0,
      largestGradient: 0,
      schedule: startSchedule(member.options.learningRate),
      stopping: STOPPING_START,
      best: null,
      history: [],
      end: "running",
    };
  }

  /**
   * A run at its beginning, or where `checkpoint` was made. Throws a Problem for a member that cannot be trained, and
   * for a checkpoint that is damaged or of another run.
   */
  static async create(
    backend: TrainingBackend,
    member: Member,
    dataHash: string,
    checkpoint?: Uint8Array,
  ): Promise<TrainingRun> {
    checkMember(member);
    const from = continued(member, dataHash, checkpoint);
    return TrainingRun.#start(await backend.create(member), member, dataHash, from);
  }

  /** The same for several members at once. */
  static async createPopulation(
    backend: TrainingBackend,
    members: readonly Member[],
    dataHash: string,
    checkpoints: readonly (Uint8Array | undefined)[] = [],
  ): Promise<TrainingRun[]> {
    for (const member of members) checkMember(member);
    const from = members.map((member, index) => continued(member, dataHash, checkpoints[index]));
    const sessions = await backend.createPopulation(members);
    return Promise.all(
      sessions.map((session, index) => TrainingRun.#start(session, members[index], dataHash, from[index])),
    );
  }

  static async #start(session: TrainingSession, member: Member, dataHash: string, from: Checkpoint | null) {
    const run = new TrainingRun(session, member, runIdentity(member, dataHash));
    if (from !== null) {
      await session.setState(from.learnt);
      run.#position = from.position;
      run.#bestParameters = from.bestParameters;
    }
    return run;
  }

  get position(): RunPosition {
    return this.#position;
  }

  get batchesPerEpoch(): number {
    return Math.ceil(this.#member.set.training.length / this.#member.options.batchRows);
  }

  /** Since the run's beginning. */
  get batchesDone(): number {
    return this.#position.epochs * this.batchesPerEpoch + this.#position.batches;
  }

  get isFinished(): boolean {
    return this.#position.end !== "running";
  }

  /** Why the run cannot go on, on any machine; null for one that can. */
  get failure(): Problem | null {
    const { failure } = this.#position;
    return failure === undefined ? null : Problem.fromDetails(failure);
  }

  /**
   * Trains at most so many batches, and no further than the end of an epoch, which includes its validation. Throws a
   * Problem when the loss or the gradient is no longer finite; its checkpoints know of that from then on.
   */
  async advance(batchCount: number): Promise<void> {
    if (this.isFinished) return;
    const { failure } = this;
    if (failure !== null) throw failure;
    try {
      await this.#advance(batchCount);
    } catch (thrown) {
      if (thrown instanceof Problem && !thrown.retryable) {
        this.#position = { ...this.#position, failure: thrown.toDetails() };
      }
      throw thrown;
    }
  }

  async #advance(batchCount: number): Promise<void> {
    const { epochs, batches, schedule } = this.#position;
    if (this.#orderedEpoch !== epochs) {
      shuffleRows(this.#member.set.training, this.#member.options.seed, epochs, this.#order);
      this.#orderedEpoch = epochs;
    }
    const results = await this.session.trainBatches({
      order: this.#order,
      firstBatch: batches,
      batchCount: Math.min(batchCount, this.batchesPerEpoch - batches),
      learningRate: schedule.learningRate,
    });
    this.#addBatches(results);
    if (this.#position.batches === this.batchesPerEpoch) await this.#endEpoch();
  }

  #addBatches({ losses, correct, gradientNorms }: BatchResults): void {
    const { batchRows } = this.#member.options;
    let { batches, lossSum, correct: correctSum, largestGradient } = this.#position;
    for (const [index, loss] of losses.entries()) {
      batches += 1;
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorms[index])) {
        throw this.#exploded(batches, loss, gradientNorms[index]);
      }
      const rows = Math.min(batchRows, this.#order.length - (batches - 1) * batchRows);
      lossSum += loss * rows;
      correctSum += correct[index];
      largestGradient = Math.max(largestGradient, gradientNorms[index]);
    }
    this.#position = { ...this.#position, batches, lossSum, correct: correctSum, largestGradient };
  }

  #exploded(batch: number, loss: number, gradientNorm: number): Problem {
    const { epochs, schedule } = this.#position;
    const what = Number.isFinite(loss) ? `gradient's size became ${gradientNorm}` : `loss became ${loss}`;
    const where = `epoch ${epochs + 1}, batch ${batch} of ${this.batchesPerEpoch}`;
    return new Problem("invalid-request", `The ${what} in ${where}, at a learning rate of ${schedule.learningRate}.`, {
      cure: "Lower the learning rate, clip the gradient (gradient_clip: 1.0), or look for huge values in the features.",
    });
  }

  async #endEpoch(): Promise<void> {
    const { set, options } = this.#member;
    const validation = set.validation.length > 0 ? await this.session.evaluate(set.validation) : null;
    const record = this.#epochRecord(validation);
    const { epoch } = record;
    const watchedLoss = record.validationLoss ?? record.trainingLoss;
    const { schedule, stopping, history } = this.#position;
    let { best } = this.#position;
    if (best === null || watchedLoss < best.loss) {
      best = { epoch, loss: watchedLoss };
      this.#bestParameters = (await this.session.getState()).parameters;
    }
    const accuracy = record.validationAccuracy ?? record.trainingAccuracy;
    const { earlyStopping } = options;
    const nextStop = earlyStopping === null ? stopping : nextStopping(earlyStopping, stopping, watchedLoss, accuracy);
    const isEarly = earlyStopping !== null && nextStop.badEpochs >= earlyStopping.patience;
    this.#position = {
      epochs: epoch,
      batches: 0,
      lossSum: 0,
      correct: 0,
      largestGradient: 0,
      schedule: nextRate(options.schedule, schedule, epoch, watchedLoss),
      stopping: nextStop,
      best,
      history: [...history, record],
      end: isEarly ? "early_stopping" : epoch === options.epochs ? "epochs" : "running",
    };
  }

  #epochRecord(validation: Evaluation | null): EpochRecord {
    const { epochs, lossSum, correct, largestGradient, schedule } = this.#position;
    const { training, validation: validationRows } = this.#member.set;
    if (validation !== null && !Number.isFinite(validation.loss)) {
      throw new Problem("invalid-data", `The validation loss is ${validation.loss} after epoch ${epochs + 1}.`, {
        cure: "Give the validation rows a class whose weight is not zero, and finite features.",
      });
    }
    return {
      epoch: epochs + 1,
      trainingLoss: lossSum / training.length,
      trainingAccuracy: correct / training.length,
      validationLoss: validation?.loss ?? null,
      validationAccuracy: validation === null ? null : validation.correct / validationRows.length,
      learningRate: schedule.learningRate,
      largestGradient,
    };
  }

  /** Everything that the rest of the run depends on. */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    const learnt = await this.session.getState();
    const bestParameters = this.#bestParameters;
    return encodeCheckpoint({ identity: this.#identity, position: this.#position, learnt, bestParameters });
  }

  /** The outcome of a finished run. The session gets the best epoch's weights. */
  async finish(): Promise<TrainedNetwork> {
    const { end, best, history } = this.#position;
    const parameters = this.#bestParameters;
    if (end === "running" || best === null || parameters === null) {
      throw new Error("A run that has not ended has no outcome.");
    }
    const state: LearntState = await this.session.getState();
    await this.session.setState({ ...state, parameters });
    return { parameters: parameters.slice(), bestEpoch: best.epoch, history, end };
  }
}

/** Read before there is a session, which nobody would close. Throws a Problem for one that is damaged or of another run. */
function continued(member: Member, dataHash: string, checkpoint: Uint8Array | undefined): Checkpoint | null {
  if (checkpoint === undefined) return null;
  const from = decodeCheckpoint(checkpoint);
  if (from.identity === runIdentity(member, dataHash)) return from;
  throw new Problem("conflict", "The checkpoint is of another strategy, other data or another version.", {
    cure: "Continue with the strategy and the data that it was made with, or start anew.",
  });
}
