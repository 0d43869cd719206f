/**
 * The hash of the data that a result came from. One dataset has its own, the hash of its bytes; several are hashed as a
 * list of names and hashes, in the order of the names, so that the order in which they were asked for does not matter.
 */
import { canonicalJson } from "../../protocol/canonical-json.ts";
import { sha256Of } from "./sha256.ts";

interface NamedDataset {
  readonly symbol: string;
  readonly timeframe: string;
  readonly sha256: string;
}

/** The hash of a portfolio's datasets. Also for a single one it is a list's, not the dataset's own. */
export function hashOfDatasets(datasets: readonly NamedDataset[]): string {
  const lines = datasets.map(({ symbol, timeframe, sha256 }) => [symbol, timeframe, sha256].join(" "));
  return sha256Of(canonicalJson(lines.sort()));
}

/** The hash of the series that one model reads: their hashes by timeframe, or by another name. */
export function hashOfSeries(sha256ByName: Readonly<Record<string, string>>): string {
  const hashes = Object.values(sha256ByName);
  return hashes.length === 1 ? hashes[0] : sha256Of(canonicalJson(sha256ByName));
}
