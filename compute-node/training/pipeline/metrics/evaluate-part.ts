/** The metrics of one part of a prepared set, from a network's outputs on its rows. */
import type { PreparedTraining } from "../prepare.ts";
import type { Part } from "../split.ts";
import { type ClassificationMetrics, classificationMetrics } from "./classification.ts";
import { type RegressionMetrics, regressionMetrics } from "./regression.ts";

export type PartMetrics =
  | ({ readonly kind: "classification" } & ClassificationMetrics)
  | ({ readonly kind: "regression" } & RegressionMetrics);

/** `outputs` as an evaluation of the part's rows gives them: [example, output], in the order of the part. */
export function evaluatePart(prepared: PreparedTraining, part: Part, outputs: Float32Array): PartMetrics {
  const { set, classNames, report, knownLabels } = prepared;
  const rows = set[part];
  const known = Float32Array.from(rows, (row) => knownLabels[row]);
  const training = report.parts.training;
  if (set.labels.kind === "values") {
    const { values } = set.labels;
    const actual = Float32Array.from(rows, (row) => values[row]);
    const trainingMean = training.targets?.mean ?? 0;
    return { kind: "regression", ...regressionMetrics({ predicted: outputs, actual, trainingMean, known }) };
  }
  const { values } = set.labels;
  const actual = Uint8Array.from(rows, (row) => values[row]);
  const trainingCounts = training.classCounts ?? [];
  return {
    kind: "classification",
    ...classificationMetrics({ logits: outputs, actual, classNames, trainingCounts, known }),
  };
}
