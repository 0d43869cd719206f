/** The catalogue's entry for one dataset, which stands on disk as snake_case JSON. */
import { z } from "zod";
import { resultWarning, sha256, symbol, timeframe, timestampMs } from "../../protocol/index.ts";
import { wire } from "../../protocol/wire.ts";

/** Bars that should be there, by the rhythm of the weeks around them, and are not. */
export const gap = z.strictObject({
  /** The last bar before the gap. */
  afterMs: timestampMs,
  /** The first bar after it. */
  beforeMs: timestampMs,
  missingBars: z.int().min(1),
});
export type Gap = z.infer<typeof gap>;

const gapReport = z.strictObject({
  timeframe,
  count: z.int().min(0),
  missingBars: z.int().min(0),
  longest: gap.nullable(),
  /** The first few, in order of time. */
  first: z.array(gap),
  /** Pauses that come back each day or week, such as nights and weekends; not counted as gaps. */
  usualPauses: z.int().min(0),
});
export type GapReport = z.infer<typeof gapReport>;

const datasetManifest = z.strictObject({
  symbol,
  timeframe,
  /** Hash of the canonical column bytes: the six columns one after another, little-endian doubles. */
  sha256,
  rows: z.int().min(1),
  firstMs: timestampMs,
  lastMs: timestampMs,
  /** Its origin, for people: a file's name, a package and its version. */
  source: z.string().max(500),
  loadedAtMs: timestampMs,
  gaps: gapReport,
  /** Warnings of the loader: ignored columns, an assumed time zone, a missing volume. */
  warnings: z.array(resultWarning),
});
export type DatasetManifest = z.infer<typeof datasetManifest>;

export const datasetManifestWire = wire(datasetManifest);
