/** Volume beyond on-balance volume. */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { IndicatorDeclaration } from "../declaration.ts";
import { exponential, exponentialFromFirst, mean, type Operator } from "../operators/averages.ts";
import { change, delay, runningTotal, total, totalSoFar } from "../operators/windows.ts";
import {
  choice,
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
  VOLUME_UNIT,
  value,
  wholeNumber,
  windowValue,
} from "./declare.ts";

const BAR = ["high", "low", "close", "volume"] as const;
const CLOSE_VOLUME = ["close", "volume"] as const;

/** ((close - low) - (high - close)) / (high - low); 0 where the range is 0. */
export function moneyFlowMultiplier(high: number, low: number, close: number): number {
  return high === low ? 0 : (close - low - (high - close)) / (high - low);
}

/** Exponential average seeded with the first value, as TA-Lib's ADOSC has it. */
function fromFirst(bars: number): Operator {
  const alpha = 2 / (bars + 1);
  let average = Number.NaN;
  return (given) => {
    average = Number.isNaN(average) ? given : alpha * given + (1 - alpha) * average;
    return average;
  };
}

/** Volume is added to an index by percent changes on the days that `counts` picks. */
function volumeIndex(counts: (volume: number, last: number) => boolean): (close: number, volume: number) => number {
  let [index, lastClose, lastVolume] = [1000, Number.NaN, Number.NaN];
  return (close, volume) => {
    if (counts(volume, lastVolume) && lastClose !== 0) index += (index * (close - lastClose)) / lastClose;
    lastClose = close;
    lastVolume = volume;
    return index;
  };
}

/** Volume-weighted mean price of the bars since 00:00 UTC. */
function sessionAverage(): (...bar: number[]) => number {
  let [day, money, volumes] = [Number.NaN, runningTotal(), runningTotal()];
  return (high, low, close, volume, timeMs) => {
    const today = Math.floor(timeMs / DAY_MS);
    if (today !== day) [day, money, volumes] = [today, runningTotal(), runningTotal()];
    const paid = money(((high + low + close) / 3) * volume);
    const traded = volumes(volume);
    return traded > 0 ? paid / traded : Number.NaN;
  };
}

export const VOLUME: readonly IndicatorDeclaration[] = [
  declare(
    {
      name: "ad",
      aliases: ["accumulation_distribution"],
      title: "Accumulation/distribution line",
      parameters: [],
      inputs: BAR,
      outputs: everyBar,
      scale: VOLUME_UNIT,
      formula: "running sum of ((close - low) - (high - close)) / (high - low) × volume; 0 where the range is 0",
      origin: `M. Chaikin; ${TA_LIB} AD`,
    },
    ofBar(() => {
      const sum = runningTotal();
      return (high, low, close, volume) => sum(moneyFlowMultiplier(high, low, close) * volume);
    }),
  ),
  declare(
    {
      name: "adosc",
      aliases: ["chaikin_oscillator"],
      title: "Chaikin oscillator",
      parameters: [
        wholeNumber("fast_period", 3, 2, 1000, "Bars of the fast average"),
        wholeNumber("slow_period", 10, 2, 1000, "Bars of the slow average"),
      ],
      inputs: BAR,
      outputs: value((p) => Math.max(p.fast_period, p.slow_period) - 1),
      scale: VOLUME_UNIT,
      formula: "ema(ad, fast_period) - ema(ad, slow_period), both seeded with the first value of ad",
      origin: `${TA_LIB} ADOSC`,
    },
    ofBar((p) => {
      const [sum, fast, slow] = [runningTotal(), fromFirst(p.fast_period), fromFirst(p.slow_period)];
      const hidden = Math.max(p.fast_period, p.slow_period) - 1;
      let count = 0;
      return (high, low, close, volume) => {
        const line = sum(moneyFlowMultiplier(high, low, close) * volume);
        const difference = fast(line) - slow(line);
        return count++ < hidden ? Number.NaN : difference;
      };
    }),
  ),
  declare(
    {
      name: "cmf",
      aliases: ["chaikin_money_flow"],
      title: "Chaikin money flow",
      parameters: [period(20, 1, 1000)],
      inputs: BAR,
      outputs: windowValue,
      scale: RATIO,
      formula: "sum of the money flow multiplier × volume over the sum of volume; 0 where that is 0",
      origin: "M. Chaikin; TradingView, Chaikin Money Flow",
    },
    ofBar((p) => {
      const [flows, volumes] = [total(p.period), total(p.period)];
      return (high, low, close, volume) => {
        const flow = flows(moneyFlowMultiplier(high, low, close) * volume);
        const traded = volumes(volume);
        return traded === 0 ? 0 : flow / traded;
      };
    }),
  ),
  declare(
    {
      name: "force_index",
      title: "Force index",
      parameters: [period(13, 1, 1000)],
      inputs: CLOSE_VOLUME,
      outputs: lookbackValue,
      scale: { price: 1, volume: 1 },
      formula: "ema of (close - last close) × volume",
      origin: "A. Elder, Trading for a Living (1993), section 42",
    },
    ofBar((p) => {
      const [step, average] = [change(1), exponential(p.period)];
      return (close, volume) => average(step(close) * volume);
    }),
  ),
  declare(
    {
      name: "eom",
      aliases: ["ease_of_movement"],
      title: "Ease of movement",
      parameters: [
        period(14, 1, 1000),
        wholeNumber("divisor", 10_000, 1, 1_000_000_000, "Scale of the volume, an absolute number"),
      ],
      inputs: ["high", "low", "volume"],
      outputs: lookbackValue,
      scale: { price: 2, volume: -1 },
      formula: "sma of (change of the median price) × (high - low) × divisor / volume; 0 where the volume is 0",
      origin: "R. Arms, Volume Cycles in the Stock Market (1983); scale as TradingView's",
    },
    ofBar((p) => {
      const [step, average] = [change(1), mean(p.period)];
      return (high, low, volume) => {
        const moved = step((high + low) / 2);
        return average(volume === 0 ? moved * 0 : (moved * (high - low) * p.divisor) / volume);
      };
    }),
  ),
  declare(
    {
      name: "vwap",
      title: "Volume-weighted average price",
      parameters: [
        wholeNumber("period", 20, 0, 5000, "Number of bars; 0: all bars so far"),
        choice("use_typical_price", 1, [false, true], "(high + low + close) / 3 instead of close"),
      ],
      inputs: BAR,
      outputs: everyBar,
      scale: PRICE,
      formula: "sum of price × volume / sum of volume, over the bars there are while fewer than period",
      origin: "S. Berkowitz, D. Logue and E. Noser, Journal of Finance 43:1 (1988) 97",
      undefinedWhere: "the volumes sum to 0",
    },
    ofBar((p) => {
      const make = () => (p.period === 0 ? runningTotal() : totalSoFar(p.period));
      const [money, volumes] = [make(), make()];
      return (high, low, close, volume) => {
        const price = p.use_typical_price === 1 ? (high + low + close) / 3 : close;
        const paid = money(price * volume);
        const traded = volumes(volume);
        return traded > 0 ? paid / traded : Number.NaN;
      };
    }),
  ),
  declare(
    {
      name: "session_vwap",
      title: "Volume-weighted average price of the day",
      parameters: [],
      inputs: [...BAR, "timeMs"],
      outputs: everyBar,
      scale: PRICE,
      formula: "sum of typical price × volume / sum of volume since the first bar of the UTC day",
      origin: "S. Berkowitz, D. Logue and E. Noser, Journal of Finance 43:1 (1988) 97",
      undefinedWhere: "no volume was traded yet",
    },
    ofBar(sessionAverage),
  ),
  declare(
    {
      name: "volume_ratio",
      title: "Volume over its average",
      parameters: [period(20)],
      inputs: ["volume"],
      takesSource: true,
      outputs: windowValue,
      scale: RATIO,
      formula: "volume / sma(volume); 1 where the average is 0",
      origin: "The ratio itself",
      deviation: "undefined while the average is, where the original shows 1",
    },
    ofValue((p) => {
      const average = mean(p.period);
      return (volume) => {
        const middle = average(volume);
        return middle === 0 ? 1 : volume / middle;
      };
    }),
  ),
  declare(
    {
      name: "pvt",
      aliases: ["price_volume_trend"],
      title: "Price volume trend",
      parameters: [],
      inputs: CLOSE_VOLUME,
      outputs: everyBar,
      scale: VOLUME_UNIT,
      formula: "running sum of volume × change / last close, 0 to begin with; 0 is added where the last close is 0",
      origin: "TradingView, Price Volume Trend",
    },
    ofBar(() => {
      const [sum, past] = [runningTotal(), delay(1)];
      return (close, volume) => {
        const last = past(close);
        return sum(Number.isNaN(last) || last === 0 ? 0 : (volume * (close - last)) / last);
      };
    }),
  ),
  declare(
    {
      name: "nvi",
      aliases: ["negative_volume_index"],
      title: "Negative volume index",
      parameters: [],
      inputs: CLOSE_VOLUME,
      outputs: everyBar,
      scale: RATIO,
      formula: "1000 to begin with; moves by the percent change of close on bars with less volume than the last one",
      origin: "N. Fosback, Stock Market Logic (1976)",
    },
    ofBar(() => volumeIndex((volume, last) => volume < last)),
  ),
  declare(
    {
      name: "pvi",
      aliases: ["positive_volume_index"],
      title: "Positive volume index",
      parameters: [],
      inputs: CLOSE_VOLUME,
      outputs: everyBar,
      scale: RATIO,
      formula: "1000 to begin with; moves by the percent change of close on bars with more volume than the last one",
      origin: "N. Fosback, Stock Market Logic (1976)",
    },
    ofBar(() => volumeIndex((volume, last) => volume > last)),
  ),
  declare(
    {
      name: "pvo",
      aliases: ["percentage_volume_oscillator"],
      title: "Percentage volume oscillator",
      parameters: [
        wholeNumber("fast_period", 12, 1, 1000, "Bars of the fast average"),
        wholeNumber("slow_period", 26, 2, 1000, "Bars of the slow average"),
      ],
      inputs: ["volume"],
      takesSource: true,
      outputs: value((p) => p.slow_period - 1),
      scale: RATIO,
      formula: "100 × (ema(fast) - ema(slow)) / ema(slow) of volume; 0 where the slow one is 0",
      origin: "StockCharts ChartSchool, Percentage Volume Oscillator",
      conflict: (p) =>
        p.fast_period < p.slow_period
          ? null
          : `fast_period (${p.fast_period}) is not below slow_period (${p.slow_period})`,
    },
    stepwise((p) => {
      const [fast, slow] = [exponential(p.fast_period), exponential(p.slow_period)];
      return ([volume], index, [result]) => {
        const base = slow(volume[index]);
        const difference = fast(volume[index]) - base;
        result[index] = base === 0 ? 0 : (100 * difference) / base;
      };
    }),
  ),
  declare(
    {
      name: "cmf_detail",
      title: "Chaikin money flow with its parts",
      parameters: [period(21, 1, 1000)],
      inputs: BAR,
      outputs: [
        output("cmf", "Money flow", (p) => p.period - 1),
        output("mf_multiplier", "Place of the close in the bar, -1 to 1", () => 0),
        output("mf_volume", "Multiplier × volume", () => 0),
        output("momentum", "Money flow less that of 5 bars ago", (p) => p.period + 4),
        output("signal", "Exponential average of 9 of the money flow, from its first value on", (p) => p.period - 1),
        output("histogram", "Money flow less signal", (p) => p.period - 1),
        output("above_zero", "1 where the money flow is above 0", () => 0),
        output("below_zero", "1 where it is below 0", () => 0),
      ],
      scale: [RATIO, RATIO, VOLUME_UNIT, RATIO, RATIO, RATIO, RATIO, RATIO],
      formula: "cmf, and the outputs made from it; above_zero and below_zero are 0 while it is undefined",
      origin: "M. Chaikin; the parts as ktrdr strategies v3 name them",
    },
    stepwise((p) => {
      const [flows, volumes, past, smooth] = [total(p.period), total(p.period), delay(5), exponentialFromFirst(0.2)];
      return ([high, low, close, volume], index, outputs) => {
        const part = moneyFlowMultiplier(high[index], low[index], close[index]);
        const flow = flows(part * volume[index]);
        const traded = volumes(volume[index]);
        const cmf = traded === 0 ? 0 : flow / traded;
        const signal = smooth(cmf);
        const row = [cmf, part, part * volume[index], cmf - past(cmf), signal, cmf - signal, +(cmf > 0), +(cmf < 0)];
        for (let k = 0; k < row.length; k++) outputs[k][index] = row[k];
      };
    }),
  ),
];
