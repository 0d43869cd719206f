/** The tables of a training run's reports as text, the same on paper and on a terminal. */

import type { ModelManifest } from "../../compute-node/models/index.ts";
import { type NetworkSpec, parameterLayout } from "../../compute-node/training/index.ts";
import type {
  ClassificationMetrics,
  PartMetrics,
  RegressionMetrics,
} from "../../compute-node/training/pipeline/index.ts";
import { formatNumber, formatTime, UNDEFINED_FIGURE } from "../../results/index.ts";

/** The first column names the row; the others are figures. */
export interface FigureTable {
  readonly title: string;
  /** An explanation for readers who do not know the word. */
  readonly note: string;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface LossCurve {
  readonly name: string;
  /** One entry for each epoch. */
  readonly values: readonly number[];
}

const PARTS = ["validation", "test"] as const;
const percent = (share: number | null) => (share === null ? UNDEFINED_FIGURE : `${formatNumber(100 * share, 1)} %`);
const figure = (value: number | null) => (value === null ? UNDEFINED_FIGURE : String(Number(value.toPrecision(4))));

/** Describes name, network, data and the course of the run, one line each. */
export function trainingFacts({ network, data, training, split }: ModelManifest): (readonly [string, string])[] {
  const facts: (readonly [string, string])[] = [["Network", networkText(network)]];
  for (const { symbol, timeframe, startMs, endMs, bars } of data) {
    const range = `${formatTime(startMs)} to ${formatTime(endMs)}`;
    facts.push(["Data", `${symbol} ${timeframe}, ${range}, ${formatNumber(bars, 0)} bars`]);
  }
  if (training === null) return facts;
  const { examples, history, bestEpoch, end, backend, seed } = training;
  const counts = Object.entries(examples).map(([part, rows]) => `${formatNumber(rows, 0)} ${part}`);
  facts.push(["Examples", counts.join(", ")]);
  if (split?.testMs != null) facts.push(["Test part", `from ${formatTime(split.testMs)} on: backtest from there`]);
  const why = end === "early_stopping" ? ", then early stopping" : "";
  facts.push(["Epochs", `${history.length}${why}; the weights are those of epoch ${bestEpoch}`]);
  facts.push(["Computed on", `${backend}, seed ${seed}`]);
  return facts;
}

export function lossCurves({ training }: ModelManifest): LossCurve[] {
  const history = training?.history ?? [];
  const validation = history.flatMap(({ validationLoss }) => validationLoss ?? []);
  const curves = [{ name: "Training loss", values: history.map(({ trainingLoss }) => trainingLoss) }];
  return validation.length === 0 ? curves : [...curves, { name: "Validation loss", values: validation }];
}

/** Metrics beside baselines that need no network. For a classifier, also its confusions and its calibration. */
export function trainingTables({ metrics }: ModelManifest): FigureTable[] {
  const parts = PARTS.flatMap((part) => {
    const of = metrics[part] as PartMetrics | undefined;
    return of === undefined ? [] : [{ part, of }];
  });
  if (parts.length === 0) return [];
  const columns = parts.map(({ of }) => metricColumn(of));
  const table: FigureTable = {
    title: "Metrics",
    note: "Indented: answers that need no network. A network that is no better than these has learnt nothing.",
    headings: ["", ...parts.map(({ part }) => part)],
    rows: columns[0].map(([label], row) => [label, ...columns.map((column) => column[row][1])]),
  };
  const { part, of } = parts[parts.length - 1];
  return of.kind === "classification" ? [table, confusionTable(part, of), calibrationTable(part, of)] : [table];
}

function metricColumn(of: PartMetrics): (readonly [string, string])[] {
  return of.kind === "classification" ? classificationColumn(of) : regressionColumn(of);
}

function classificationColumn(of: ClassificationMetrics): (readonly [string, string])[] {
  const { rows, accuracy, loss, macroF1, baselines, calibration } = of;
  return [
    ["Examples", formatNumber(rows, 0)],
    ["Accuracy", percent(accuracy)],
    [`  always ${baselines.majority.name}`, percent(baselines.majority.accuracy)],
    ["  the last label that was known", percent(baselines.persistence)],
    ["Macro F1", figure(macroF1)],
    ["Cross entropy", figure(loss)],
    ["Calibration error", percent(calibration.expectedError)],
  ];
}

function regressionColumn(of: RegressionMetrics): (readonly [string, string])[] {
  const { rows, meanAbsoluteError, rootMeanSquareError, r2, signAccuracy, predictionDeviation, baselines } = of;
  return [
    ["Examples", formatNumber(rows, 0)],
    ["Mean absolute error", figure(meanAbsoluteError)],
    ["  always the mean", figure(baselines.mean)],
    ["  the last return that was known", figure(baselines.persistence)],
    ["Sign right", percent(signAccuracy)],
    ["  always the commonest sign", percent(baselines.majoritySign)],
    ["Root mean square error", figure(rootMeanSquareError)],
    ["R²", figure(r2)],
    ["Deviation of the predictions", figure(predictionDeviation)],
  ];
}

function confusionTable(part: string, { classes, confusion }: ClassificationMetrics): FigureTable {
  return {
    title: `Confusion matrix, ${part} part`,
    note: "A row is what it was, a column what the network said.",
    headings: ["", ...classes.map(({ name }) => name), "recall"],
    rows: [
      ...classes.map(({ name, recall }, actual) => [
        name,
        ...confusion[actual].map((count) => formatNumber(count, 0)),
        percent(recall),
      ]),
      ["precision", ...classes.map(({ precision }) => percent(precision)), ""],
    ],
  };
}

function calibrationTable(part: string, { calibration }: ClassificationMetrics): FigureTable {
  const filled = calibration.bins.filter(({ rows }) => rows > 0);
  return {
    title: `Calibration, ${part} part`,
    note: "Of answers that the network was so sure of, the share that was right.",
    headings: ["", "examples", "confidence", "right"],
    rows: filled.map(({ from, rows, meanConfidence, accuracy }) => [
      `from ${formatNumber(100 * from, 0)} %`,
      formatNumber(rows, 0),
      percent(meanConfidence),
      percent(accuracy),
    ]),
  };
}

function networkText(network: NetworkSpec): string {
  const weights = `${formatNumber(parameterLayout(network).length, 0)} weights`;
  if (network.kind === "mlp") {
    return `mlp of ${[network.inputs, ...network.hidden, network.outputs].join(", ")} units, ${weights}`;
  }
  const { kind, inputs, hidden, layers, outputs, sequenceLength } = network;
  return `${kind} of ${layers} × ${hidden} units, ${inputs} inputs, ${outputs} outputs, ${sequenceLength} bars, ${weights}`;
}
