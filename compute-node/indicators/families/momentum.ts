/** Oscillators and momentum beyond the classic ones. */
import type { IndicatorDeclaration, IndicatorParameters } from "../declaration.ts";
import { exponential, exponentialFromFirst, mean, weighted } from "../operators/averages.ts";
import { change, delay } from "../operators/windows.ts";
import { percentChange } from "./classic-steps.ts";
import {
  choice,
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
} from "./declare.ts";
import { chande, chandeOfSums, fisher, moneyFlow, relativeStrength, ultimate, withinRange } from "./momentum-steps.ts";

const fastAndSlow = (fast: number, slow: number) => [
  wholeNumber("fast_period", fast, 1, 1000, "Bars of the fast average"),
  wholeNumber("slow_period", slow, 2, 1000, "Bars of the slow average"),
];
const fastBelowSlow = (p: IndicatorParameters) =>
  p.fast_period < p.slow_period ? null : `fast_period (${p.fast_period}) is not below slow_period (${p.slow_period})`;

/** [change period, smoothing period, weight] of Pring's four terms. */
const PRING = [
  [10, 10, 1],
  [15, 10, 2],
  [20, 10, 3],
  [30, 15, 4],
] as const;

const shortRoc = (name: string, standard: number) => wholeNumber(name, standard, 1, 1000, "Bars of the change");

export const MOMENTUM: readonly IndicatorDeclaration[] = [
  declare(
    {
      name: "mfi",
      aliases: ["money_flow_index"],
      title: "Money flow index",
      parameters: [period(14, 1, 1000)],
      inputs: ["high", "low", "close", "volume"],
      outputs: lookbackValue,
      scale: RATIO,
      formula:
        "100 × inflow / (inflow + outflow), sums of typical × volume over period bars by the sign of the typical price's change; 50 where nothing flowed",
      origin: `G. Quong and A. Soudack, Stocks & Commodities 7:3 (1989); ${TA_LIB} MFI`,
    },
    ofBar((p) => moneyFlow(p.period)),
  ),
  declare(
    {
      name: "cmo",
      aliases: ["chande_momentum_oscillator"],
      title: "Chande momentum oscillator",
      parameters: [
        period(14, 2, 1000),
        choice("sums", 0, [false, true], "Sums of the last period changes instead of Wilder's averages"),
      ],
      outputs: lookbackValue,
      scale: RATIO,
      formula:
        "100 × (gain - loss) / (gain + loss), both Wilder's averages as in rsi, or with `sums` Chande's own sums of the last period changes; 0 when nothing has changed",
      origin: `T. Chande and S. Kroll, The New Technical Trader (1994); the averages as in ${TA_LIB} CMO`,
    },
    ofValue((p) => (p.sums === 1 ? chandeOfSums(p.period) : chande(p.period))),
  ),
  declare(
    {
      name: "ppo",
      aliases: ["percentage_price_oscillator"],
      title: "Percentage price oscillator",
      parameters: [...fastAndSlow(12, 26), wholeNumber("signal_period", 9, 1, 1000, "Bars of the signal's average")],
      outputs: [
        output("line", "100 × (fast - slow) / slow", (p) => p.slow_period - 1),
        output("signal", "ema of the line", (p) => p.slow_period + p.signal_period - 2),
        output("histogram", "Line less signal", (p) => p.slow_period + p.signal_period - 2),
      ],
      scale: RATIO,
      formula: "emas that are each seeded with their own first values; 0 where the slow one is 0",
      origin: `${TA_LIB} PPO with MAType EMA`,
      conflict: fastBelowSlow,
    },
    stepwise((p) => {
      const fast = exponential(p.fast_period);
      const slow = exponential(p.slow_period);
      const smooth = exponential(p.signal_period);
      return ([values], index, [line, signal, histogram]) => {
        const base = slow(values[index]);
        const difference = fast(values[index]) - base;
        const percent = base === 0 ? 0 : (100 * difference) / base;
        const average = smooth(percent);
        line[index] = percent;
        signal[index] = average;
        histogram[index] = percent - average;
      };
    }),
  ),
  declare(
    {
      name: "apo",
      aliases: ["absolute_price_oscillator"],
      title: "Absolute price oscillator",
      parameters: fastAndSlow(12, 26),
      outputs: value((p) => p.slow_period - 1),
      scale: PRICE,
      formula: "ema(fast_period) - ema(slow_period), each seeded with its own first values",
      origin: `${TA_LIB} APO with MAType EMA`,
      conflict: fastBelowSlow,
    },
    ofValue((p) => {
      const fast = exponential(p.fast_period);
      const slow = exponential(p.slow_period);
      return (given) => fast(given) - slow(given);
    }),
  ),
  declare(
    {
      name: "trix",
      title: "Rate of change of a triple exponential average",
      parameters: [period(15, 1, 1000)],
      outputs: value((p) => 3 * (p.period - 1) + 1),
      scale: RATIO,
      formula: "percent change of ema(ema(ema)) from the bar before",
      origin: `J. Hutson, Stocks & Commodities 1:5 (1983); ${TA_LIB} TRIX`,
      undefinedWhere: "the average before is 0",
    },
    ofValue((p) => {
      const averages = [exponential(p.period), exponential(p.period), exponential(p.period)];
      const changed = percentChange(1);
      return (given) => changed(averages[2](averages[1](averages[0](given))));
    }),
  ),
  declare(
    {
      name: "ultimate_oscillator",
      aliases: ["ultosc"],
      title: "Ultimate oscillator",
      parameters: [
        wholeNumber("short_period", 7, 1, 1000, "Bars with weight 4"),
        wholeNumber("middle_period", 14, 1, 1000, "Bars with weight 2"),
        wholeNumber("long_period", 28, 1, 1000, "Bars with weight 1"),
      ],
      inputs: ["high", "low", "close"],
      outputs: value((p) => Math.max(p.short_period, p.middle_period, p.long_period)),
      scale: RATIO,
      formula:
        "100 × (4 × a + 2 × b + c) / 7, each the sum of close - min(low, last close) over the sum of true ranges; 0 where that is 0",
      origin: `L. Williams, Stocks & Commodities 3:4 (1985); ${TA_LIB} ULTOSC`,
    },
    ofBar((p) => ultimate(p.short_period, p.middle_period, p.long_period)),
  ),
  declare(
    {
      name: "stochastic_fast",
      aliases: ["stochf"],
      title: "Stochastic oscillator (fast)",
      parameters: [
        wholeNumber("k_period", 14, 1, 1000, "Bars of the range"),
        wholeNumber("d_period", 3, 1, 1000, "Bars of the average d of k"),
      ],
      inputs: ["high", "low", "close"],
      outputs: [
        output("k", "Place within the range, 0 to 100", (p) => p.k_period + p.d_period - 2),
        output("d", "Average of k", (p) => p.k_period + p.d_period - 2),
      ],
      scale: RATIO,
      formula: "k = 100 × (close - lowest low) / (highest high - lowest low), 50 where the range is 0; d = sma(k)",
      origin: `${TA_LIB} STOCHF`,
    },
    stepwise((p) => {
      const place = withinRange(p.k_period, 50);
      const smooth = mean(p.d_period);
      return ([high, low, close], index, [k, d]) => {
        const raw = place(high[index], low[index], close[index]);
        const average = smooth(raw);
        k[index] = Number.isNaN(average) ? Number.NaN : raw;
        d[index] = average;
      };
    }),
  ),
  declare(
    {
      name: "stochastic_rsi",
      aliases: ["stochrsi"],
      title: "Stochastic of the RSI",
      parameters: [
        wholeNumber("rsi_period", 14, 2, 1000, "Bars of the RSI"),
        wholeNumber("k_period", 14, 1, 1000, "Bars of the RSI's range"),
        wholeNumber("smooth_k", 3, 1, 1000, "Bars of the average k"),
        wholeNumber("d_period", 3, 1, 1000, "Bars of the average d of k"),
      ],
      outputs: [
        output("k", "Average of the raw value, 0 to 100", (p) => p.rsi_period + p.k_period + p.smooth_k - 2),
        output("d", "Average of k", (p) => p.rsi_period + p.k_period + p.smooth_k + p.d_period - 3),
      ],
      scale: RATIO,
      formula:
        "raw = 100 × (rsi - lowest rsi) / (highest rsi - lowest rsi), 50 where the range is 0; k = sma(raw), d = sma(k)",
      origin: `T. Chande and S. Kroll, The New Technical Trader (1994); with smooth_k 1: ${TA_LIB} STOCHRSI`,
    },
    stepwise((p) => {
      const strength = relativeStrength(p.rsi_period);
      const place = withinRange(p.k_period, 50);
      const smooth = mean(p.smooth_k);
      const signal = mean(p.d_period);
      return ([values], index, [k, d]) => {
        const rsi = strength(values[index]);
        k[index] = smooth(place(rsi, rsi, rsi));
        d[index] = signal(k[index]);
      };
    }),
  ),
  declare(
    {
      name: "kst",
      aliases: ["know_sure_thing"],
      title: "Know sure thing",
      parameters: [wholeNumber("signal_period", 9, 1, 1000, "Bars of the signal's average")],
      outputs: [
        output("line", "Sum of the four weighted averages", () => 44),
        output("signal", "sma of the line", (p) => 43 + p.signal_period),
      ],
      scale: RATIO,
      formula: "sma(roc 10, 10) + 2 × sma(roc 15, 10) + 3 × sma(roc 20, 10) + 4 × sma(roc 30, 15)",
      origin: "M. Pring, Stocks & Commodities 10:9 (1992)",
      undefinedWhere: "a past value is 0",
    },
    stepwise((p) => {
      const terms = PRING.map(([bars, smoothing, weight]) => ({
        changed: percentChange(bars),
        smooth: mean(smoothing),
        weight,
      }));
      const signalOf = mean(p.signal_period);
      return ([values], index, [line, signal]) => {
        let sum = 0;
        for (const { changed, smooth, weight } of terms) sum += weight * smooth(changed(values[index]));
        line[index] = sum;
        signal[index] = signalOf(sum);
      };
    }),
  ),
  declare(
    {
      name: "coppock",
      aliases: ["coppock_curve"],
      title: "Coppock curve",
      parameters: [period(10, 1, 1000), shortRoc("short_period", 11), shortRoc("long_period", 14)],
      outputs: value((p) => Math.max(p.short_period, p.long_period) + p.period - 1),
      scale: RATIO,
      formula: "wma(roc(short_period) + roc(long_period), period)",
      origin: "E. Coppock, Barron's (15 October 1962)",
      undefinedWhere: "a past value is 0",
    },
    ofValue((p) => {
      const short = percentChange(p.short_period);
      const long = percentChange(p.long_period);
      const average = weighted(p.period);
      return (given) => average(short(given) + long(given));
    }),
  ),
  declare(
    {
      name: "fisher",
      title: "Fisher transform (Ehlers)",
      parameters: [period(10, 2, 1000)],
      inputs: ["high", "low"],
      outputs: [
        output("fisher", "The transformed price", (p) => p.period - 1),
        output("signal", "Its last value", (p) => p.period),
      ],
      scale: RATIO,
      formula:
        "x = 0.66 × ((median - lowest) / (highest - lowest) - 0.5) + 0.67 × last x, values beyond ±0.99 become ±0.999, the first term 0 where the range is 0; ½ ln((1 + x) / (1 - x)) + ½ last",
      origin: "J. Ehlers, Stocks & Commodities 20:11 (2002)",
    },
    stepwise((p) => {
      const transform = fisher(p.period);
      const last = delay(1);
      return ([high, low], index, [line, signal]) => {
        line[index] = transform((high[index] + low[index]) / 2);
        signal[index] = last(line[index]);
      };
    }),
  ),
  declare(
    {
      name: "awesome_oscillator",
      aliases: ["ao"],
      title: "Awesome oscillator",
      parameters: fastAndSlow(5, 34),
      inputs: ["high", "low"],
      outputs: value((p) => p.slow_period - 1),
      scale: PRICE,
      formula: "sma(median price, fast_period) - sma(median price, slow_period)",
      origin: "B. Williams, New Trading Dimensions (1998)",
      conflict: fastBelowSlow,
    },
    ofBar((p) => {
      const fast = mean(p.fast_period);
      const slow = mean(p.slow_period);
      return (high, low) => fast((high + low) / 2) - slow((high + low) / 2);
    }),
  ),
  declare(
    {
      name: "elder_ray",
      title: "Elder ray: bull and bear power",
      parameters: [period(13)],
      inputs: ["high", "low", "close"],
      outputs: [
        output("bull", "High less ema of close", (p) => p.period - 1),
        output("bear", "Low less ema of close", (p) => p.period - 1),
      ],
      scale: PRICE,
      formula: "high - ema(close), low - ema(close)",
      origin: "A. Elder, Trading for a Living (1993), section 41",
    },
    stepwise((p) => {
      const average = exponential(p.period);
      return ([high, low, close], index, [bull, bear]) => {
        const middle = average(close[index]);
        bull[index] = high[index] - middle;
        bear[index] = low[index] - middle;
      };
    }),
  ),
  declare(
    {
      name: "balance_of_power",
      aliases: ["bop"],
      title: "Balance of power",
      parameters: [],
      inputs: ["open", "high", "low", "close"],
      outputs: value(() => 0),
      scale: RATIO,
      formula: "(close - open) / (high - low); 0 where the range is 0",
      origin: `I. Livshin, Stocks & Commodities 19:8 (2001); ${TA_LIB} BOP`,
    },
    ofBar(() => (open, high, low, close) => (high === low ? 0 : (close - open) / (high - low))),
  ),
  declare(
    {
      name: "tsi",
      aliases: ["true_strength_index"],
      title: "True strength index",
      parameters: [
        wholeNumber("long_period", 25, 1, 1000, "Bars of the first average"),
        wholeNumber("short_period", 13, 1, 1000, "Bars of the second"),
        wholeNumber("signal_period", 13, 1, 1000, "Bars of the signal's average"),
      ],
      outputs: [
        output("line", "-100 to 100", (p) => p.long_period + p.short_period - 1),
        output("signal", "ema of the line", (p) => p.long_period + p.short_period + p.signal_period - 2),
      ],
      scale: RATIO,
      formula: "100 × ema(ema(change)) / ema(ema(|change|)); 0 where nothing has moved",
      origin: "W. Blau, Stocks & Commodities 9:11 (1991)",
    },
    stepwise((p) => {
      const step = change(1);
      const twice = () => {
        const [first, second] = [exponential(p.long_period), exponential(p.short_period)];
        return (given: number) => second(first(given));
      };
      const [moved, path, smooth] = [twice(), twice(), exponential(p.signal_period)];
      return ([values], index, [line, signal]) => {
        const by = step(values[index]);
        const distance = path(Math.abs(by));
        const way = moved(by);
        line[index] = distance === 0 ? 0 : (100 * way) / distance;
        signal[index] = smooth(line[index]);
      };
    }),
  ),
  declare(
    {
      name: "dpo",
      aliases: ["detrended_price_oscillator"],
      title: "Detrended price oscillator",
      parameters: [period(20, 2)],
      outputs: value((p) => p.period - 1 + Math.floor(p.period / 2) + 1),
      scale: PRICE,
      formula: "value - sma as it was period / 2 + 1 bars ago, rounded down: nothing is shifted into the past",
      origin: "TradingView, Detrended Price Oscillator, not centred",
    },
    ofValue((p) => {
      const average = mean(p.period);
      const past = delay(Math.floor(p.period / 2) + 1);
      return (given) => given - past(average(given));
    }),
  ),
  declare(
    {
      name: "rvi",
      aliases: ["relative_vigor_index"],
      title: "Relative vigor index",
      parameters: [period(10, 1, 1000), wholeNumber("signal_period", 4, 1, 1000, "Bars of the signal's average")],
      inputs: ["open", "high", "low", "close"],
      outputs: [
        output("rvi", "Vigor", (p) => p.period + 2),
        output("signal", "sma of it", (p) => p.period + p.signal_period + 1),
      ],
      scale: RATIO,
      formula:
        "sma of a / sma of b over period bars; a and b are (x₃ + 2x₂ + 2x₁ + x₀) / 6 of close - open and of high - low",
      origin: "J. Ehlers, Stocks & Commodities 20:1 (2002); the signal is a plain average",
      undefinedWhere: "every bar of the window is without a range",
    },
    stepwise((p) => {
      const symmetric = () => {
        const [first, second, third] = [delay(1), delay(2), delay(3)];
        return (x: number) => (third(x) + 2 * second(x) + 2 * first(x) + x) / 6;
      };
      const [bodies, ranges, body, range] = [symmetric(), symmetric(), mean(p.period), mean(p.period)];
      const signalOf = mean(p.signal_period);
      return ([open, high, low, close], index, [line, signal]) => {
        const height = range(ranges(high[index] - low[index]));
        const strength = body(bodies(close[index] - open[index]));
        line[index] = height === 0 ? Number.NaN : strength / height;
        signal[index] = signalOf(line[index]);
      };
    }),
  ),
  declare(
    {
      name: "fisher_transform",
      title: "Fisher transform of the place within the range",
      parameters: [period(10, 2, 1000), wholeNumber("smoothing", 3, 1, 100, "Span of the exponential average")],
      inputs: ["high", "low"],
      outputs: [
        output("fisher", "The transformed price", (p) => p.period - 1),
        output("signal", "Its last value", (p) => p.period),
      ],
      scale: RATIO,
      formula:
        "x = 2 × (median - lowest low) / (highest high - lowest low) - 1, 0 where the range is 0, cut at ±0.999; exponential average, from its first value on, of ½ ln((1 + x) / (1 - x))",
      origin: "J. Ehlers, Stocks & Commodities 20:11 (2002), without the feedback of `fisher`",
    },
    stepwise((p) => {
      const place = withinRange(p.period, 50);
      const smooth = exponentialFromFirst(2 / (p.smoothing + 1));
      const last = delay(1);
      return ([high, low], index, [line, signal]) => {
        const x = place(high[index], low[index], (high[index] + low[index]) / 2) / 50 - 1;
        const cut = Math.max(-0.999, Math.min(0.999, x));
        line[index] = smooth(0.5 * Math.log((1 + cut) / (1 - cut)));
        signal[index] = last(line[index]);
      };
    }),
  ),
];
