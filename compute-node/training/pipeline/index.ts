/** From a strategy and bars to a training set, with a report of what is wrong with it. */
export { balancedClassWeights, countClasses } from "./class-weights.ts";
export type { SymbolRows } from "./examples.ts";
export type { Labels } from "./labels/bar-labels.ts";
export {
  classNamesOf,
  LABEL_SOURCES,
  type LabelConfig,
  labelConfig,
  labelConfigOf,
} from "./labels/label-config.ts";
export { labelBars } from "./labels/labels.ts";
export {
  type Calibration,
  type ClassificationMetrics,
  type ClassMetrics,
  classificationMetrics,
} from "./metrics/classification.ts";
export { evaluatePart, type PartMetrics } from "./metrics/evaluate-part.ts";
export { type RegressionMetrics, regressionMetrics } from "./metrics/regression.ts";
export { type TrainingPlan, trainingPlan } from "./plan.ts";
export {
  type Finding,
  type FindingCode,
  type PartReport,
  type PreflightReport,
  requirePreflight,
} from "./preflight.ts";
export { type PreparedTraining, type PrepareRequest, prepareTraining } from "./prepare.ts";
export { type FeatureScale, featureScale, fillRows, finiteRows } from "./scaling.ts";
export { PARTS, type Part, type Split, type SplitFractions, splitExamples, splitFractionsOf } from "./split.ts";
