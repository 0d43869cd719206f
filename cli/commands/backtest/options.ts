/** The parsed options of `ktrdr backtest`. */
import type { HistoryAdjustment } from "../../../protocol/portfolio.ts";
import type { SubmitOptions } from "../../api/fleet-run.ts";
import type { RequestOptions } from "./backtest-request.ts";

export interface BacktestOptions extends RequestOptions, SubmitOptions {
  /** A trained one by name, such as trend or trend@2, or by its file. */
  model?: string;
  modelFile?: string;
  /** Several symbols on one account. */
  symbols?: readonly string[];
  actions?: string;
  adjust?: HistoryAdjustment;
  accountCurrency?: string;
  currency?: Readonly<Record<string, string>>;
  convert?: Readonly<Record<string, string>>;
  local?: boolean;
  audit?: boolean;
  /** True when no file name was given. */
  report?: string | true;
  output?: string;
}

/** Ends the command with a usage error. */
export type RefuseUsage = (message: string, cure: string) => never;
