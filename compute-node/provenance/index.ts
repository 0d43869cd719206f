/** The origin of a result as hashes: one of the specification, one of the data. */
export { hashOfDatasets, hashOfSeries } from "./data-hash.ts";
export { sha256Of } from "./sha256.ts";
export { modelBacktestHash, specificationHash } from "./specification-hash.ts";
