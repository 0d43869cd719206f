/** One file a statistic. Printed from the folder by `node compute-node/backtest/results-page.ts`; a test holds it. */
import { alphaPercent } from "./alpha-percent.ts";
import { annualReturnPercent } from "./annual-return-percent.ts";
import { annualVolatilityPercent } from "./annual-volatility-percent.ts";
import { averageDrawdownDurationMs } from "./average-drawdown-duration-ms.ts";
import { averageDrawdownPercent } from "./average-drawdown-percent.ts";
import { averageTradeDurationMs } from "./average-trade-duration-ms.ts";
import { averageTradePercent } from "./average-trade-percent.ts";
import { bestTradePercent } from "./best-trade-percent.ts";
import { beta } from "./beta.ts";
import { buyAndHoldReturnPercent } from "./buy-and-hold-return-percent.ts";
import { cagrPercent } from "./cagr-percent.ts";
import { calmarRatio } from "./calmar-ratio.ts";
import { durationMs } from "./duration-ms.ts";
import { endMs } from "./end-ms.ts";
import { equityFinal } from "./equity-final.ts";
import { equityPeak } from "./equity-peak.ts";
import { expectancyPercent } from "./expectancy-percent.ts";
import { exposurePercent } from "./exposure-percent.ts";
import { kellyCriterion } from "./kelly-criterion.ts";
import { maxDrawdownDurationMs } from "./max-drawdown-duration-ms.ts";
import { maxDrawdownPercent } from "./max-drawdown-percent.ts";
import { maxTradeDurationMs } from "./max-trade-duration-ms.ts";
import { profitFactor } from "./profit-factor.ts";
import { returnPercent } from "./return-percent.ts";
import { sharpeRatio } from "./sharpe-ratio.ts";
import { sortinoRatio } from "./sortino-ratio.ts";
import { sqn } from "./sqn.ts";
import { startMs } from "./start-ms.ts";
import { tradeCount } from "./trade-count.ts";
import { winRatePercent } from "./win-rate-percent.ts";
import { worstTradePercent } from "./worst-trade-percent.ts";

export const DECLARED_STATISTICS = [
  alphaPercent,
  annualReturnPercent,
  annualVolatilityPercent,
  averageDrawdownDurationMs,
  averageDrawdownPercent,
  averageTradeDurationMs,
  averageTradePercent,
  bestTradePercent,
  beta,
  buyAndHoldReturnPercent,
  cagrPercent,
  calmarRatio,
  durationMs,
  endMs,
  equityFinal,
  equityPeak,
  expectancyPercent,
  exposurePercent,
  kellyCriterion,
  maxDrawdownDurationMs,
  maxDrawdownPercent,
  maxTradeDurationMs,
  profitFactor,
  returnPercent,
  sharpeRatio,
  sortinoRatio,
  sqn,
  startMs,
  tradeCount,
  winRatePercent,
  worstTradePercent,
] as const;
