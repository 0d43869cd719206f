/** Makes a training set from a strategy and bars, with a report of its faults. */
export { classNamesOf, LABEL_SOURCES, labelConfig, labelConfigOf } from "./labels/label-config.ts";
export { labelBars } from "./labels/labels.ts";
export type { ClassificationMetrics } from "./metrics/classification.ts";
export { evaluatePart, type PartMetrics } from "./metrics/evaluate-part.ts";
export type { RegressionMetrics } from "./metrics/regression.ts";
export { type TrainingPlan, trainingPlan } from "./plan.ts";
export { type Finding, requirePreflight } from "./preflight.ts";
export { type PreparedTraining, prepareTraining } from "./prepare.ts";
export { type FeatureScale, featureScale, fillRows, finiteRows } from "./scaling.ts";
