/** What `ktrdr train` is asked for. */
import type { SubmitOptions } from "../../api/fleet-run.ts";

export interface TrainOptions extends SubmitOptions {
  model?: string;
  seed?: number;
  seeds?: number;
  epochs?: number;
  from?: number;
  to?: number;
  backend?: "auto" | "cpu" | "gpu";
  fast?: boolean;
  local?: boolean;
  out?: string;
  /** True without a file name. */
  report?: string | true;
}
