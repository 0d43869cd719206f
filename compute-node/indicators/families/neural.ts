/**
 * The indicators that fuzzy-neural strategies (v3) mean by names that `CLASSIC` uses for TA-Lib's arithmetic: other
 * seeds, other warm-ups, other outputs. Models were trained on these values. Everything else is the same for both.
 */
import type { IndicatorDeclaration } from "../declaration.ts";
import { exponentialAdjusted, exponentialFromFirst, mean, wilder } from "../operators/averages.ts";
import { delay, deviation, highest, lowest, meanSoFar, runningTotal, sinceHighest } from "../operators/windows.ts";
import { createTrueRange } from "../volatility.ts";
import { percentChange } from "./classic-steps.ts";
import {
  choice,
  decimal,
  declare,
  everyBar,
  ofBar,
  ofValue,
  output,
  PRICE,
  period,
  RATIO,
  stepwise,
  VOLUME_UNIT,
  value,
  wholeNumber,
  windowValue,
} from "./declare.ts";
import {
  convergence,
  directionalIndex,
  exponentialAverage,
  meanTrueRange,
  placeWithinRange,
  sampleBands,
  sampleBandWidth,
} from "./neural-kernels.ts";
import { TREND } from "./trend.ts";
import { moneyFlowMultiplier, VOLUME } from "./volume.ts";

const KTRDR = "ktrdr (Python) 2c5c717, ktrdr/indicators";
const HIGH_LOW_CLOSE = ["high", "low", "close"] as const;
const HIGH_LOW_CLOSE_VOLUME = ["high", "low", "close", "volume"] as const;

function bands(bars: number, multiplier: number): (given: number) => { middle: number; reach: number } {
  const [middleOf, spreadOf] = [mean(bars), deviation(bars)];
  const sample = multiplier * Math.sqrt(bars / (bars - 1));
  const result = { middle: Number.NaN, reach: Number.NaN };
  return (given) => {
    result.middle = middleOf(given);
    result.reach = sample * spreadOf(given);
    return result;
  };
}

/** Mean of true ranges whose first is high - low, or Wilder's average without the first bar. */
function averageRange(bars: number, isWilder: boolean): (high: number, low: number, close: number) => number {
  const rangeOf = createTrueRange(!isWilder);
  const average = isWilder ? wilder(bars) : mean(bars);
  return (high, low, close) => average(rangeOf(high, low, close));
}

const bandParameters = [
  period(20, 2),
  decimal("multiplier", 2, 0.0001, 100, "Sample standard deviations from the middle to a band"),
];

/** A declaration of the main table under the name and with the standard values that v3 files have. */
function renamed(
  table: readonly IndicatorDeclaration[],
  name: string,
  changes: Partial<IndicatorDeclaration>,
): IndicatorDeclaration {
  const declaration = table.find((candidate) => candidate.name === name);
  if (declaration === undefined) throw new Error(`there is no indicator ${name}`);
  return { ...declaration, ...changes };
}

const superTrend = renamed(TREND, "supertrend", {});

export const NEURAL_INDICATORS: readonly IndicatorDeclaration[] = [
  declare(
    {
      name: "ema",
      aliases: ["exponential_moving_average"],
      title: "Exponential moving average",
      parameters: [period(20), choice("adjust", 1, [false, true], "Weights that sum to one over the values there are")],
      outputs: everyBar,
      scale: PRICE,
      formula: "pandas' ewm(span=period, adjust=adjust).mean(): a value from bar 0 on",
      origin: KTRDR,
      deviation: "without the multiplication of one particular series that the original's adjust=false has",
    },
    ofValue((p) => {
      const alpha = 2 / (p.period + 1);
      return p.adjust === 1 ? exponentialAdjusted(alpha) : exponentialFromFirst(alpha);
    }),
    exponentialAverage,
  ),
  declare(
    {
      name: "macd",
      title: "Moving average convergence / divergence",
      parameters: [
        wholeNumber("fast_period", 12, 1, 1000, "Span of the fast average"),
        wholeNumber("slow_period", 26, 1, 1000, "Span of the slow average"),
        wholeNumber("signal_period", 9, 1, 1000, "Span of the signal's average"),
      ],
      outputs: [
        output("line", "Fast average less slow average", () => 0),
        output("signal", "Exponential average of the line", () => 0),
        output("histogram", "Line less signal", () => 0),
      ],
      scale: PRICE,
      formula: "all three averages are pandas' ewm(adjust=False): values from bar 0 on",
      origin: KTRDR,
    },
    stepwise((p) => {
      const spans = [p.fast_period, p.slow_period, p.signal_period];
      const [fast, slow, smooth] = spans.map((span) => exponentialFromFirst(2 / (span + 1)));
      return ([values], index, [line, signal, histogram]) => {
        line[index] = fast(values[index]) - slow(values[index]);
        signal[index] = smooth(line[index]);
        histogram[index] = line[index] - signal[index];
      };
    }),
    convergence,
  ),
  declare(
    {
      name: "bollinger_bands",
      aliases: ["bbands"],
      title: "Bollinger bands",
      parameters: bandParameters,
      outputs: [
        output("upper", "Middle + multiplier × deviation", (p) => p.period - 1),
        output("middle", "Simple moving average", (p) => p.period - 1),
        output("lower", "Middle - multiplier × deviation", (p) => p.period - 1),
      ],
      scale: PRICE,
      formula: "sma(period) ± multiplier × sample standard deviation (divided by period - 1)",
      origin: KTRDR,
    },
    stepwise((p) => {
      const next = bands(p.period, p.multiplier);
      return ([values], index, [upper, middle, lower]) => {
        const band = next(values[index]);
        upper[index] = band.middle + band.reach;
        middle[index] = band.middle;
        lower[index] = band.middle - band.reach;
      };
    }),
    sampleBands,
  ),
  declare(
    {
      name: "bollinger_band_width",
      aliases: ["bandwidth"],
      title: "Width of the Bollinger bands",
      parameters: bandParameters,
      outputs: windowValue,
      scale: RATIO,
      formula: "(upper - lower) / middle, with the sample deviation; 0 where the middle is 0",
      origin: KTRDR,
      deviation: "undefined while the middle is, where the original shows 0",
    },
    ofValue((p) => {
      const next = bands(p.period, p.multiplier);
      return (given) => {
        const { middle, reach } = next(given);
        return middle === 0 ? 0 : (2 * reach) / middle;
      };
    }),
    sampleBandWidth,
  ),
  declare(
    {
      name: "atr",
      aliases: ["average_true_range"],
      title: "Average true range",
      parameters: [period(14, 1, 1000), choice("average", 0, ["simple", "wilder"], "How the true range is averaged")],
      inputs: HIGH_LOW_CLOSE,
      outputs: [output("value", "The value", (p) => p.period - (p.average === 1 ? 0 : 1))],
      scale: PRICE,
      formula: "plain mean of the last period true ranges, the first of which is high - low; or Wilder's average",
      origin: KTRDR,
    },
    ofBar((p) => averageRange(p.period, p.average === 1)),
    meanTrueRange,
  ),
  declare(
    {
      name: "adx",
      aliases: ["average_directional_index"],
      title: "Average directional index",
      parameters: [period(14, 2, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: [
        output("adx", "Strength of the trend, 0 to 100", () => 0),
        output("plus_di", "Upward direction, 0 to 100", () => 0),
        output("minus_di", "Downward direction, 0 to 100", () => 0),
      ],
      scale: RATIO,
      formula:
        "true range, movements and dx are averaged with alpha 1 / period from their first value on; early values have little behind them",
      origin: KTRDR,
    },
    stepwise((p) => {
      const rangeOf = createTrueRange(true);
      const [range, plus, minus, strength] = Array.from({ length: 4 }, () => exponentialFromFirst(1 / p.period));
      let [lastHigh, lastLow] = [Number.NaN, Number.NaN];
      return ([high, low, close], index, [adx, plusIndicator, minusIndicator]) => {
        const [up, down] = [high[index] - lastHigh, lastLow - low[index]];
        [lastHigh, lastLow] = [high[index], low[index]];
        const width = range(rangeOf(high[index], low[index], close[index]));
        const above = plus(up > down && up > 0 ? up : 0);
        const below = minus(down > up && down > 0 ? down : 0);
        plusIndicator[index] = width === 0 ? 0 : (100 * above) / width;
        minusIndicator[index] = width === 0 ? 0 : (100 * below) / width;
        const sum = plusIndicator[index] + minusIndicator[index];
        adx[index] = strength(sum === 0 ? 0 : (100 * Math.abs(plusIndicator[index] - minusIndicator[index])) / sum);
      };
    }),
    directionalIndex,
  ),
  declare(
    {
      name: "stochastic",
      aliases: ["stoch"],
      title: "Stochastic oscillator",
      parameters: [
        wholeNumber("k_period", 14, 1, 1000, "Bars of the range"),
        wholeNumber("d_period", 3, 1, 1000, "Bars of the average d of k"),
        wholeNumber("smooth_k", 3, 1, 1000, "Bars of the average k of the raw value"),
      ],
      inputs: HIGH_LOW_CLOSE,
      outputs: [output("k", "Average of the raw value", () => 0), output("d", "Average of k", () => 0)],
      scale: RATIO,
      formula:
        "raw = 100 × (close - lowest low) / (highest high - lowest low), 50 while there is no range; averages over the values there are",
      origin: KTRDR,
    },
    stepwise((p) => {
      const [top, bottom] = [highest(p.k_period), lowest(p.k_period)];
      const [smooth, signal] = [meanSoFar(p.smooth_k), meanSoFar(p.d_period)];
      return ([high, low, close], index, [k, d]) => {
        const least = bottom(low[index]);
        const range = top(high[index]) - least;
        k[index] = smooth(range > 0 ? (100 * (close[index] - least)) / range : 50);
        d[index] = signal(k[index]);
      };
    }),
    placeWithinRange,
  ),
  declare(
    {
      name: "obv",
      aliases: ["on_balance_volume"],
      title: "On-balance volume",
      parameters: [],
      inputs: ["close", "volume"],
      outputs: everyBar,
      scale: VOLUME_UNIT,
      formula: "0 to begin with; volume is added on a higher close, subtracted on a lower one",
      origin: KTRDR,
    },
    ofBar(() => {
      const sum = runningTotal();
      let last = Number.NaN;
      return (close, volume) => {
        const signed = close > last ? volume : close < last ? -volume : 0;
        last = close;
        return sum(signed);
      };
    }),
  ),
  renamed(VOLUME, "cmf_detail", { name: "cmf", aliases: ["chaikin_money_flow"], origin: KTRDR }),
  declare(
    {
      name: "ad_line",
      title: "Accumulation/distribution line with its parts",
      parameters: [
        {
          ...choice("use_sma_smoothing", 0, [false, true], "Asks for an average"),
          ignored: "the original fails when it is true",
        },
        {
          ...wholeNumber("smoothing_period", 21, 2, 1000, "Bars of that average"),
          ignored: "it belongs to use_sma_smoothing",
        },
      ],
      inputs: HIGH_LOW_CLOSE_VOLUME,
      outputs: [
        output("line", "Running sum of mf_volume", () => 0),
        output("mf_multiplier", "Place of the close in the bar, -1 to 1", () => 0),
        output("mf_volume", "Multiplier × volume", () => 0),
        output("roc_10", "Percent change of the line in 10 bars", () => 10),
        output("momentum_21", "Line less that of 21 bars ago", () => 21),
        output("relative_strength", "Percent from its mean of up to 50 bars, at least 20", () => 19),
      ],
      scale: [VOLUME_UNIT, RATIO, VOLUME_UNIT, RATIO, VOLUME_UNIT, RATIO],
      formula: "((close - low) - (high - close)) / (high - low), 0 without a range, × volume, summed",
      origin: KTRDR,
      undefinedWhere: "the line that it is divided by is 0",
    },
    stepwise(() => {
      const [sum, changed, past, average] = [runningTotal(), percentChange(10), delay(21), meanSoFar(50)];
      let count = 0;
      return ([high, low, close, volume], index, outputs) => {
        const part = moneyFlowMultiplier(high[index], low[index], close[index]);
        const line = sum(part * volume[index]);
        const middle = average(line);
        const strength = count++ < 19 || middle === 0 ? Number.NaN : 100 * (line / middle - 1);
        const row = [line, part, part * volume[index], changed(line), line - past(line), strength];
        for (let k = 0; k < row.length; k++) outputs[k][index] = row[k];
      };
    }),
  ),
  declare(
    {
      name: "keltner_channels",
      aliases: ["keltner"],
      title: "Keltner channels",
      parameters: [
        period(20),
        wholeNumber("atr_period", 10, 1, 1000, "Bars of the mean true range"),
        decimal("multiplier", 2, 0.0001, 100, "Mean true ranges from the middle to a band"),
      ],
      inputs: HIGH_LOW_CLOSE,
      outputs: [
        output("upper", "Middle + multiplier × range", (p) => p.atr_period - 1),
        output("middle", "Exponential average of close", () => 0),
        output("lower", "Middle - multiplier × range", (p) => p.atr_period - 1),
      ],
      scale: PRICE,
      formula: "pandas' ewm(span=period, adjust=False) of close ± multiplier × plain mean of true ranges",
      origin: KTRDR,
    },
    stepwise((p) => {
      const [average, range] = [exponentialFromFirst(2 / (p.period + 1)), averageRange(p.atr_period, false)];
      return ([high, low, close], index, [upper, middle, lower]) => {
        const reach = p.multiplier * range(high[index], low[index], close[index]);
        middle[index] = average(close[index]);
        upper[index] = middle[index] + reach;
        lower[index] = middle[index] - reach;
      };
    }),
  ),
  {
    ...superTrend,
    parameters: superTrend.parameters.map((p) => (p.name === "average" ? { ...p, default: 1 } : p)),
  },
  declare(
    {
      name: "parabolic_sar",
      aliases: ["psar", "sar"],
      title: "Parabolic stop and reverse",
      parameters: [
        decimal("initial_af", 0.02, 0.0001, 1, "First factor"),
        decimal("step_af", 0.02, 0.0001, 1, "Its step"),
        decimal("max_af", 0.2, 0.0001, 1, "Largest factor"),
      ],
      inputs: HIGH_LOW_CLOSE,
      outputs: value(() => 1),
      scale: PRICE,
      formula:
        "starts at bar 1, up when close rose, from bar 0's opposite extreme; the stop moves by factor × (extreme - stop) and is limited by the extremes of the last two bars; it turns to the extreme where the price reaches it",
      origin: KTRDR,
    },
    ofBar((p) => closeParabolic(p.initial_af, p.step_af, p.max_af)),
  ),
  declare(
    {
      name: "aroon",
      title: "Aroon",
      parameters: [
        period(14, 1, 1000),
        {
          ...choice("include_oscillator", 0, [false, true], "Asks for the oscillator"),
          ignored: "the oscillator is always there",
        },
      ],
      inputs: ["high", "low"],
      outputs: [
        output("up", "100 when the highest high is this bar's", (p) => p.period - 1),
        output("down", "100 when the lowest low is this bar's", (p) => p.period - 1),
        output("oscillator", "Up less down", (p) => p.period - 1),
      ],
      scale: RATIO,
      formula: "100 × (period - bars since the extreme of the last period bars) / period; the oldest of equal ones",
      origin: KTRDR,
    },
    stepwise((p) => {
      const [sinceTop, sinceBottom] = [sinceHighest(p.period, "oldest"), sinceHighest(p.period, "oldest")];
      return ([high, low], index, [up, down, oscillator]) => {
        up[index] = (100 * (p.period - sinceTop(high[index]))) / p.period;
        down[index] = (100 * (p.period - sinceBottom(-low[index]))) / p.period;
        oscillator[index] = up[index] - down[index];
      };
    }),
  ),
];

/** Wilder's stop with v3's start: by the close of bar 1. */
function closeParabolic(
  first: number,
  step: number,
  maximum: number,
): (high: number, low: number, close: number) => number {
  let [count, stop, extreme, factor] = [0, Number.NaN, 0, first];
  let isLong = true;
  let last = { high: 0, low: 0, close: 0 };
  let before = last;
  const remember = (high: number, low: number, close: number) => {
    before = last;
    last = { high, low, close };
  };
  const advance = (high: number, low: number): void => {
    stop += factor * (extreme - stop);
    if (isLong ? low <= stop : high >= stop) {
      isLong = !isLong;
      [stop, extreme, factor] = [extreme, isLong ? high : low, first];
      return;
    }
    stop = isLong ? Math.min(stop, last.low, before.low) : Math.max(stop, last.high, before.high);
    if (isLong ? high > extreme : low < extreme) {
      extreme = isLong ? high : low;
      factor = Math.min(factor + step, maximum);
    }
  };
  return (high, low, close) => {
    const bar = count++;
    if (bar === 1) {
      isLong = close > last.close;
      stop = isLong ? last.low : last.high;
      extreme = isLong ? high : low;
    } else if (bar > 1) advance(high, low);
    remember(high, low, close);
    return stop;
  };
}
