/**
 * Market data that the workspace's store holds for every node.
 *
 * The bytes are an artefact: the six columns `time_ms`, `open`, `high`, `low`, `close`, `volume` one after another, as
 * little-endian doubles, so that the artefact's hash is the dataset's own. They are uploaded under `/api/v1/artefacts/{sha256}`
 * first; `PUT /api/v1/datasets/{sha256}` then says what they are. An operation that pins no version gets the newest of its
 * symbol and timeframe.
 */
import { z } from "zod";
import { sha256, symbol, timeframe, timestampMs } from "./identifiers.ts";

export const DATASET_MEDIA_TYPE = "application/vnd.ktrdr.bars";
export const DATASET_BYTES_PER_BAR = 48;

/** `PUT /api/v1/datasets/{sha256}`. */
export const publishDatasetRequest = z.strictObject({
  symbol,
  timeframe,
  rows: z.int().min(1),
  firstMs: timestampMs,
  lastMs: timestampMs,
  /** The source of the bars, for people. */
  source: z.string().max(500).default(""),
});
export type PublishDatasetRequest = z.infer<typeof publishDatasetRequest>;

export const storedDataset = publishDatasetRequest.extend({
  sha256,
  /** False for a version that a newer one has replaced; operations may still pin it. */
  isNewest: z.boolean(),
  publishedAt: timestampMs,
});
export type StoredDataset = z.infer<typeof storedDataset>;

/** `GET /api/v1/datasets`, by symbol and timeframe, the newest version first. */
export const storedDatasetList = z.strictObject({ total: z.int(), datasets: z.array(storedDataset) });
