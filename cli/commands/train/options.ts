/** The parsed options of `ktrdr train`. */
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
  /** True when no file name was given. */
  report?: string | true;
}
