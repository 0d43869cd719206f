/** Statistics of moving windows, and transformations of prices. */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { IndicatorDeclaration } from "../declaration.ts";
import { mean, type Operator } from "../operators/averages.ts";
import { comoments } from "../operators/comoments.ts";
import { delay, deviation, highest, lastValues, lowest } from "../operators/windows.ts";
import {
  decimal,
  declare,
  everyBar,
  lookbackValue,
  ofBar,
  ofValue,
  output,
  PRICE,
  period,
  RATIO,
  stepwise,
  TA_LIB,
  windowValue,
} from "./declare.ts";

const OPEN_HIGH_LOW_CLOSE = ["open", "high", "low", "close"] as const;

/** A price is rounded to 53 bits, so a return is right to some 2⁻⁵² of 1 + return; 2⁻⁵⁰ leaves room. Squared. */
const RETURN_ROUNDING = 2 ** -100;

/** The percent of the last `bars` values before this one that are at or below it. */
function percentRank(bars: number): Operator {
  const window = lastValues(bars + 1);
  return (given) => {
    const values = window(given);
    if (values === null) return Number.NaN;
    let atMost = 0;
    for (let k = 0; k < bars; k++) if (values[k] <= given) atMost++;
    return (100 * atMost) / bars;
  };
}

/** Linear interpolation between the sorted values; an insertion into a sorted window a bar. */
function quantile(bars: number, share: number): Operator {
  const past = delay(bars);
  const sorted: number[] = [];
  const placeOf = (target: number) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle] < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return (given) => {
    if (Number.isNaN(given)) return Number.NaN;
    const leaving = past(given);
    if (!Number.isNaN(leaving)) sorted.splice(placeOf(leaving), 1);
    sorted.splice(placeOf(given), 0, given);
    if (sorted.length < bars) return Number.NaN;
    const place = share * (bars - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, bars - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  };
}

function correlation(bars: number): (x: number, y: number) => number {
  const moments = comoments(bars);
  return (x, y) => {
    const m = moments(x, y);
    if (m === null) return Number.NaN;
    if (m.varianceX === 0 || m.varianceY === 0) return 0;
    return Math.max(-1, Math.min(1, m.covariance / Math.sqrt(m.varianceX * m.varianceY)));
  };
}

/** Slope of the first column's returns on the second's. */
function beta(bars: number): (x: number, y: number) => number {
  const moments = comoments(bars);
  const [lastX, lastY] = [delay(1), delay(1)];
  const returnOf = (now: number, last: number) => (last === 0 ? 0 : (now - last) / last);
  return (x, y) => {
    const market = returnOf(x, lastX(x));
    const m = moments(market, returnOf(y, lastY(y)));
    if (m === null) return Number.NaN;
    return m.varianceX <= RETURN_ROUNDING * (1 + market) ** 2 ? 0 : m.covariance / m.varianceX;
  };
}

function heikinAshi(): (open: number, high: number, low: number, close: number) => number[] {
  let [lastOpen, lastClose] = [Number.NaN, Number.NaN];
  return (open, high, low, close) => {
    const middle = (open + high + low + close) / 4;
    const begin = Number.isNaN(lastOpen) ? (open + close) / 2 : (lastOpen + lastClose) / 2;
    [lastOpen, lastClose] = [begin, middle];
    return [begin, Math.max(high, begin, middle), Math.min(low, begin, middle), middle];
  };
}

const PIVOT_NAMES = ["pivot", "r1", "s1", "r2", "s2", "r3", "s3"] as const;

/** Floor traders' levels of the last UTC day. */
function pivotLevels(high: number, low: number, close: number): number[] {
  const pivot = (high + low + close) / 3;
  const range = high - low;
  return [
    pivot,
    2 * pivot - low,
    2 * pivot - high,
    pivot + range,
    pivot - range,
    high + 2 * (pivot - low),
    low - 2 * (high - pivot),
  ];
}

export const STATISTICS: readonly IndicatorDeclaration[] = [
  declare(
    {
      name: "variance",
      aliases: ["var"],
      title: "Variance",
      parameters: [period(20, 2)],
      outputs: windowValue,
      scale: { price: 2, volume: 0 },
      formula: "population variance (divided by period) of the last period values",
      origin: `${TA_LIB} VAR`,
    },
    ofValue((p) => {
      const spread = deviation(p.period);
      return (given) => spread(given) ** 2;
    }),
  ),
  declare(
    {
      name: "zscore",
      title: "Standard score",
      parameters: [period(20, 2)],
      outputs: windowValue,
      scale: RATIO,
      formula: "(value - mean) / population standard deviation of the last period values; 0 where that is 0",
      origin: "The definition",
    },
    ofValue((p) => {
      const [middle, spread] = [mean(p.period), deviation(p.period)];
      return (given) => {
        const centre = middle(given);
        const width = spread(given);
        return width === 0 ? 0 : (given - centre) / width;
      };
    }),
  ),
  declare(
    {
      name: "percent_rank",
      title: "Percent rank",
      parameters: [period(100, 1, 5000)],
      outputs: lookbackValue,
      scale: RATIO,
      formula: "percent of the period values before this one that are at or below it; period steps a bar",
      origin: "TradingView Pine Script reference, ta.percentrank",
    },
    ofValue((p) => percentRank(p.period)),
  ),
  declare(
    {
      name: "quantile",
      aliases: ["percentile"],
      title: "Rolling quantile",
      parameters: [period(20, 1, 5000), decimal("share", 0.5, 0, 1, "0 lowest, 0.5 median, 1 highest")],
      outputs: windowValue,
      scale: PRICE,
      formula: "quantile of the last period values with linear interpolation; a sorted window is kept",
      origin: "R. Hyndman and Y. Fan, The American Statistician 50 (1996) 361, definition 7",
    },
    ofValue((p) => quantile(p.period, p.share)),
  ),
  declare(
    {
      name: "median",
      title: "Rolling median",
      parameters: [period(20, 1, 5000)],
      outputs: windowValue,
      scale: PRICE,
      formula: "middle of the last period values sorted, the mean of the two middle ones for an even period",
      origin: "The definition",
    },
    ofValue((p) => quantile(p.period, 0.5)),
  ),
  declare(
    {
      name: "correl",
      aliases: ["correlation"],
      title: "Correlation with volume",
      parameters: [period(30, 2)],
      inputs: ["close", "volume"],
      takesSource: true,
      outputs: windowValue,
      scale: RATIO,
      formula: "Pearson's correlation of the source and volume over period bars; 0 where the variance of one is 0",
      origin: `${TA_LIB} CORREL`,
    },
    ofBar((p) => correlation(p.period)),
  ),
  declare(
    {
      name: "beta",
      title: "Beta of low on high",
      parameters: [period(5, 2)],
      inputs: ["high", "low"],
      takesSource: true,
      outputs: lookbackValue,
      scale: RATIO,
      formula:
        "slope of low's returns on the source's, over period returns; 0 where the source's returns differ by no more than the rounding of prices (a deviation of 2⁻⁵⁰ of 1 + return)",
      origin: `${TA_LIB} BETA, with its standard columns`,
    },
    ofBar((p) => beta(p.period)),
  ),
  declare(
    {
      name: "midpoint",
      title: "Midpoint of values",
      parameters: [period(14, 1)],
      outputs: windowValue,
      scale: PRICE,
      formula: "(highest + lowest) / 2 of the last period values",
      origin: `${TA_LIB} MIDPOINT`,
    },
    ofValue((p) => {
      const [top, bottom] = [highest(p.period), lowest(p.period)];
      return (given) => (top(given) + bottom(given)) / 2;
    }),
  ),
  declare(
    {
      name: "midprice",
      title: "Midpoint of the range",
      parameters: [period(14, 1)],
      inputs: ["high", "low"],
      outputs: windowValue,
      scale: PRICE,
      formula: "(highest high + lowest low) / 2 of the last period bars",
      origin: `${TA_LIB} MIDPRICE`,
    },
    ofBar((p) => {
      const [top, bottom] = [highest(p.period), lowest(p.period)];
      return (high, low) => (top(high) + bottom(low)) / 2;
    }),
  ),
  declare(
    {
      name: "returns",
      title: "Returns",
      parameters: [period(1)],
      outputs: lookbackValue,
      scale: RATIO,
      formula: "value / value period bars ago - 1",
      origin: "The definition",
      undefinedWhere: "the past value is 0",
    },
    ofValue((p) => {
      const past = delay(p.period);
      return (given) => {
        const before = past(given);
        return before === 0 ? Number.NaN : given / before - 1;
      };
    }),
  ),
  declare(
    {
      name: "log_returns",
      title: "Log returns",
      parameters: [period(1)],
      outputs: lookbackValue,
      scale: RATIO,
      formula: "ln(value / value period bars ago)",
      origin: "The definition",
      undefinedWhere: "one of the two is 0 or negative",
    },
    ofValue((p) => {
      const past = delay(p.period);
      return (given) => {
        const before = past(given);
        return given > 0 && before > 0 ? Math.log(given / before) : Number.NaN;
      };
    }),
  ),
  declare(
    {
      name: "typical_price",
      aliases: ["typprice", "hlc3"],
      title: "Typical price",
      parameters: [],
      inputs: ["high", "low", "close"],
      outputs: everyBar,
      scale: PRICE,
      formula: "(high + low + close) / 3",
      origin: `${TA_LIB} TYPPRICE`,
    },
    ofBar(() => (high, low, close) => (high + low + close) / 3),
  ),
  declare(
    {
      name: "median_price",
      aliases: ["medprice", "hl2"],
      title: "Median price",
      parameters: [],
      inputs: ["high", "low"],
      outputs: everyBar,
      scale: PRICE,
      formula: "(high + low) / 2",
      origin: `${TA_LIB} MEDPRICE`,
    },
    ofBar(() => (high, low) => (high + low) / 2),
  ),
  declare(
    {
      name: "weighted_close",
      aliases: ["wclprice", "hlcc4"],
      title: "Weighted close",
      parameters: [],
      inputs: ["high", "low", "close"],
      outputs: everyBar,
      scale: PRICE,
      formula: "(high + low + 2 × close) / 4",
      origin: `${TA_LIB} WCLPRICE`,
    },
    ofBar(() => (high, low, close) => (high + low + 2 * close) / 4),
  ),
  declare(
    {
      name: "average_price",
      aliases: ["avgprice", "ohlc4"],
      title: "Average price",
      parameters: [],
      inputs: OPEN_HIGH_LOW_CLOSE,
      outputs: everyBar,
      scale: PRICE,
      formula: "(open + high + low + close) / 4",
      origin: `${TA_LIB} AVGPRICE`,
    },
    ofBar(() => (open, high, low, close) => (open + high + low + close) / 4),
  ),
  declare(
    {
      name: "heikin_ashi",
      title: "Heikin-Ashi bars",
      parameters: [],
      inputs: OPEN_HIGH_LOW_CLOSE,
      outputs: ["open", "high", "low", "close"].map((name) => output(name, `The bar's ${name}`, () => 0)),
      scale: PRICE,
      formula:
        "close = (open + high + low + close) / 4; open = mean of its last open and close, (open + close) / 2 to begin with; high and low include both",
      origin: "D. Valcu, Stocks & Commodities 22:2 (2004)",
    },
    stepwise(() => {
      const next = heikinAshi();
      return ([open, high, low, close], index, outputs) => {
        const bar = next(open[index], high[index], low[index], close[index]);
        for (let k = 0; k < 4; k++) outputs[k][index] = bar[k];
      };
    }),
  ),
  declare(
    {
      name: "pivot_points",
      aliases: ["pivots"],
      title: "Pivot points of the last day",
      parameters: [],
      inputs: ["high", "low", "close", "timeMs"],
      outputs: PIVOT_NAMES.map((name) => output(name, name === "pivot" ? "(high + low + close) / 3" : name, () => 0)),
      scale: PRICE,
      formula:
        "p = (high + low + close) / 3 of the last UTC day with bars; r1 = 2p - low, s1 = 2p - high, r2 = p + range, s2 = p - range, r3 = high + 2 (p - low), s3 = low - 2 (high - p)",
      origin: "J. Person, A Complete Guide to Technical Trading Tactics (2004), chapter 6",
      undefinedWhere: "no day is over yet",
    },
    stepwise(() => {
      const none = PIVOT_NAMES.map(() => Number.NaN);
      let levels = none;
      let [day, top, bottom, last] = [Number.NaN, 0, 0, 0];
      return ([high, low, close, timeMs], index, outputs) => {
        const today = Math.floor(timeMs[index] / DAY_MS);
        const isNew = today !== day;
        if (isNew && !Number.isNaN(day)) levels = pivotLevels(top, bottom, last);
        top = isNew ? high[index] : Math.max(top, high[index]);
        bottom = isNew ? low[index] : Math.min(bottom, low[index]);
        [day, last] = [today, close[index]];
        for (let k = 0; k < levels.length; k++) outputs[k][index] = levels[k];
      };
    }),
  ),
  declare(
    {
      name: "zigzag",
      title: "Zigzag, the extremes that are certain",
      parameters: [
        decimal("threshold", 0.05, 0.000001, 0.999999, "Reversal that confirms an extreme, as a fraction of it"),
      ],
      outputs: [
        output("value", "The last confirmed extreme", () => 0),
        output("direction", "1 after a confirmed low, -1 after a confirmed high", () => 0),
      ],
      scale: [PRICE, RATIO],
      formula:
        "the value, from the bar on that confirms it by a reversal of threshold: no mark is moved afterwards, so that nothing looks ahead",
      origin: "A. Merrill, Filtered Waves (1977)",
      undefinedWhere: "nothing is confirmed yet",
      deviation:
        "the original marks the extreme itself, on a bar at which it cannot be known, and moves marks later; here the value is known when it is shown",
    },
    stepwise((p) => zigzag(p.threshold)),
  ),
];

function zigzag(threshold: number): ReturnType<IndicatorDeclaration["begin"]> {
  let [confirmed, direction] = [Number.NaN, Number.NaN];
  let [highestSince, lowestSince] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return ([values], index, [result, way]) => {
    const given = values[index];
    highestSince = Math.max(highestSince, given);
    lowestSince = Math.min(lowestSince, given);
    const fell = direction !== -1 && given <= highestSince * (1 - threshold);
    const rose = direction !== 1 && given >= lowestSince * (1 + threshold);
    if (fell) [confirmed, direction] = [highestSince, -1];
    else if (rose) [confirmed, direction] = [lowestSince, 1];
    if (fell || rose) [highestSince, lowestSince] = [given, given];
    result[index] = confirmed;
    way[index] = direction;
  };
}
