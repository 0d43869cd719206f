/**
 * @file Runs a training from its specification to the model's bytes, for job threads and `--local`. It has no
 * clock and does no I/O; who calls it decides between batches whether to save, to report or to stop.
 */
import type { TrainSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { NeuralStrategy } from "../../protocol/strategy-neural.ts";
import { encodeModel, type Model, measureParts, trainedModel } from "../models/index.ts";
import { sha256Of, specificationHash } from "../provenance/index.ts";
import { resolveNeural } from "../strategy/index.ts";
import {
  type Member,
  parameterLayout,
  type RunPosition,
  type TrainingBackend,
  type TrainingOptions,
  type TrainingRun,
  type TrainingSet,
} from "../training/index.ts";
import { type PreparedTraining, prepareTraining, requirePreflight, trainingPlan } from "../training/pipeline/index.ts";
import { Population, type SeedOutcome, withSeeds } from "./population.ts";
import { summaryOf, type TrainingSummary } from "./summary.ts";
import { type TrainingData, type TrainingDataset, trainingData } from "./training-data.ts";

/** Raised with every change after which the same specification and data give other weights. */
const TRAINING_VERSION = "ktrdr-training-1";

export interface TrainingProgress {
  readonly phase: "features" | "training" | "evaluation";
  /** Done share of the whole run, 0 to 1. */
  readonly fraction: number;
  /** The one that runs, from 1; 0 before the first. */
  readonly epoch: number;
  /** Training loss and accuracy of the epoch that runs, so far; null before its first batch. */
  readonly loss: number | null;
  readonly accuracy: number | null;
  /** Measured in the newest complete epoch. */
  readonly validationLoss: number | null;
  readonly validationAccuracy: number | null;
  /** Examples that this call has trained on, of all networks. */
  readonly rows: number;
  /** Threads that compute at the same moment. */
  readonly threads: number;
}

export interface TrainingRequest {
  readonly spec: TrainSpec;
  /** In the order of the specification's data. */
  readonly datasets: readonly TrainingDataset[];
  readonly backend: TrainingBackend;
  /** Where an earlier attempt was; one that does not fit is refused with a log line. */
  readonly checkpoint?: Uint8Array;
  readonly onLog?: (lines: string[]) => void;
  /** Throwing from it ends the run. */
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Called between batches; `save` makes a checkpoint of this moment. Throwing from it ends the run. */
  readonly onTurn?: (save: () => Promise<Uint8Array<ArrayBuffer>>) => Promise<void>;
  /** Batches of each thread between two turns; some tens of milliseconds of them by default. The result does not depend on it. */
  readonly turnBatches?: number;
}

interface TrainingArtefact {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sha256: string;
  readonly summary: TrainingSummary;
  readonly model: Model;
}

/** Where training begins and ends within the whole run. */
const [TRAINING_START, TRAINING_END] = [0.02, 0.98];
/** Operations between two turns: some tens of milliseconds on one core. */
const TURN_OPERATIONS = 1e9;
/** Operations for each weight and example: forward, backward and gradient take two each. */
const OPERATIONS_PER_WEIGHT = 6;

/**
 * The same specification and data give the same bytes on the CPU's exact kernels, also when the run is cut and resumed
 * from any of its checkpoints. Throws a `Problem`: what `prepareTraining`, `requirePreflight` and `TrainingRun` throw,
 * and for data that does not fit the strategy.
 */
export async function executeTraining(request: TrainingRequest): Promise<TrainingArtefact> {
  const { spec, datasets, backend, onLog = () => {}, onProgress } = request;
  onProgress?.({ ...NOTHING_YET, phase: "features", fraction: 0 });
  const strategy = overridden(spec);
  const data = trainingData({ strategy, data: spec.data }, datasets);
  const prepared = prepareTraining({ strategy, bars: data.bars, context: data.context });
  requirePreflight(prepared.report);
  onLog([...strategyLines(strategy), ...preflightLines(prepared)]);
  const plan = trainingPlan(strategy, prepared);
  const members = withSeeds({ ...plan, set: prepared.set }, spec.seeds ?? 1);
  const population = await start(request, members, dataHash(strategy, data), onLog);
  const { threadCount } = population;
  if (threadCount > 1)
    onLog([`${members.length === 1 ? "1 network" : `${members.length} networks`} in ${threadCount} threads`]);
  try {
    await train(population, prepared, plan, request);
    const { best, outcomes } = population;
    const run = population.runs[best];
    const reached = progressOf(run, prepared.set, plan.options);
    onProgress?.({ ...NOTHING_YET, ...reached, phase: "evaluation", fraction: TRAINING_END });
    onLog(seedLines(outcomes, best));
    const trained = await run.finish();
    const model = trainedModel({
      name: spec.model,
      strategy,
      prepared,
      plan: { ...plan, options: members[best].options },
      trained,
      metrics: await measureParts(prepared, run.session),
      data: data.learnt,
      contextData: data.contextLearnt,
      specSha256: specificationHash(spec),
      codeVersion: TRAINING_VERSION,
      backend: backend.name,
    });
    const summary = summaryOf(model.manifest, prepared.report.findings);
    return { ...encodeModel(model), summary: { ...summary, ...seedSummary(outcomes) }, model };
  } finally {
    population.dispose();
  }
}

/** The strategy with the specification's values instead of its own; the model keeps it like that. */
function overridden({ strategy, seed, epochs }: TrainSpec): NeuralStrategy {
  const changes = { ...(seed === undefined ? {} : { seed }), ...(epochs === undefined ? {} : { epochs }) };
  return { ...strategy, training: { ...strategy.training, ...changes } };
}

/** Names all that the rows of the set follow from, and the code that makes them. */
function dataHash(strategy: NeuralStrategy, { learnt, contextLearnt }: TrainingData): string {
  const context = contextLearnt.length === 0 ? [] : [contextLearnt];
  return sha256Of(JSON.stringify([TRAINING_VERSION, strategy, learnt, ...context]));
}

/** From the checkpoint where there is one that fits. */
async function start(
  { backend, checkpoint }: TrainingRequest,
  members: readonly Member[],
  hash: string,
  onLog: (lines: string[]) => void,
): Promise<Population> {
  if (checkpoint === undefined) return Population.start(backend, members, hash);
  try {
    const population = await Population.start(backend, members, hash, checkpoint);
    const { epochs, batches } = population.runs[0].position;
    onLog([`goes on from a checkpoint: ${epochs} epochs and ${batches} batches are done`]);
    return population;
  } catch (thrown) {
    const problem = Problem.from(thrown);
    if (problem.kind === "unavailable") throw problem;
    onLog([`warning: ${problem.message} The run starts from its beginning.`]);
    return Population.start(backend, members, hash);
  }
}

async function train(
  population: Population,
  { set }: PreparedTraining,
  { network, options }: Pick<Member, "network" | "options">,
  { onProgress, onTurn, turnBatches: asked }: TrainingRequest,
): Promise<void> {
  const windowRows = network.kind === "mlp" ? 1 : network.sequenceLength;
  const perBatch = OPERATIONS_PER_WEIGHT * parameterLayout(network).length * windowRows * options.batchRows;
  const turnBatches = asked ?? Math.max(1, Math.floor(TURN_OPERATIONS / perBatch));
  const examplesDone = () => population.runs.reduce((sum, { position }) => sum + examplesOf(position, set, options), 0);
  const before = examplesDone();
  for (let learning = population.learning; learning.length > 0; learning = population.learning) {
    const { threadCount: threads } = population;
    await population.advance(turnBatches);
    const slowest = learning.reduce((least, run) => (run.batchesDone < least.batchesDone ? run : least));
    onProgress?.({ ...progressOf(slowest, set, options), rows: examplesDone() - before, threads });
    await onTurn?.(() => population.checkpoint());
  }
}

/** Examples that a run has trained on since its beginning. */
function examplesOf(
  { epochs, batches }: RunPosition,
  { training }: TrainingSet,
  { batchRows }: TrainingOptions,
): number {
  return epochs * training.length + Math.min(training.length, batches * batchRows);
}

/** Shows how much the seed alone changed; empty for a single seed. */
function seedLines(outcomes: readonly SeedOutcome[], best: number): string[] {
  if (outcomes.length === 1) return [];
  return outcomes.map(
    ({ seed, loss, problem }, index) =>
      `seed ${seed}: ${problem === null ? `loss ${loss?.toPrecision(5)}` : `failed: ${problem}`}${index === best ? " (the best: the model)" : ""}`,
  );
}

function seedSummary(outcomes: readonly SeedOutcome[]): TrainingSummary {
  return outcomes.length === 1 ? {} : { seeds: outcomes.map(({ seed, loss }) => ({ seed, loss })) };
}

const NOTHING_YET = {
  epoch: 0,
  loss: null,
  accuracy: null,
  validationLoss: null,
  validationAccuracy: null,
  rows: 0,
  threads: 1,
} as const;

function progressOf(
  run: TrainingRun,
  set: TrainingSet,
  options: TrainingOptions,
): Omit<TrainingProgress, "rows" | "threads"> {
  const { epochs, batches, lossSum, correct, history } = run.position;
  const done = (epochs + batches / run.batchesPerEpoch) / options.epochs;
  const newest = history.at(-1);
  const examples = Math.min(set.training.length, batches * options.batchRows);
  const soFar = examples === 0 ? null : { loss: lossSum / examples, accuracy: correct / examples };
  return {
    phase: "training",
    fraction: TRAINING_START + (TRAINING_END - TRAINING_START) * done,
    epoch: batches === 0 ? epochs : epochs + 1,
    loss: soFar?.loss ?? newest?.trainingLoss ?? null,
    accuracy: soFar?.accuracy ?? newest?.trainingAccuracy ?? null,
    validationLoss: newest?.validationLoss ?? null,
    validationAccuracy: newest?.validationAccuracy ?? null,
  };
}

/** Lists the strategy's lines that have no effect. */
function strategyLines(strategy: NeuralStrategy): string[] {
  return resolveNeural(strategy).warnings.map(({ message, cure }) => `warning: ${message}. ${cure}`);
}

function preflightLines({ set, report, classNames }: PreparedTraining): string[] {
  const { training, validation, test } = set;
  const counts = report.parts.training.classCounts;
  const shares =
    counts === null ? "a predicted return" : classNames.map((name, k) => `${counts[k]} ${name}`).join(", ");
  return [
    `${training.length} training, ${validation.length} validation and ${test.length} test examples of ${set.inputs} features`,
    `training labels: ${shares}`,
    ...report.findings.map(({ message, cure }) => `warning: ${message} ${cure}`),
  ];
}
