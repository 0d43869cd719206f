/** Moving averages beyond the classic three. */
import type { IndicatorDeclaration, IndicatorParameters } from "../declaration.ts";
import {
  convolved,
  exponential,
  exponentialAdjusted,
  mean,
  type Operator,
  triangular,
  warmed,
  weighted,
  wilder,
} from "../operators/averages.ts";
import { delay, total } from "../operators/windows.ts";
import { rollingMean } from "../rolling-mean.ts";
import {
  choice,
  decimal,
  declare,
  ofBar,
  ofValue,
  PRICE,
  period,
  RATIO,
  TA_LIB,
  value,
  wholeNumber,
  windowValue,
} from "./declare.ts";
import { exponentialAverage } from "./neural-kernels.ts";

/** `count` exponential averages of each other; `combine` gets them, innermost first. */
function nested(bars: number, count: number, combine: (averages: readonly number[]) => number): Operator {
  const operators = Array.from({ length: count }, () => exponential(bars));
  const averages = new Array<number>(count).fill(Number.NaN);
  return (given) => {
    let current = given;
    for (let k = 0; k < count; k++) {
      current = operators[k](current);
      averages[k] = current;
    }
    return combine(averages);
  };
}

/** Tillson's coefficients for the sixth to the third of six nested averages. */
function tillson(factor: number): (averages: readonly number[]) => number {
  const square = factor * factor;
  const sixth = -(square * factor);
  const fifth = 3 * (square - sixth);
  const fourth = -6 * square - 3 * (factor - sixth);
  const third = 1 + 3 * factor - sixth + 3 * square;
  return (a) => sixth * a[5] + fifth * a[4] + fourth * a[3] + third * a[2];
}

function kaufman(bars: number, fast: number, slow: number): Operator {
  const past = delay(bars);
  const step = delay(1);
  const pathOf = total(bars);
  const slowest = 2 / (slow + 1);
  const spread = 2 / (fast + 1) - slowest;
  let last = Number.NaN;
  let before = Number.NaN;
  return (given) => {
    const path = pathOf(Math.abs(given - step(given)));
    const move = Math.abs(given - past(given));
    if (Number.isNaN(path)) {
      before = given;
      return Number.NaN;
    }
    if (Number.isNaN(last)) last = before;
    const efficiency = path <= move ? 1 : move / path;
    const smoothing = efficiency * spread + slowest;
    last += smoothing * smoothing * (given - last);
    return last;
  };
}

function hull(bars: number): Operator {
  const half = weighted(Math.max(1, Math.floor(bars / 2)));
  const whole = weighted(bars);
  const outer = weighted(Math.floor(Math.sqrt(bars)));
  return (given) => outer(2 * half(given) - whole(given));
}

function zeroLag(bars: number): Operator {
  const past = delay(Math.floor((bars - 1) / 2));
  const average = exponential(bars);
  return (given) => average(2 * given - past(given));
}

/** Oldest first. */
function gaussianWeights(bars: number, offset: number, sigma: number): Float64Array {
  const centre = offset * (bars - 1);
  const width = bars / sigma;
  return Float64Array.from({ length: bars }, (_, k) => Math.exp(-((k - centre) ** 2) / (2 * width * width)));
}

function volumeWeighted(bars: number): (value: number, volume: number) => number {
  const money = total(bars);
  const volumes = total(bars);
  return (given, volume) => {
    const sum = money(given * volume);
    const weight = volumes(volume);
    return weight > 0 ? sum / weight : Number.NaN;
  };
}

export const AVERAGES: readonly IndicatorDeclaration[] = [
  declare(
    {
      name: "dema",
      aliases: ["double_exponential_moving_average"],
      title: "Double exponential moving average",
      parameters: [period(20)],
      outputs: value((p) => 2 * (p.period - 1)),
      scale: PRICE,
      formula: "2 × ema - ema of ema",
      origin: `P. Mulloy, Stocks & Commodities 12:1 (1994); ${TA_LIB} DEMA`,
    },
    ofValue((p) => nested(p.period, 2, (a) => 2 * a[0] - a[1])),
  ),
  declare(
    {
      name: "tema",
      aliases: ["triple_exponential_moving_average"],
      title: "Triple exponential moving average",
      parameters: [period(20)],
      outputs: value((p) => 3 * (p.period - 1)),
      scale: PRICE,
      formula: "3 × ema - 3 × ema of ema + ema of ema of ema",
      origin: `P. Mulloy, Stocks & Commodities 12:1 (1994); ${TA_LIB} TEMA`,
    },
    ofValue((p) => nested(p.period, 3, (a) => 3 * a[0] - 3 * a[1] + a[2])),
  ),
  declare(
    {
      name: "t3",
      aliases: ["tillson_t3"],
      title: "Tillson's T3",
      parameters: [period(5, 2), decimal("volume_factor", 0.7, 0, 1, "How much of the lag is taken back")],
      outputs: value((p) => 6 * (p.period - 1)),
      scale: PRICE,
      formula: "-v³ × e6 + (3v² + 3v³) × e5 - (6v² + 3v + 3v³) × e4 + (1 + 3v + v³ + 3v²) × e3, e1 to e6 nested emas",
      origin: `T. Tillson, Stocks & Commodities 16:1 (1998); ${TA_LIB} T3`,
    },
    ofValue((p) => nested(p.period, 6, tillson(p.volume_factor))),
  ),
  declare(
    {
      name: "kama",
      aliases: ["kaufman_adaptive_moving_average"],
      title: "Kaufman's adaptive moving average",
      parameters: [
        period(10, 2),
        wholeNumber("fast_period", 2, 1, 1000, "Bars of the average when the price goes straight"),
        wholeNumber("slow_period", 30, 1, 1000, "Bars of the average when it goes nowhere"),
      ],
      outputs: value((p) => p.period),
      scale: PRICE,
      formula:
        "last + s² × (value - last); s = e × (2/(fast+1) - 2/(slow+1)) + 2/(slow+1), e = |change over period| / sum of |changes|, 1 where nothing moved; begins with the value before",
      origin: `P. Kaufman, Smarter Trading (1995); ${TA_LIB} KAMA`,
      conflict: (p) =>
        p.fast_period < p.slow_period
          ? null
          : `fast_period (${p.fast_period}) is not below slow_period (${p.slow_period})`,
    },
    ofValue((p) => kaufman(p.period, p.fast_period, p.slow_period)),
  ),
  declare(
    {
      name: "hma",
      aliases: ["hull_moving_average"],
      title: "Hull moving average",
      parameters: [period(20, 2)],
      outputs: value((p) => p.period - 1 + Math.floor(Math.sqrt(p.period)) - 1),
      scale: PRICE,
      formula: "wma(2 × wma(period / 2) - wma(period), √period), both rounded down",
      origin: "A. Hull (2005), alanhull.com/hull-moving-average; rounding as in TradingView's ta.hma",
    },
    ofValue((p) => hull(p.period)),
  ),
  declare(
    {
      name: "trima",
      aliases: ["triangular_moving_average"],
      title: "Triangular moving average",
      parameters: [period(20)],
      outputs: windowValue,
      scale: PRICE,
      formula: "sma of sma, whose windows together span period values",
      origin: `${TA_LIB} TRIMA`,
    },
    ofValue((p) => triangular(p.period)),
  ),
  declare(
    {
      name: "vwma",
      aliases: ["volume_weighted_moving_average"],
      title: "Volume-weighted moving average",
      parameters: [period(20)],
      inputs: ["close", "volume"],
      takesSource: true,
      outputs: windowValue,
      scale: PRICE,
      formula: "sum of value × volume / sum of volume over period bars",
      origin: "TradingView Pine Script reference, ta.vwma",
      undefinedWhere: "the volumes of the window sum to 0",
    },
    ofBar((p) => volumeWeighted(p.period)),
  ),
  declare(
    {
      name: "zlema",
      aliases: ["zero_lag_exponential_moving_average"],
      title: "Zero-lag exponential moving average",
      parameters: [period(20)],
      outputs: value((p) => Math.floor((p.period - 1) / 2) + p.period - 1),
      scale: PRICE,
      formula: "ema of (2 × value - value (period - 1) / 2 bars ago)",
      origin: "J. Ehlers and R. Way, Zero Lag (Well, Almost), Stocks & Commodities 28:11 (2010), first form",
    },
    ofValue((p) => zeroLag(p.period)),
  ),
  declare(
    {
      name: "alma",
      aliases: ["arnaud_legoux_moving_average"],
      title: "Arnaud Legoux moving average",
      parameters: [
        period(9, 1, 1000),
        decimal("offset", 0.85, 0, 1, "Where the weights are highest: 0 oldest, 1 newest"),
        decimal("sigma", 6, 0.1, 100, "Width: period / sigma is the deviation"),
      ],
      outputs: windowValue,
      scale: PRICE,
      formula: "weights exp(-(k - offset × (period - 1))² / (2 × (period / sigma)²)), k = 0 oldest; period steps a bar",
      origin: "A. Legoux and D. Kouzis-Loukas (2009); TradingView Pine Script reference, ta.alma",
    },
    ofValue((p) => convolved(gaussianWeights(p.period, p.offset, p.sigma))),
  ),
  declare(
    {
      name: "smma",
      aliases: ["rma", "wilders_moving_average"],
      title: "Smoothed (Wilder's) moving average",
      parameters: [period(14)],
      outputs: windowValue,
      scale: PRICE,
      formula: "mean of the first period values, then (last × (period - 1) + value) / period",
      origin: "J. Welles Wilder, New Concepts in Technical Trading Systems (1978)",
    },
    ofValue((p) => wilder(p.period)),
  ),
  declare(
    {
      name: "swma",
      aliases: ["sine_weighted_moving_average"],
      title: "Sine-weighted moving average",
      parameters: [period(14, 1, 1000)],
      outputs: windowValue,
      scale: PRICE,
      formula: "weights sin(π × k / (period + 1)), k = 1 to period; period steps a bar",
      origin: "P. Kaufman, Trading Systems and Methods, 5th edition (2013), chapter 7",
    },
    ofValue((p) =>
      convolved(Float64Array.from({ length: p.period }, (_, k) => Math.sin((Math.PI * (k + 1)) / (p.period + 1)))),
    ),
  ),
  declare(
    {
      name: "distance_from_ma",
      title: "Distance from a moving average, percent",
      parameters: [period(20), choice("ma_type", 0, ["SMA", "EMA"], "Which average")],
      outputs: windowValue,
      scale: RATIO,
      formula:
        "100 × (value - average) / average; 0 where the average is 0; the EMA's weights sum to one from the first value on",
      origin: "The ratio itself; EMA as pandas' ewm(span=period, adjust=True)",
    },
    ofValue((p) => {
      const average = p.ma_type === 0 ? mean(p.period) : warmed(p.period, exponentialAdjusted(2 / (p.period + 1)));
      return (given) => {
        const middle = average(given);
        return middle === 0 ? 0 : (100 * (given - middle)) / middle;
      };
    }),
    ([values], p, outputs) => distance(values, p, outputs[0]),
  ),
];

function distance(values: Float64Array, parameters: IndicatorParameters, output: Float64Array): void {
  const { period: bars } = parameters;
  if (parameters.ma_type === 0) rollingMean(values, bars, output);
  else exponentialAverage([values], { period: bars, adjust: 1 }, [output]);
  output.fill(Number.NaN, 0, bars - 1);
  for (let index = bars - 1; index < values.length; index++) {
    const middle = output[index];
    output[index] = middle === 0 ? 0 : (100 * (values[index] - middle)) / middle;
  }
}
