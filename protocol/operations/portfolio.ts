/** One strategy on the prices of many symbols. */
import { z } from "zod";
import { symbol } from "../identifiers.ts";
import { corporateAction, currency, historyAdjustment, MAX_CORPORATE_ACTIONS } from "../portfolio.ts";
import { ruleStrategy } from "../strategy-rules.ts";
import { backtestSettings } from "./backtest-settings.ts";
import { dataRequest, MAX_REQUESTED_SYMBOLS } from "./data-request.ts";
import type { OperationDeclaration } from "./declaration.ts";

/** Many symbols on one account; the strategy's `portfolio` section says how they share it. */
export const portfolioSpec = z.strictObject({
  kind: z.literal("portfolio"),
  strategy: ruleStrategy,
  /** Overrides of the strategy's parameters. */
  parameters: z.record(z.string(), z.number()).default({}),
  /** One for each symbol, all of one timeframe. */
  data: z.array(dataRequest).min(1).max(MAX_REQUESTED_SYMBOLS),
  settings: backtestSettings.prefault({}),
  actions: z.array(corporateAction).max(MAX_CORPORATE_ACTIONS).default([]),
  /** Corporate actions for which the history that rules see is adjusted. */
  adjustment: historyAdjustment.default("splits"),
  accountCurrency: currency.default("USD"),
  /** Symbols that are quoted in another currency than the account's. */
  currencies: z.array(z.strictObject({ symbol, currency })).max(MAX_REQUESTED_SYMBOLS).default([]),
  /** Prices of one of `currency` in account money; with `isInverse` the other way round. */
  conversions: z
    .array(z.strictObject({ currency, data: dataRequest, isInverse: z.boolean().default(false) }))
    .max(10)
    .default([]),
});
export type PortfolioSpec = z.infer<typeof portfolioSpec>;

export const portfolioOperation = {
  spec: portfolioSpec,
  datasets: ({ data, conversions }) => [...data, ...conversions.map((conversion) => conversion.data)],
  allowance: ({ kind }) => kind,
  isAllowedByName: true,
  isCheckpointed: false,
  workerTypes: ["backtesting"],
} satisfies OperationDeclaration<PortfolioSpec>;
