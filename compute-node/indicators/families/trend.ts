/** Direction and strength of trends beyond the classic ADX. */
import type { IndicatorDeclaration, IndicatorParameters } from "../declaration.ts";
import { exponential, mean, type Operator, weighted } from "../operators/averages.ts";
import { delay, highest, lowest, sinceHighest, total } from "../operators/windows.ts";
import { createTrueRange } from "../volatility.ts";
import { CLASSIC_STEPS } from "./classic-steps.ts";
import {
  choice,
  decimal,
  declare,
  lookbackValue,
  ofBar,
  ofValue,
  output,
  PRICE,
  period,
  RATIO,
  stepwise,
  TA_LIB,
  value,
  WILDER,
  wholeNumber,
  windowValue,
} from "./declare.ts";
import { parabolic } from "./parabolic.ts";
import { superTrend } from "./super-trend.ts";

type Bar = (high: number, low: number, close: number) => number;

/** One output of the classic ADX, as a function of the bar. */
function directional(bars: number, pick: (adx: number, plus: number, minus: number) => number): Bar {
  const step = CLASSIC_STEPS.adx({ period: bars });
  const inputs = [new Float64Array(1), new Float64Array(1), new Float64Array(1)];
  const outputs = [new Float64Array(1), new Float64Array(1), new Float64Array(1)];
  return (high, low, close) => {
    inputs[0][0] = high;
    inputs[1][0] = low;
    inputs[2][0] = close;
    for (const result of outputs) result[0] = Number.NaN;
    step(inputs, 0, outputs);
    return pick(outputs[0][0], outputs[1][0], outputs[2][0]);
  };
}

/** Wilder's running sum of directional movement, as TA-Lib's PLUS_DM and MINUS_DM show it. */
function movement(bars: number, isPlus: boolean): (high: number, low: number) => number {
  let [count, lastHigh, lastLow, sum] = [0, 0, 0, 0];
  return (high, low) => {
    const [up, down] = [high - lastHigh, lastLow - low];
    lastHigh = high;
    lastLow = low;
    if (count++ === 0) return Number.NaN;
    const [own, other] = isPlus ? [up, down] : [down, up];
    const moved = own > other && own > 0 ? own : 0;
    sum += count <= bars ? moved : moved - sum / bars;
    return count < bars ? Number.NaN : sum;
  };
}

/** Middle of the highest high and the lowest low. */
function middleOfRange(bars: number): (high: number, low: number) => number {
  const top = highest(bars);
  const bottom = lowest(bars);
  return (high, low) => (top(high) + bottom(low)) / 2;
}

/** Least-squares line through the last values: its value at the newest one, and its slope a bar. */
function line(bars: number): (given: number) => { at: number; slope: number } {
  const plain = mean(bars);
  const rising = weighted(bars);
  const result = { at: Number.NaN, slope: Number.NaN };
  return (given) => {
    const average = plain(given);
    result.slope = (6 * (rising(given) - average)) / (bars - 1);
    result.at = average + (result.slope * (bars - 1)) / 2;
    return result;
  };
}

function aroon(bars: number): (high: number, low: number) => { up: number; down: number } {
  const sinceTop = sinceHighest(bars + 1, "newest");
  const sinceBottom = sinceHighest(bars + 1, "newest");
  const result = { up: Number.NaN, down: Number.NaN };
  return (high, low) => {
    result.up = (100 * (bars - sinceTop(high))) / bars;
    result.down = (100 * (bars - sinceBottom(-low))) / bars;
    return result;
  };
}

function choppiness(bars: number): Bar {
  const rangeOf = createTrueRange();
  const ranges = total(bars);
  const [top, bottom] = [highest(bars), lowest(bars)];
  return (high, low, close) => {
    const path = ranges(rangeOf(high, low, close));
    const width = top(high) - bottom(low);
    return width === 0 && !Number.isNaN(path) ? 100 : (100 * Math.log10(path / width)) / Math.log10(bars);
  };
}

const aroonOutputs = [
  output("up", "100 when the highest high is this bar's", (p) => p.period),
  output("down", "100 when the lowest low is this bar's", (p) => p.period),
  output("oscillator", "Up less down", (p) => p.period),
];
const HIGH_LOW_CLOSE = ["high", "low", "close"] as const;
/** [output, its description, its first index]. */
const ICHIMOKU: readonly (readonly [string, string, (p: IndicatorParameters) => number])[] = [
  ["tenkan", "Conversion line", (p) => p.tenkan_period - 1],
  ["kijun", "Base line", (p) => p.kijun_period - 1],
  ["senkou_a", "Mean of the two", (p) => Math.max(p.tenkan_period, p.kijun_period) - 1],
  ["senkou_b", "Middle of the longest range", (p) => p.senkou_b_period - 1],
  ["chikou", "Close", () => 0],
];

export const TREND: readonly IndicatorDeclaration[] = [
  declare(
    {
      name: "plus_di",
      title: "Plus directional indicator",
      parameters: [period(14, 2, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: lookbackValue,
      scale: RATIO,
      formula: "plus_di of adx",
      origin: `${WILDER}, section IV; ${TA_LIB} PLUS_DI`,
    },
    ofBar((p) => directional(p.period, (_adx, plus) => plus)),
  ),
  declare(
    {
      name: "minus_di",
      title: "Minus directional indicator",
      parameters: [period(14, 2, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: lookbackValue,
      scale: RATIO,
      formula: "minus_di of adx",
      origin: `${WILDER}, section IV; ${TA_LIB} MINUS_DI`,
    },
    ofBar((p) => directional(p.period, (_adx, _plus, minus) => minus)),
  ),
  declare(
    {
      name: "plus_dm",
      title: "Plus directional movement",
      parameters: [period(14, 2, 1000)],
      inputs: ["high", "low"],
      outputs: windowValue,
      scale: PRICE,
      formula: "running sum of upward movement: period - 1 changes first, then sum - sum / period + new",
      origin: `${WILDER}, section IV; ${TA_LIB} PLUS_DM`,
    },
    ofBar((p) => movement(p.period, true)),
  ),
  declare(
    {
      name: "minus_dm",
      title: "Minus directional movement",
      parameters: [period(14, 2, 1000)],
      inputs: ["high", "low"],
      outputs: windowValue,
      scale: PRICE,
      formula: "running sum of downward movement: period - 1 changes first, then sum - sum / period + new",
      origin: `${WILDER}, section IV; ${TA_LIB} MINUS_DM`,
    },
    ofBar((p) => movement(p.period, false)),
  ),
  declare(
    {
      name: "dx",
      aliases: ["directional_movement_index"],
      title: "Directional movement index",
      parameters: [period(14, 2, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: lookbackValue,
      scale: RATIO,
      formula: "100 × |plus_di - minus_di| / (plus_di + minus_di); 0 where both are 0",
      origin: `${WILDER}, section IV; ${TA_LIB} DX`,
    },
    ofBar((p) =>
      directional(p.period, (_adx, plus, minus) =>
        plus + minus === 0 ? 0 : (100 * Math.abs(plus - minus)) / (plus + minus),
      ),
    ),
  ),
  declare(
    {
      name: "adxr",
      aliases: ["average_directional_index_rating"],
      title: "Average directional index rating",
      parameters: [period(14, 2, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: value((p) => 3 * p.period - 2),
      scale: RATIO,
      formula: "mean of adx and of adx period - 1 bars ago",
      origin: `${WILDER}, section IV; ${TA_LIB} ADXR`,
    },
    ofBar((p) => {
      const adx = directional(p.period, (given) => given);
      const past = delay(p.period - 1);
      return (high, low, close) => {
        const now = adx(high, low, close);
        return (now + past(now)) / 2;
      };
    }),
  ),
  declare(
    {
      name: "aroon",
      title: "Aroon",
      parameters: [period(14, 1, 1000)],
      inputs: ["high", "low"],
      outputs: aroonOutputs,
      scale: RATIO,
      formula: "100 × (period - bars since the extreme of the last period + 1 bars) / period; the newest of equal ones",
      origin: `T. Chande, Stocks & Commodities 13:9 (1995); ${TA_LIB} AROON`,
    },
    stepwise((p) => {
      const places = aroon(p.period);
      return ([high, low], index, [up, down, oscillator]) => {
        const place = places(high[index], low[index]);
        up[index] = place.up;
        down[index] = place.down;
        oscillator[index] = place.up - place.down;
      };
    }),
  ),
  declare(
    {
      name: "aroon_osc",
      aliases: ["aroon_oscillator"],
      title: "Aroon oscillator",
      parameters: [period(14, 1, 1000)],
      inputs: ["high", "low"],
      outputs: lookbackValue,
      scale: RATIO,
      formula: "up less down of aroon",
      origin: `${TA_LIB} AROONOSC`,
    },
    ofBar((p) => {
      const places = aroon(p.period);
      return (high, low) => {
        const { up, down } = places(high, low);
        return up - down;
      };
    }),
  ),
  declare(
    {
      name: "sar",
      aliases: ["psar"],
      title: "Parabolic stop and reverse",
      parameters: [
        decimal("acceleration", 0.02, 0.0001, 1, "First factor and its step"),
        decimal("maximum", 0.2, 0.0001, 1, "Largest factor"),
      ],
      inputs: ["high", "low"],
      outputs: value(() => 1),
      scale: PRICE,
      formula:
        "starts at bar 1, down when the downward movement from bar 0 is larger than the upward one, from bar 0's opposite extreme; limited by the extremes of the last two bars",
      origin: `${WILDER}, section II; ${TA_LIB} SAR`,
      conflict: (p) =>
        p.acceleration <= p.maximum ? null : `acceleration (${p.acceleration}) is above maximum (${p.maximum})`,
    },
    ofBar((p) => parabolic(p.acceleration, p.maximum)),
  ),
  declare(
    {
      name: "supertrend",
      title: "SuperTrend",
      parameters: [
        period(10, 1, 1000),
        decimal("multiplier", 3, 0.001, 100, "Average true ranges from the middle to a band"),
        choice("average", 0, ["wilder", "simple"], "How the true range is averaged"),
      ],
      inputs: HIGH_LOW_CLOSE,
      outputs: [
        output("trend", "The band in force", (p) => p.period - (p.average === 1 ? 1 : 0)),
        output("direction", "1 up, -1 down", (p) => p.period - (p.average === 1 ? 1 : 0)),
      ],
      scale: [PRICE, RATIO],
      formula:
        "bands (high + low) / 2 ± multiplier × atr; a band moves against the trend only when the last close was beyond it; the trend turns when close reaches the other band; starts up unless close ≤ lower band. `simple` takes the mean of true ranges whose first is high - low",
      origin: "O. Seban (2009); recursion as in TradingView's ta.supertrend, from the first defined atr on",
      deviation:
        "the recursion starts at the first bar with an average true range; seeded with undefined bands it stays undefined for ever",
    },
    stepwise((p) => {
      const trendOf = superTrend(p.period, p.multiplier, p.average === 1);
      return ([high, low, close], index, [trend, direction]) => {
        const state = trendOf(high[index], low[index], close[index]);
        trend[index] = state.trend;
        direction[index] = state.direction;
      };
    }),
  ),
  declare(
    {
      name: "ichimoku",
      title: "Ichimoku kinko hyo",
      parameters: [
        wholeNumber("tenkan_period", 9, 1, 1000, "Bars of the conversion line"),
        wholeNumber("kijun_period", 26, 1, 1000, "Bars of the base line"),
        wholeNumber("senkou_b_period", 52, 1, 1000, "Bars of leading span B"),
        {
          ...wholeNumber("displacement", 26, 0, 1000, "Bars that a chart shifts the spans by"),
          ignored: "nothing is shifted: the cloud that a chart shows at a bar is senkou_a[displacement]",
        },
      ],
      inputs: HIGH_LOW_CLOSE,
      outputs: ICHIMOKU.map(([name, text, firstIndex]) => output(name, text, firstIndex)),
      scale: PRICE,
      formula:
        "middles of the highest high and the lowest low; senkou_a = (tenkan + kijun) / 2; chikou = close; not displaced, so that no value looks ahead",
      origin: "G. Hosoda, Ichimoku Kinko Hyo (1969); periods as TradingView's",
    },
    stepwise((p) => {
      const [tenkan, kijun, senkou] = [p.tenkan_period, p.kijun_period, p.senkou_b_period].map(middleOfRange);
      return ([high, low, close], index, outputs) => {
        const [h, l] = [high[index], low[index]];
        const [conversion, base] = [tenkan(h, l), kijun(h, l)];
        outputs[0][index] = conversion;
        outputs[1][index] = base;
        outputs[2][index] = (conversion + base) / 2;
        outputs[3][index] = senkou(h, l);
        outputs[4][index] = close[index];
      };
    }),
  ),
  declare(
    {
      name: "vortex",
      title: "Vortex indicator",
      parameters: [period(14, 1, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: [output("plus", "Upward vortex", (p) => p.period), output("minus", "Downward vortex", (p) => p.period)],
      scale: RATIO,
      formula: "sums of |high - last low| and of |low - last high| over the sum of true ranges; 0 where that is 0",
      origin: "E. Botes and D. Siepman, Stocks & Commodities 28:1 (2010)",
    },
    stepwise((p) => {
      const rangeOf = createTrueRange();
      const [lastHigh, lastLow] = [delay(1), delay(1)];
      const [ranges, ups, downs] = [total(p.period), total(p.period), total(p.period)];
      return ([high, low, close], index, [plus, minus]) => {
        const [h, l] = [high[index], low[index]];
        const range = ranges(rangeOf(h, l, close[index]));
        const up = ups(Math.abs(h - lastLow(l)));
        const down = downs(Math.abs(l - lastHigh(h)));
        plus[index] = range === 0 ? 0 : up / range;
        minus[index] = range === 0 ? 0 : down / range;
      };
    }),
  ),
  declare(
    {
      name: "mass_index",
      title: "Mass index",
      parameters: [period(25, 1, 1000), wholeNumber("ema_period", 9, 1, 1000, "Bars of both averages")],
      inputs: ["high", "low"],
      outputs: value((p) => 2 * (p.ema_period - 1) + p.period - 1),
      scale: RATIO,
      formula: "sum of ema(range) / ema(ema(range)) over period bars; 1 where there was no range",
      origin: "D. Dorsey, Stocks & Commodities 10:6 (1992)",
    },
    ofBar((p) => {
      const [first, second, sum] = [exponential(p.ema_period), exponential(p.ema_period), total(p.period)];
      return (high, low) => {
        const once = first(high - low);
        const twice = second(once);
        return sum(twice === 0 ? 1 : once / twice);
      };
    }),
  ),
  declare(
    {
      name: "choppiness",
      aliases: ["choppiness_index", "chop"],
      title: "Choppiness index",
      parameters: [period(14, 2, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: lookbackValue,
      scale: RATIO,
      formula: "100 × log₁₀(sum of true ranges / (highest high - lowest low)) / log₁₀(period); 100 where nothing moved",
      origin: "E. W. Dreiss (1993); TradingView, Choppiness Index",
    },
    ofBar((p) => choppiness(p.period)),
  ),
  declare(
    {
      name: "linreg",
      aliases: ["linear_regression"],
      title: "Linear regression",
      parameters: [period(14, 2)],
      outputs: [
        output("value", "The line at this bar", (p) => p.period - 1),
        output("slope", "Its rise a bar", (p) => p.period - 1),
        output("intercept", "The line at the oldest bar", (p) => p.period - 1),
        output("angle", "Its angle in degrees", (p) => p.period - 1),
      ],
      scale: [PRICE, PRICE, PRICE, null],
      formula: "least squares through the last period values, from their weighted and plain means",
      origin: `${TA_LIB} LINEARREG, LINEARREG_SLOPE, LINEARREG_INTERCEPT, LINEARREG_ANGLE`,
    },
    stepwise((p) => {
      const lineAt = line(p.period);
      return ([values], index, [at, slope, intercept, angle]) => {
        const fitted = lineAt(values[index]);
        at[index] = fitted.at;
        slope[index] = fitted.slope;
        intercept[index] = fitted.at - fitted.slope * (p.period - 1);
        angle[index] = (Math.atan(fitted.slope) * 180) / Math.PI;
      };
    }),
  ),
  declare(
    {
      name: "linreg_value",
      aliases: ["lsma"],
      title: "Linear regression, its value alone",
      parameters: [period(14, 2)],
      outputs: windowValue,
      scale: PRICE,
      formula: "value of linreg",
      origin: `${TA_LIB} LINEARREG`,
    },
    ofValue((p) => lineOperator(p.period, 0)),
  ),
  declare(
    {
      name: "linreg_slope",
      title: "Linear regression, its slope alone",
      parameters: [period(14, 2)],
      outputs: windowValue,
      scale: PRICE,
      formula: "slope of linreg",
      origin: `${TA_LIB} LINEARREG_SLOPE`,
    },
    ofValue((p) => {
      const lineAt = line(p.period);
      return (given) => lineAt(given).slope;
    }),
  ),
  declare(
    {
      name: "tsf",
      aliases: ["time_series_forecast"],
      title: "Time series forecast",
      parameters: [period(14, 2)],
      outputs: windowValue,
      scale: PRICE,
      formula: "value + slope of linreg: where the line stands at the next bar",
      origin: `${TA_LIB} TSF`,
    },
    ofValue((p) => lineOperator(p.period, 1)),
  ),
];

function lineOperator(bars: number, ahead: number): Operator {
  const lineAt = line(bars);
  return (given) => {
    const fitted = lineAt(given);
    return fitted.at + ahead * fitted.slope;
  };
}
