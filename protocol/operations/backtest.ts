/** One strategy on the prices of one symbol. */
import { z } from "zod";
import { ruleStrategy } from "../strategy-rules.ts";
import { scriptStrategy } from "../strategy-script.ts";
import { backtestSettings } from "./backtest-settings.ts";
import { dataRequest } from "./data-request.ts";
import type { OperationDeclaration } from "./declaration.ts";

/** Stands among a node's `capabilities.kinds`: its operator allows backtests of strategies that are code. */
export const SCRIPT_KIND = "script";

export const backtestSpec = z.strictObject({
  kind: z.literal("backtest"),
  strategy: z.discriminatedUnion("kind", [ruleStrategy, scriptStrategy]),
  /** Overrides of the strategy's parameters. */
  parameters: z.record(z.string(), z.number()).default({}),
  data: dataRequest,
  settings: backtestSettings.prefault({}),
});
export type BacktestSpec = z.infer<typeof backtestSpec>;

export const backtestOperation = {
  spec: backtestSpec,
  datasets: ({ data }) => [data],
  allowance: ({ kind, strategy }) => (strategy.kind === "script" ? SCRIPT_KIND : kind),
  isAllowedByName: true,
  isCheckpointed: false,
  workerTypes: ["backtesting"],
} satisfies OperationDeclaration<BacktestSpec>;
