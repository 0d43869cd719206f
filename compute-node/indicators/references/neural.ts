import {
  deviation,
  ewm,
  highestOf,
  lowestOf,
  mean,
  type Reference,
  shift,
  sma,
  soFar,
  trueRanges,
  windows,
  zip,
} from "./helpers.ts";
import { TREND_REFERENCES } from "./trend.ts";
import { cumulative, multiplier, VOLUME_REFERENCES } from "./volume.ts";

const span = (bars: number) => 2 / (bars + 1);
const sample = (w: readonly number[]) => deviation(w) * Math.sqrt(w.length / (w.length - 1));
const ranges = (h: readonly number[], l: readonly number[], c: readonly number[]) =>
  trueRanges(h, l, c).map((v, i) => (i === 0 ? h[0] - l[0] : v));

export const NEURAL_REFERENCES: Readonly<Record<string, Reference>> = {
  ema: ([x], p) => ({ value: ewm(x, span(p.period), p.adjust === 1) }),
  macd: ([x], p) => {
    const [fast, slow] = [ewm(x, span(p.fast_period), false), ewm(x, span(p.slow_period), false)];
    const line = zip(fast, slow, (a, b) => a - b);
    const signal = ewm(line, span(p.signal_period), false);
    return { line, signal, histogram: zip(line, signal, (a, b) => a - b) };
  },
  bollinger_bands: ([x], p) => ({
    upper: windows(x, p.period, (w) => mean(w) + p.multiplier * sample(w)),
    middle: sma(x, p.period),
    lower: windows(x, p.period, (w) => mean(w) - p.multiplier * sample(w)),
  }),
  bollinger_band_width: ([x], p) => ({
    value: windows(x, p.period, (w) => (2 * p.multiplier * sample(w)) / mean(w)),
  }),
  atr: ([h, l, c], p) => {
    if (p.average === 0) return { value: sma(ranges(h, l, c), p.period) };
    const raw = trueRanges(h, l, c);
    const result: number[] = [];
    for (let i = 0; i < c.length; i++) {
      if (i < p.period) result.push(Number.NaN);
      else if (i === p.period) result.push(mean(raw.slice(1, p.period + 1)));
      else result.push((result[i - 1] * (p.period - 1) + raw[i]) / p.period);
    }
    return { value: result };
  },
  adx: ([h, l, c], p) => {
    const average = (v: number[]) => ewm(v, 1 / p.period, false);
    const moves = h.map((_, i) => (i === 0 ? [0, 0] : [h[i] - h[i - 1], l[i - 1] - l[i]]));
    const range = average(ranges(h, l, c));
    const share = (v: number[]) => zip(average(v), range, (a, b) => (b === 0 ? 0 : (100 * a) / b));
    const plus = share(moves.map(([up, down]) => (up > down && up > 0 ? up : 0)));
    const minus = share(moves.map(([up, down]) => (down > up && down > 0 ? down : 0)));
    const dx = zip(plus, minus, (a, b) => (a + b === 0 ? 0 : (100 * Math.abs(a - b)) / (a + b)));
    return { adx: average(dx), plus_di: plus, minus_di: minus };
  },
  stochastic: ([h, l, c], p) => {
    const [hh, ll] = [highestOf(h, p.k_period), lowestOf(l, p.k_period)];
    const raw = c.map((v, i) => (hh[i] > ll[i] ? (100 * (v - ll[i])) / (hh[i] - ll[i]) : 50));
    const k = soFar(raw, p.smooth_k, mean);
    return { k, d: soFar(k, p.d_period, mean) };
  },
  obv: ([c, v]) => ({ value: cumulative(v.map((u, i) => (i === 0 ? 0 : u * Math.sign(c[i] - c[i - 1])))) }),
  cmf: VOLUME_REFERENCES.cmf_detail,
  ad_line: ([h, l, c, v]) => {
    const parts = c.map((close, i) => multiplier(h[i], l[i], close));
    const line = cumulative(zip(parts, v, (a, b) => a * b));
    return {
      line,
      mf_multiplier: parts,
      mf_volume: zip(parts, v, (a, b) => a * b),
      roc_10: zip(line, shift(line, 10), (a, b) => (b === 0 ? Number.NaN : 100 * (a / b - 1))),
      momentum_21: zip(line, shift(line, 21), (a, b) => a - b),
      relative_strength: zip(line, soFar(line, 50, mean), (a, b) => (b === 0 ? Number.NaN : 100 * (a / b - 1))).map(
        (value, i) => (i < 19 ? Number.NaN : value),
      ),
    };
  },
  keltner_channels: ([h, l, c], p) => {
    const [middle, range] = [ewm(c, span(p.period), false), sma(ranges(h, l, c), p.atr_period)];
    return {
      upper: zip(middle, range, (a, b) => a + p.multiplier * b),
      middle,
      lower: zip(middle, range, (a, b) => a - p.multiplier * b),
    };
  },
  supertrend: TREND_REFERENCES.supertrend,
  parabolic_sar: ([h, l, c], p) => {
    const result = h.map(() => Number.NaN);
    if (h.length < 2) return { value: result };
    let isLong = c[1] > c[0];
    let [extreme, factor] = [isLong ? h[1] : l[1], p.initial_af];
    result[1] = isLong ? l[0] : h[0];
    for (let i = 2; i < h.length; i++) {
      const moved = result[i - 1] + factor * (extreme - result[i - 1]);
      if (isLong ? l[i] <= moved : h[i] >= moved) {
        result[i] = extreme;
        isLong = !isLong;
        [extreme, factor] = [isLong ? h[i] : l[i], p.initial_af];
        continue;
      }
      result[i] = isLong ? Math.min(moved, l[i - 1], l[i - 2]) : Math.max(moved, h[i - 1], h[i - 2]);
      if (isLong ? h[i] > extreme : l[i] < extreme)
        [extreme, factor] = [isLong ? h[i] : l[i], Math.min(p.max_af, factor + p.step_af)];
    }
    return { value: result };
  },
  aroon: ([h, l], p) => {
    const age = (w: readonly number[], extreme: number) => p.period - 1 - w.indexOf(extreme);
    const up = windows(h, p.period, (w) => (100 * (p.period - age(w, Math.max(...w)))) / p.period);
    const down = windows(l, p.period, (w) => (100 * (p.period - age(w, Math.min(...w)))) / p.period);
    return { up, down, oscillator: zip(up, down, (a, b) => a - b) };
  },
};
