/** Market data: loading and checking prices, keeping them on disk, and handing columns to job threads. */
export {
  allocateBars,
  BAR_COLUMN_NAMES,
  type BarColumns,
  BYTES_PER_BAR,
  barsBetween,
  barsOn,
  sliceBars,
} from "./bars.ts";
export { contentHash } from "./bars-file.ts";
export { parseColumnChoice } from "./columns-plan.ts";
export { type LoadedBars, parseCsv } from "./csv.ts";
export { reportGaps } from "./gaps.ts";
export { chooseTimeframe, datasetNameOf, loadFile } from "./load.ts";
export { type DatasetManifest, datasetManifestWire, type GapReport } from "./manifest.ts";
export { loadSample, SAMPLES, type SampleName } from "./samples.ts";
export { type ImportDetails, MarketDataStore } from "./store.ts";
