/** Market data: loading and checking prices, keeping them on disk, and handing columns to job threads. */
export {
  allocateBars,
  BAR_COLUMN_NAMES,
  type BarColumnName,
  type BarColumns,
  BYTES_PER_BAR,
  barsBetween,
  barsOn,
  sliceBars,
} from "./bars.ts";
export { contentHash } from "./bars-file.ts";
export { COLUMN_ROLES, type ColumnChoice, type ColumnRole, parseColumnChoice } from "./columns-plan.ts";
export { type LoadedBars, type LoadOptions, parseCsv } from "./csv.ts";
export { reportGaps } from "./gaps.ts";
export { type ChosenTimeframe, chooseTimeframe, type DatasetName, datasetNameOf, loadFile } from "./load.ts";
export { type DatasetManifest, datasetManifestWire, type Gap, type GapReport } from "./manifest.ts";
export { type LoadedSample, loadSample, SAMPLES, type SampleName } from "./samples.ts";
export {
  type DatasetDetails,
  type ImportDetails,
  MarketDataStore,
  type StoredBars,
  type WatchOptions,
} from "./store.ts";
export { commonStepMs, timeframeMs, timeframeOfStep } from "./timeframe.ts";
