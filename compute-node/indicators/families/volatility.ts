/** Width, range and bands beyond the classic ones. */
import type { IndicatorDeclaration } from "../declaration.ts";
import { exponential, exponentialFromFirst, mean, wilder } from "../operators/averages.ts";
import { delay, deviation, highest, lowest } from "../operators/windows.ts";
import { createTrueRange } from "../volatility.ts";
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
  wholeNumber,
  windowValue,
} from "./declare.ts";

const HIGH_LOW_CLOSE = ["high", "low", "close"] as const;
const multiplier = (standard: number, what: string) => decimal("multiplier", standard, 0.001, 100, what);
const bandPeriod = [period(20, 2), multiplier(2, "Standard deviations from the middle to a band")];

/** Wilder's average of true ranges as an operator over bars. */
function averageRange(bars: number): (high: number, low: number, close: number) => number {
  const rangeOf = createTrueRange();
  const average = wilder(bars);
  return (high, low, close) => average(rangeOf(high, low, close));
}

export const VOLATILITY: readonly IndicatorDeclaration[] = [
  declare(
    {
      name: "natr",
      aliases: ["normalized_average_true_range"],
      title: "Average true range, percent of close",
      parameters: [period(14, 1, 1000)],
      inputs: HIGH_LOW_CLOSE,
      outputs: lookbackValue,
      scale: RATIO,
      formula: "100 × atr / close; 0 where close is 0",
      origin: `${TA_LIB} NATR`,
    },
    ofBar((p) => {
      const average = averageRange(p.period);
      return (high, low, close) => {
        const range = average(high, low, close);
        return close === 0 ? range * 0 : (100 * range) / close;
      };
    }),
  ),
  declare(
    {
      name: "keltner",
      aliases: ["keltner_channels"],
      title: "Keltner channels",
      parameters: [
        period(20),
        wholeNumber("atr_period", 10, 1, 1000, "Bars of the average true range"),
        multiplier(2, "Average true ranges from the middle to a band"),
      ],
      inputs: HIGH_LOW_CLOSE,
      outputs: [
        output("upper", "Middle + multiplier × atr", (p) => Math.max(p.period - 1, p.atr_period)),
        output("middle", "ema of close", (p) => p.period - 1),
        output("lower", "Middle - multiplier × atr", (p) => Math.max(p.period - 1, p.atr_period)),
      ],
      scale: PRICE,
      formula: "ema(close, period) ± multiplier × atr(atr_period), Wilder's",
      origin: "C. Keltner (1960), in L. Raschke's form; TradingView, Keltner Channels",
    },
    stepwise((p) => {
      const average = exponential(p.period);
      const range = averageRange(p.atr_period);
      return ([high, low, close], index, [upper, middle, lower]) => {
        const centre = average(close[index]);
        const reach = p.multiplier * range(high[index], low[index], close[index]);
        upper[index] = centre + reach;
        middle[index] = centre;
        lower[index] = centre - reach;
      };
    }),
  ),
  declare(
    {
      name: "donchian",
      aliases: ["donchian_channels"],
      title: "Donchian channels",
      parameters: [
        period(20),
        {
          ...choice("include_middle", 1, [false, true], "Asks for a middle"),
          ignored: "the middle is always there",
        },
      ],
      inputs: ["high", "low"],
      outputs: [
        output("upper", "Highest high", (p) => p.period - 1),
        output("middle", "Mean of the two", (p) => p.period - 1),
        output("lower", "Lowest low", (p) => p.period - 1),
      ],
      scale: PRICE,
      formula: "highest high and lowest low of the last period bars, the current one included",
      origin: "R. Donchian (1960)",
    },
    stepwise((p) => {
      const [top, bottom] = [highest(p.period), lowest(p.period)];
      return ([high, low], index, [upper, middle, lower]) => {
        const [above, below] = [top(high[index]), bottom(low[index])];
        upper[index] = above;
        middle[index] = (above + below) / 2;
        lower[index] = below;
      };
    }),
  ),
  declare(
    {
      name: "percent_b",
      aliases: ["bollinger_percent_b"],
      title: "Place within the Bollinger bands (%b)",
      parameters: bandPeriod,
      outputs: windowValue,
      scale: RATIO,
      formula: "(value - lower) / (upper - lower) of bollinger_bands; 0.5 where the bands meet",
      origin: "J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 8",
    },
    ofValue((p) => {
      const [middle, spread] = [mean(p.period), deviation(p.period)];
      return (given) => {
        const reach = p.multiplier * spread(given);
        const centre = middle(given);
        return reach === 0 ? 0.5 : (given - (centre - reach)) / (2 * reach);
      };
    }),
  ),
  declare(
    {
      name: "bandwidth",
      aliases: ["bollinger_bandwidth"],
      title: "Width of the Bollinger bands",
      parameters: bandPeriod,
      outputs: windowValue,
      scale: RATIO,
      formula: "(upper - lower) / middle of bollinger_bands; 0 where the middle is 0",
      origin: "J. Bollinger, Bollinger on Bollinger Bands (2001), chapter 8",
    },
    ofValue((p) => {
      const [middle, spread] = [mean(p.period), deviation(p.period)];
      return (given) => {
        const reach = 2 * p.multiplier * spread(given);
        const centre = middle(given);
        return centre === 0 ? 0 : reach / centre;
      };
    }),
  ),
  declare(
    {
      name: "chandelier_exit",
      title: "Chandelier exit",
      parameters: [period(22, 1, 1000), multiplier(3, "Average true ranges from the extreme to the exit")],
      inputs: HIGH_LOW_CLOSE,
      outputs: [
        output("long", "Exit of long positions", (p) => p.period),
        output("short", "Exit of short positions", (p) => p.period),
      ],
      scale: PRICE,
      formula: "highest high - multiplier × atr, lowest low + multiplier × atr, all over period bars",
      origin: "C. LeBeau, in A. Elder, Come Into My Trading Room (2002)",
    },
    stepwise((p) => {
      const [top, bottom, range] = [highest(p.period), lowest(p.period), averageRange(p.period)];
      return ([high, low, close], index, [long, short]) => {
        const reach = p.multiplier * range(high[index], low[index], close[index]);
        long[index] = top(high[index]) - reach;
        short[index] = bottom(low[index]) + reach;
      };
    }),
  ),
  declare(
    {
      name: "historical_volatility",
      aliases: ["hv"],
      title: "Historical volatility",
      parameters: [period(20, 2), wholeNumber("bars_per_year", 252, 1, 10_000_000, "Bars in a year, to annualise")],
      outputs: lookbackValue,
      scale: RATIO,
      formula: "sample standard deviation of the last period log returns × √bars_per_year",
      origin: "J. Hull, Options, Futures and Other Derivatives, 9th edition (2015), section 15.4",
      undefinedWhere: "a value is 0 or negative",
    },
    ofValue((p) => {
      const past = delay(1);
      const spread = deviation(p.period);
      const scale = Math.sqrt((p.bars_per_year * p.period) / (p.period - 1));
      return (given) => {
        const known = given > 0 ? given : Number.NaN;
        return scale * spread(Math.log(known / past(known)));
      };
    }),
  ),
  declare(
    {
      name: "ulcer_index",
      title: "Ulcer index",
      parameters: [period(14, 1, 1000)],
      outputs: value((p) => 2 * (p.period - 1)),
      scale: RATIO,
      formula: "root of the mean of squared percent drops from the highest of period values, over period bars",
      origin: "P. Martin and B. McCann, The Investor's Guide to Fidelity Funds (1989)",
      undefinedWhere: "the highest value is 0",
    },
    ofValue((p) => {
      const [top, average] = [highest(p.period), mean(p.period)];
      return (given) => {
        const peak = top(given);
        const drop = peak === 0 ? Number.NaN : (100 * (given - peak)) / peak;
        return Math.sqrt(average(drop * drop));
      };
    }),
  ),
  declare(
    {
      name: "squeeze_intensity",
      title: "How far the Bollinger bands lie within the Keltner channel",
      parameters: [
        wholeNumber("bb_period", 20, 2, 1000, "Bars of the Bollinger bands"),
        decimal("bb_multiplier", 2, 0.001, 100, "Their standard deviations"),
        wholeNumber("kc_period", 20, 2, 1000, "Bars of the Keltner channel"),
        decimal("kc_multiplier", 2, 0.001, 100, "Its average true ranges"),
      ],
      inputs: ["close", "high", "low"],
      takesSource: true,
      outputs: value((p) => Math.max(p.bb_period - 1, 9)),
      scale: RATIO,
      formula:
        "max(0, min(keltner upper - bollinger upper, bollinger lower - keltner lower) / keltner width), 0 where that width is 0; Bollinger with the sample deviation, Keltner around an exponential average from the first value on, with the mean of 10 true ranges",
      origin: "J. Carter, Mastering the Trade (2005), chapter 11, as a ratio",
      deviation: "undefined until both bands are, where the original shows 0 for the first bars",
    },
    ofBar((p) => squeeze(p.bb_period, p.bb_multiplier, p.kc_period, p.kc_multiplier)),
  ),
];

function squeeze(
  bandBars: number,
  deviations: number,
  channelBars: number,
  ranges: number,
): (close: number, high: number, low: number) => number {
  const [middle, spread] = [mean(bandBars), deviation(bandBars)];
  const sample = deviations * Math.sqrt(bandBars / (bandBars - 1));
  const centreOf = exponentialFromFirst(2 / (channelBars + 1));
  const rangeOf = createTrueRange(true);
  const average = mean(10);
  return (close, high, low) => {
    const reach = ranges * average(rangeOf(high, low, close));
    const centre = centreOf(close);
    const band = sample * spread(close);
    const offset = middle(close) - centre;
    if (reach === 0) return band * 0;
    return Math.max(0, Math.min((reach - offset - band) / (2 * reach), (offset - band + reach) / (2 * reach)));
  };
}
