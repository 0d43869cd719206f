/** Every limit that a caller can meet, in one place. A rejection names the limit and its value. */
export const LIMITS = {
  /** A socket message, either way; larger payloads travel over HTTPS by key. */
  socketMessageBytes: 64 * 1024,
  /** The body of one JSON request. */
  requestBodyBytes: 8 * 1024 * 1024,
  /** One operation's specification, as JSON. */
  operationSpecBytes: 48 * 1024,
  /** Operations in one batch submission. */
  batchOperations: 1000,
  /** Operations in one page of a list. */
  pageOperations: 500,
  /** One part of an artefact; the platform's free plan ends request bodies at 100 MB. */
  artefactPartBytes: 32 * 1024 * 1024,
  /** The summary that a node sends with `complete`. */
  resultSummaryBytes: 32 * 1024,
  /** Slots that one node may offer. */
  workerSlots: 256,
  /** Datasets that one node may announce. */
  workerDatasets: 2000,
} as const;
