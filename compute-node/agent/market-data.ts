/** The part of the market data store that a node uses. */
import type { BarColumns, DatasetManifest, ImportDetails } from "../market-data/index.ts";

export interface MarketData {
  list(): Promise<DatasetManifest[]>;
  find(symbol: string, timeframe: string): Promise<DatasetManifest | undefined>;
  open(sha256: string): Promise<BarColumns>;
  watch(onChange: () => void): () => void;
  import(bars: BarColumns, sha256: string, details: ImportDetails): Promise<void>;
}
