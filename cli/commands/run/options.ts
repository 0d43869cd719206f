/** The options of `ktrdr run`. */
import type { SubmitOptions } from "../../api/fleet-run.ts";

export interface RunOptions extends SubmitOptions {
  input?: string;
  set?: Readonly<Record<string, unknown>>;
  symbol?: readonly string[];
  timeframe: string;
  from?: number;
  to?: number;
  dataFormat?: "parquet" | "npy";
  mediaType?: string;
  output?: string;
}
