import {
  deviation,
  ema,
  ewm,
  highestOf,
  lowestOf,
  mean,
  type Reference,
  sma,
  sum,
  trueRanges,
  wilder,
  windows,
  zip,
} from "./helpers.ts";

export const VOLATILITY_REFERENCES: Readonly<Record<string, Reference>> = {
  natr: ([h, l, c], p) => ({
    value: zip(wilder(trueRanges(h, l, c), p.period), c, (range, close) => (100 * range) / close),
  }),
  keltner: ([h, l, c], p) => {
    const [middle, range] = [ema(c, p.period), wilder(trueRanges(h, l, c), p.atr_period)];
    return {
      upper: zip(middle, range, (m, r) => m + p.multiplier * r),
      middle,
      lower: zip(middle, range, (m, r) => m - p.multiplier * r),
    };
  },
  donchian: ([h, l], p) => {
    const [upper, lower] = [highestOf(h, p.period), lowestOf(l, p.period)];
    return { upper, middle: zip(upper, lower, (a, b) => (a + b) / 2), lower };
  },
  percent_b: ([x], p) => ({
    value: windows(x, p.period, (w) => {
      const reach = p.multiplier * deviation(w);
      return reach === 0 ? 0.5 : (w[w.length - 1] - mean(w) + reach) / (2 * reach);
    }),
  }),
  bandwidth: ([x], p) => ({ value: windows(x, p.period, (w) => (2 * p.multiplier * deviation(w)) / mean(w)) }),
  chandelier_exit: ([h, l, c], p) => {
    const range = wilder(trueRanges(h, l, c), p.period);
    return {
      long: zip(highestOf(h, p.period), range, (v, r) => v - p.multiplier * r),
      short: zip(lowestOf(l, p.period), range, (v, r) => v + p.multiplier * r),
    };
  },
  historical_volatility: ([x], p) => {
    const returns = x.map((v, i) => (i === 0 ? Number.NaN : Math.log(v / x[i - 1])));
    return {
      value: x.map((_, i) => {
        if (i < p.period) return Number.NaN;
        const w = returns.slice(i - p.period + 1, i + 1);
        return Math.sqrt((p.bars_per_year * sum(w.map((v) => (v - mean(w)) ** 2))) / (p.period - 1));
      }),
    };
  },
  ulcer_index: ([x], p) => {
    const drops = zip(x, highestOf(x, p.period), (v, peak) => (100 * (v - peak)) / peak);
    return {
      value: x.map((_, i) =>
        i < 2 * (p.period - 1) ? Number.NaN : Math.sqrt(mean(drops.slice(i - p.period + 1, i + 1).map((d) => d * d))),
      ),
    };
  },
  squeeze_intensity: ([c, h, l], p) => {
    const bandMiddle = sma(c, p.bb_period);
    const spread = windows(c, p.bb_period, deviation);
    const sample = p.bb_multiplier * Math.sqrt(p.bb_period / (p.bb_period - 1));
    const centre = ewm(c, 2 / (p.kc_period + 1), false);
    const range = sma(
      trueRanges(h, l, c).map((v, i) => (i === 0 ? h[0] - l[0] : v)),
      10,
    );
    return {
      value: c.map((_, i) => {
        const [bu, bl] = [bandMiddle[i] + sample * spread[i], bandMiddle[i] - sample * spread[i]];
        const [ku, kl] = [centre[i] + p.kc_multiplier * range[i], centre[i] - p.kc_multiplier * range[i]];
        if (Number.isNaN(bu) || Number.isNaN(ku)) return Number.NaN;
        return range[i] === 0 ? 0 : Math.max(0, Math.min((ku - bu) / (ku - kl), (bl - kl) / (ku - kl)));
      }),
    };
  },
};
