/** From a strategy and bars to a training set, with a report of what is wrong with it. */
export { balancedClassWeights, countClasses } from "./class-weights.ts";
export {
  classNamesOf,
  LABEL_SOURCES,
  type LabelConfig,
  type LabelSource,
  labelConfig,
  labelConfigOf,
} from "./labels/label-config.ts";
export { type Labels, labelBars } from "./labels/labels.ts";
export {
  type Finding,
  type FindingCode,
  type PartReport,
  type PreflightReport,
  requirePreflight,
} from "./preflight.ts";
export {
  type PreparedTraining,
  type PrepareRequest,
  prepareTraining,
  sequenceLengthOf,
} from "./prepare.ts";
export { type FeatureScale, featureScale, fillRows, finiteRows } from "./scaling.ts";
export { type Split, type SplitFractions, splitExamples, splitFractionsOf } from "./split.ts";
