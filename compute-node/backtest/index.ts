/** The backtest engine: signals and bars in, an artefact out. */
export { decodeBacktestResult, encodeBacktestResult } from "./artefact.ts";
export {
  type AuditedColumn,
  type AuditFinding,
  type AuditReport,
  audit,
  auditedText,
  findingText,
  prefixLengths,
} from "./audit.ts";
export {
  type AuditedNetwork,
  auditBacktest,
  auditNeural,
  auditRules,
  auditScript,
  type NeuralAudit,
} from "./audit-strategy.ts";
export { Broker, type BrokerOptions } from "./broker.ts";
export { CHECKPOINT_VERSION, type RunCheckpoints } from "./checkpoint.ts";
export { ColumnScratch } from "./column-scratch.ts";
export { type BarsDone, type EngineResult, type OpenPosition, runBacktest } from "./engine.ts";
export {
  artefactOf,
  type BacktestArtefact,
  type BacktestProgress,
  type BacktestRequest,
  type BacktestRun,
  ENGINE_VERSION,
  engineHash,
  executeBacktest,
  specificationHash,
  testedBars,
} from "./execute.ts";
export { type PreparedMarket, prepareMarket } from "./market.ts";
export type { Lot, Order, OrderKind, OrderRequest } from "./order.ts";
export { ResumableBacktest } from "./resumable-backtest.ts";
export { type FinishedRun, type RunContext, type RunDetails, runDetails } from "./run-details.ts";
export {
  defineStrategy,
  type IndicatorChoice,
  type Position,
  type ScriptContext,
  type ScriptStrategy,
  type Series,
} from "./script-api.ts";
export { indicatorsOf, parametersOf } from "./script-indicators.ts";
export { loadScript, withPlaces } from "./script-source.ts";
export { runScript, ScriptRun } from "./script-strategy.ts";
export { chartSeries, drawdownPercent, MAX_CHART_POINTS, monthlyReturns } from "./series.ts";
export { computeStatistics } from "./statistics.ts";
export { type BacktestSummary, summarizeBacktest } from "./summary.ts";
export { type ExitReason, TradeLog, tradeRecords } from "./trade-log.ts";
