/** Checks a member before its training starts. Names every fault at once, each with its wrong value. */
import { Problem, type ProblemIssue } from "../../protocol/problem.ts";
import { ACTIVATIONS, type LossSpec, type Member, type NetworkSpec, type TrainingSet } from "./network.ts";

/** Dropout masks count rows and columns in 16 bits each. */
const WIDTH_MAX = 65_535;
const CLASSES_MAX = 255;

type Report = (path: string, message: string) => void;

/** Throws a Problem that lists every fault. */
export function checkMember({ network, options, set }: Member): void {
  const issues: ProblemIssue[] = [];
  const report: Report = (path, message) => issues.push({ path, message });
  checkNetwork(network, report);
  checkOptions(options, report);
  checkLoss(options.loss, network.outputs, set, report);
  if (issues.length === 0) checkSet(network, set, report);
  if (issues.length === 0) return;
  const rest = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  throw new Problem("invalid-request", `This cannot be trained: ${issues[0].message}${rest}`, {
    cure: "Correct what is listed in the strategy's model and training sections.",
    issues,
  });
}

function checkCount(path: string, value: number, report: Report, largest = WIDTH_MAX): void {
  if (Number.isInteger(value) && value >= 1 && value <= largest) return;
  report(path, `${path} is ${value}; it must be a whole number from 1 to ${largest}.`);
}

function checkRange(path: string, value: number, isInside: boolean, range: string, report: Report): void {
  if (!isInside) report(path, `${path} is ${value}; it must be ${range}.`);
}

function checkNetwork(network: NetworkSpec, report: Report): void {
  checkCount("inputs", network.inputs, report);
  checkCount("outputs", network.outputs, report, CLASSES_MAX);
  const { dropout } = network;
  checkRange("dropout", dropout, dropout >= 0 && dropout < 1, "at least 0 and below 1", report);
  if (network.kind === "mlp") {
    for (const [index, width] of network.hidden.entries()) checkCount(`hidden_layers.${index}`, width, report);
    if (ACTIVATIONS.includes(network.activation)) return;
    report("activation", `activation is ${network.activation}; it must be one of ${ACTIVATIONS.join(", ")}.`);
    return;
  }
  checkCount("hidden_size", network.hidden, report);
  checkCount("num_layers", network.layers, report);
  checkCount("sequence_length", network.sequenceLength, report);
}

function checkOptions(options: Member["options"], report: Report): void {
  checkCount("batch_size", options.batchRows, report);
  checkCount("epochs", options.epochs, report, 1_000_000);
  const { learningRate, gradientClip, optimiser, earlyStopping, seed } = options;
  checkRange(
    "learning_rate",
    learningRate,
    learningRate > 0 && learningRate < 1e6,
    "above 0 and below 1000000",
    report,
  );
  const { weightDecay } = optimiser;
  checkRange(
    "weight_decay",
    weightDecay,
    weightDecay >= 0 && weightDecay < 1e6,
    "at least 0 and below 1000000",
    report,
  );
  checkRange("seed", seed, Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32, "from 0 to 4294967295", report);
  if (gradientClip !== null) checkRange("gradient_clip", gradientClip, gradientClip > 0, "above 0", report);
  if (earlyStopping !== null) checkCount("early_stopping.patience", earlyStopping.patience, report, 1_000_000);
}

function checkLoss(loss: LossSpec, outputs: number, set: TrainingSet, report: Report): void {
  if (loss.kind === "huber") checkRange("huber_delta", loss.delta, loss.delta > 0, "above 0", report);
  if (loss.kind === "focal") checkRange("focal_gamma", loss.gamma, loss.gamma >= 0, "at least 0", report);
  const wanted = loss.kind === "huber" || loss.kind === "mse" ? "values" : "classes";
  if (set.labels.kind !== wanted)
    report("loss", `The loss ${loss.kind} needs ${wanted}, and the labels are ${set.labels.kind}.`);
  if (wanted === "values" && outputs !== 1) report("outputs", `A regression has 1 output, not ${outputs}.`);
  if (!("classWeights" in loss) || loss.classWeights === null) return;
  const { classWeights } = loss;
  if (classWeights.length !== outputs) {
    report("class_weights", `There are ${classWeights.length} class weights for ${outputs} classes.`);
  }
  if (!classWeights.every((weight) => weight >= 0 && Number.isFinite(weight))) {
    report("class_weights", `The class weights are ${classWeights.join(", ")}; each must be at least 0.`);
  }
}

function checkSet(network: NetworkSpec, set: TrainingSet, report: Report): void {
  const rowCount = set.features.length / set.inputs;
  if (set.inputs !== network.inputs) {
    report("inputs", `The network has ${network.inputs} inputs, and the data ${set.inputs} features.`);
    return;
  }
  if (set.labels.values.length !== rowCount) {
    report("labels", `There are ${set.labels.values.length} labels for ${rowCount} rows.`);
    return;
  }
  if (set.training.length === 0) report("training", "No row is for training.");
  const bad = firstNotFinite(set.features);
  if (bad >= 0) {
    const row = Math.floor(bad / set.inputs);
    report("features", `Feature ${bad % set.inputs} of row ${row} is ${set.features[bad]}.`);
  }
  for (const part of ["training", "validation", "test"] as const) checkExamples(part, network, set, rowCount, report);
}

/** -1 when all are finite. A plain loop: a callback for each of millions of values takes five times as long. */
function firstNotFinite(values: Float32Array): number {
  for (let at = 0; at < values.length; at++) if (!Number.isFinite(values[at])) return at;
  return -1;
}

function checkExamples(
  part: "training" | "validation" | "test",
  network: NetworkSpec,
  set: TrainingSet,
  rowCount: number,
  report: Report,
): void {
  for (const row of set[part]) {
    const length = network.kind === "mlp" ? 1 : (set.windowRows?.[row] ?? network.sequenceLength);
    const longest = network.kind === "mlp" ? 1 : network.sequenceLength;
    if (row >= rowCount || length < 1 || length > longest || row + 1 < length) {
      report(part, `An example in ${part} ends at row ${row} and is ${length} long, of ${rowCount} rows.`);
      return;
    }
    const label = set.labels.values[row];
    const isLabel = set.labels.kind === "classes" ? label < network.outputs : Number.isFinite(label);
    if (!isLabel) {
      report(part, `The label of row ${row} in ${part} is ${label}, and the network has ${network.outputs} outputs.`);
      return;
    }
  }
}
