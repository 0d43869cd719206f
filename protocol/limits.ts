/** Every limit that a caller can meet, in one place. A rejection names the limit and its value. */
export const LIMITS = {
  /** A socket message, either way; larger payloads travel over HTTPS by key. */
  socketMessageBytes: 64 * 1024,
  /** The body of one JSON request, and a frame on a submitter's line. */
  requestBodyBytes: 8 * 1024 * 1024,
  /** One operation's specification, as JSON. */
  operationSpecBytes: 48 * 1024,
  /** Operations in one batch submission. */
  batchOperations: 1000,
  /** Submitters' lines that are open at once in one workspace. */
  submitterLines: 1000,
  /** Log lines kept of one operation; older ones are dropped and counted. */
  logLines: 1000,
  /** Events in one page or one burst of a stream. */
  pageEvents: 1000,
  /** Uploads in parts that one worker may have open at once. */
  openUploads: 4,
  /** Entries kept of one worker's history. */
  workerHistory: 200,
  /** Operations in one page of a list. */
  pageOperations: 500,
  /** An artefact in one request, without parts; the platform's free plan ends request bodies at 100 MB. */
  artefactPartBytes: 32 * 1024 * 1024,
  /** The size of a part of an upload; at least 5 MiB, as the store asks. */
  uploadPartBytes: 16 * 1024 * 1024,
  /** One artefact, all parts together. */
  artefactBytes: 4 * 1024 * 1024 * 1024,
  /** The summary that a node sends with `complete`. */
  resultSummaryBytes: 32 * 1024,
  /** A line that an operator's program prints; a longer one is cut. */
  programLineBytes: 64 * 1024,
  /** The whole output of an operator's program. */
  programOutputBytes: 64 * 1024 * 1024,
  /** A result or checkpoint of an operator's program: the node holds it in memory until it is stored. */
  programFileBytes: 512 * 1024 * 1024,
  /** Programs that one node's operator may approve. */
  programs: 10,
  /** Slots that one node may offer. */
  workerSlots: 256,
  /** Datasets that one node may announce. */
  workerDatasets: 2000,
  /** Datasets in one socket message; a node sends the others in `datasets` messages behind it. */
  messageDatasets: 250,
} as const;
