/** The backtest engine: signals and bars in, an artefact out. */
export {
  type AuditedColumn,
  type AuditFinding,
  type AuditReport,
  audit,
  auditedText,
  findingText,
  prefixLengths,
} from "./audit/audit.ts";
export {
  type AuditedNetwork,
  auditBacktest,
  auditNeural,
  auditRules,
  auditScript,
  type NeuralAudit,
} from "./audit/audit-strategy.ts";
export { Broker } from "./engine/broker.ts";
export { CHECKPOINT_VERSION, type RunCheckpoints } from "./engine/checkpoint.ts";
export { ColumnScratch } from "./engine/column-scratch.ts";
export { runBacktest } from "./engine/engine.ts";
export type { BarsDone, EngineResult, OpenPosition } from "./engine/engine-result.ts";
export type { BrokerOptions } from "./engine/execution.ts";
export { type PreparedMarket, prepareMarket } from "./engine/market.ts";
export type { Lot, Order, OrderKind, OrderRequest } from "./engine/order.ts";
export { ResumableBacktest } from "./engine/resumable-backtest.ts";
export { type ExitReason, TradeLog, tradeRecords } from "./engine/trade-log.ts";
export {
  artefactOf,
  type BacktestArtefact,
  type BacktestProgress,
  type BacktestRequest,
  type BacktestRun,
  ENGINE_VERSION,
  engineHash,
  executeBacktest,
  testedBars,
} from "./execute.ts";
export {
  defineStrategy,
  type IndicatorChoice,
  type Position,
  type ScriptContext,
  type ScriptStrategy,
  type Series,
} from "./script/api.ts";
export { indicatorsOf, parametersOf } from "./script/indicators.ts";
export { loadScript, withPlaces } from "./script/source.ts";
export { runScript, ScriptRun } from "./script/strategy.ts";
export type { FinishedRun } from "./statistics/finished-run.ts";
export { type RunContext, type RunDetails, runDetails } from "./statistics/run-details.ts";
export { chartSeries, MAX_CHART_POINTS, monthlyReturns } from "./statistics/series.ts";
export { computeStatistics } from "./statistics/statistics.ts";
export { type BacktestSummary, summarizeBacktest } from "./statistics/summary.ts";
