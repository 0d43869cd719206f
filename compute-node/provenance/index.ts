/** What a result came from, as hashes: what was asked for, and on which data. */
export { hashOfDatasets, hashOfSeries } from "./data-hash.ts";
export { sha256Of } from "./sha256.ts";
export { modelBacktestHash, specificationHash } from "./specification-hash.ts";
