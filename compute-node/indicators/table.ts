/** Every indicator. Names, validation, documentation and lists come from here. */
import type { IndicatorDeclaration, IndicatorOutput, IndicatorParameter, IndicatorParameters } from "./declaration.ts";
import { exponentialMovingAverage, simpleMovingAverage, weightedMovingAverage } from "./moving-averages.ts";
import {
  commodityChannelIndex,
  momentum,
  movingAverageConvergence,
  rateOfChange,
  relativeStrengthIndex,
  stochastic,
  williamsR,
} from "./oscillators.ts";
import { rollingHighest, rollingLowest } from "./rolling-extremes.ts";
import { averageDirectionalIndex } from "./trend.ts";
import { averageTrueRange, bollingerBands, standardDeviation, trueRange } from "./volatility.ts";
import { onBalanceVolume } from "./volume.ts";

const TA_LIB = "TA-Lib 0.6 (ta-lib.org), function";

function wholeNumber(
  name: string,
  standard: number,
  min: number,
  max: number,
  description: string,
): IndicatorParameter {
  return { name, default: standard, min, max, integer: true, description };
}

function period(standard: number, min: number, max: number): IndicatorParameter {
  return wholeNumber("period", standard, min, max, "Number of bars");
}

function output(
  name: string,
  description: string,
  firstIndex: (parameters: IndicatorParameters) => number,
): IndicatorOutput {
  return { name, description, firstIndex };
}

/** The one output of an indicator whose window is `period` bars. */
const windowValue = [output("value", "The value", (p) => p.period - 1)];
/** The one output of an indicator that looks back `period` bars from the current one. */
const lookbackValue = [output("value", "The value", (p) => p.period)];
const macdIndex = (p: IndicatorParameters) => p.slow_period + p.signal_period - 2;
const stochasticIndex = (p: IndicatorParameters) => p.k_period + p.smooth_k + p.d_period - 3;

export const INDICATORS: readonly IndicatorDeclaration[] = [
  {
    name: "sma",
    aliases: ["simple_moving_average"],
    title: "Simple moving average",
    parameters: [period(20, 1, 5000)],
    inputs: ["close"],
    takesSource: true,
    outputs: windowValue,
    formula: "mean of the last period values",
    origin: `${TA_LIB} SMA`,
    compute: simpleMovingAverage,
  },
  {
    name: "ema",
    aliases: ["exponential_moving_average"],
    title: "Exponential moving average",
    parameters: [period(20, 1, 5000)],
    inputs: ["close"],
    takesSource: true,
    outputs: windowValue,
    formula: "last + 2 / (period + 1) × (value - last), seeded with the mean of the first period values",
    origin: `${TA_LIB} EMA`,
    compute: exponentialMovingAverage,
  },
  {
    name: "wma",
    aliases: ["weighted_moving_average"],
    title: "Weighted moving average",
    parameters: [period(20, 1, 5000)],
    inputs: ["close"],
    takesSource: true,
    outputs: windowValue,
    formula: "mean of the last period values with weights 1 (oldest) to period (newest)",
    origin: `${TA_LIB} WMA`,
    compute: weightedMovingAverage,
  },
  {
    name: "rsi",
    aliases: ["relative_strength_index"],
    title: "Relative strength index (Wilder)",
    parameters: [period(14, 2, 1000)],
    inputs: ["close"],
    takesSource: true,
    outputs: lookbackValue,
    formula:
      "100 × gain / (gain + loss); gain and loss are means of the first period changes, then (last × (period - 1) + new) / period; 50 when nothing has changed",
    origin: `J. Welles Wilder, New Concepts in Technical Trading Systems (1978), section VI; ${TA_LIB} RSI`,
    compute: relativeStrengthIndex,
  },
  {
    name: "macd",
    aliases: ["moving_average_convergence_divergence"],
    title: "Moving average convergence / divergence",
    parameters: [
      wholeNumber("fast_period", 12, 1, 1000, "Bars of the fast average"),
      wholeNumber("slow_period", 26, 2, 1000, "Bars of the slow average"),
      wholeNumber("signal_period", 9, 1, 1000, "Bars of the signal's average"),
    ],
    inputs: ["close"],
    takesSource: true,
    outputs: [
      output("line", "Fast average less slow average", macdIndex),
      output("signal", "Exponential average of the line", macdIndex),
      output("histogram", "Line less signal", macdIndex),
    ],
    formula:
      "ema(fast_period) - ema(slow_period), both seeded with the means of the values that end at bar slow_period - 1; signal is the ema of that; all three are shown from the signal's first value on",
    origin: `${TA_LIB} MACD`,
    conflict: (p) =>
      p.fast_period < p.slow_period
        ? null
        : `fast_period (${p.fast_period}) is not below slow_period (${p.slow_period})`,
    compute: movingAverageConvergence,
  },
  {
    name: "bollinger_bands",
    aliases: ["bbands"],
    title: "Bollinger bands",
    parameters: [
      period(20, 2, 5000),
      {
        name: "multiplier",
        default: 2,
        min: 0.001,
        max: 100,
        integer: false,
        description: "Standard deviations from the middle to a band",
      },
    ],
    inputs: ["close"],
    takesSource: true,
    outputs: [
      output("upper", "Middle + multiplier × deviation", (p) => p.period - 1),
      output("middle", "Simple moving average", (p) => p.period - 1),
      output("lower", "Middle - multiplier × deviation", (p) => p.period - 1),
    ],
    formula: "sma(period) ± multiplier × population standard deviation (divided by period)",
    origin: `${TA_LIB} BBANDS`,
    compute: bollingerBands,
  },
  {
    name: "stddev",
    aliases: ["standard_deviation"],
    title: "Standard deviation",
    parameters: [period(20, 2, 5000)],
    inputs: ["close"],
    takesSource: true,
    outputs: windowValue,
    formula: "population standard deviation (divided by period) of the last period values",
    origin: `${TA_LIB} STDDEV`,
    compute: standardDeviation,
  },
  {
    name: "true_range",
    aliases: ["trange"],
    title: "True range",
    parameters: [],
    inputs: ["high", "low", "close"],
    takesSource: false,
    outputs: [output("value", "The value", () => 1)],
    formula: "max(high, last close) - min(low, last close)",
    origin: `${TA_LIB} TRANGE`,
    compute: trueRange,
  },
  {
    name: "atr",
    aliases: ["average_true_range"],
    title: "Average true range (Wilder)",
    parameters: [period(14, 1, 1000)],
    inputs: ["high", "low", "close"],
    takesSource: false,
    outputs: lookbackValue,
    formula: "mean of the first period true ranges, then (last × (period - 1) + true range) / period",
    origin: `J. Welles Wilder, New Concepts in Technical Trading Systems (1978), section III; ${TA_LIB} ATR`,
    compute: averageTrueRange,
  },
  {
    name: "highest",
    aliases: ["max"],
    title: "Highest value",
    parameters: [period(20, 1, 5000)],
    inputs: ["high"],
    takesSource: true,
    outputs: windowValue,
    formula: "highest of the last period values, the current bar included",
    origin: `${TA_LIB} MAX`,
    compute: ([values], p, [out]) => rollingHighest(values, p.period, out),
  },
  {
    name: "lowest",
    aliases: ["min"],
    title: "Lowest value",
    parameters: [period(20, 1, 5000)],
    inputs: ["low"],
    takesSource: true,
    outputs: windowValue,
    formula: "lowest of the last period values, the current bar included",
    origin: `${TA_LIB} MIN`,
    compute: ([values], p, [out]) => rollingLowest(values, p.period, out),
  },
  {
    name: "roc",
    aliases: ["rate_of_change"],
    title: "Rate of change",
    parameters: [period(10, 1, 5000)],
    inputs: ["close"],
    takesSource: true,
    outputs: lookbackValue,
    formula: "(value / value period bars ago - 1) × 100; undefined where the past value is 0",
    origin: `${TA_LIB} ROC`,
    compute: rateOfChange,
  },
  {
    name: "momentum",
    aliases: ["mom"],
    title: "Momentum",
    parameters: [period(10, 1, 5000)],
    inputs: ["close"],
    takesSource: true,
    outputs: lookbackValue,
    formula: "value - value period bars ago",
    origin: `${TA_LIB} MOM`,
    compute: momentum,
  },
  {
    name: "stochastic",
    aliases: ["stoch"],
    title: "Stochastic oscillator (slow)",
    parameters: [
      wholeNumber("k_period", 14, 1, 1000, "Bars of the range"),
      wholeNumber("d_period", 3, 1, 1000, "Bars of the average d of k"),
      wholeNumber("smooth_k", 3, 1, 1000, "Bars of the average k of the raw value"),
    ],
    inputs: ["high", "low", "close"],
    takesSource: false,
    outputs: [output("k", "Average of the raw value", stochasticIndex), output("d", "Average of k", stochasticIndex)],
    formula:
      "raw = 100 × (close - lowest low) / (highest high - lowest low) over k_period bars, 50 where the range is 0; k = sma(raw, smooth_k); d = sma(k, d_period); both are shown from d's first value on",
    origin: `${TA_LIB} STOCH`,
    compute: stochastic,
  },
  {
    name: "cci",
    aliases: ["commodity_channel_index"],
    title: "Commodity channel index",
    parameters: [period(20, 2, 1000)],
    inputs: ["high", "low", "close"],
    takesSource: false,
    outputs: windowValue,
    formula:
      "(typical - sma(typical)) / (0.015 × mean absolute deviation), typical = (high + low + close) / 3; 0 where the deviation is 0",
    origin: `${TA_LIB} CCI`,
    compute: commodityChannelIndex,
  },
  {
    name: "williams_r",
    aliases: ["willr"],
    title: "Williams %R",
    parameters: [period(14, 1, 1000)],
    inputs: ["high", "low", "close"],
    takesSource: false,
    outputs: windowValue,
    formula: "-100 × (highest high - close) / (highest high - lowest low); -50 where the range is 0",
    origin: `${TA_LIB} WILLR`,
    compute: williamsR,
  },
  {
    name: "obv",
    aliases: ["on_balance_volume"],
    title: "On-balance volume",
    parameters: [],
    inputs: ["close", "volume"],
    takesSource: false,
    outputs: [output("value", "The value", () => 0)],
    formula: "starts with the first volume; volume is added on a higher close, subtracted on a lower one",
    origin: `${TA_LIB} OBV`,
    compute: onBalanceVolume,
  },
  {
    name: "adx",
    aliases: ["average_directional_index"],
    title: "Average directional index (Wilder)",
    parameters: [period(14, 2, 1000)],
    inputs: ["high", "low", "close"],
    takesSource: false,
    outputs: [
      output("adx", "Strength of the trend, 0 to 100", (p) => 2 * p.period - 1),
      output("plus_di", "Upward direction, 0 to 100", (p) => p.period),
      output("minus_di", "Downward direction, 0 to 100", (p) => p.period),
    ],
    formula:
      "Wilder's sums of true range and directional movement start with the period - 1 changes of bars 1 to period - 1; direction and dx are 0 where they would divide by 0",
    origin: `J. Welles Wilder, New Concepts in Technical Trading Systems (1978), section IV; ${TA_LIB} ADX`,
    compute: averageDirectionalIndex,
  },
];
