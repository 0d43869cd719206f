/**
 * Slow, obvious indicators that the tests hold the fast ones to: each value is computed anew from the bars up to it,
 * straight from the sentence that defines it.
 */
import type { IndicatorParameters } from "./declaration.ts";

export type ReferenceOutputs = Record<string, number[]>;
type Reference = (inputs: readonly number[][], parameters: IndicatorParameters) => ReferenceOutputs;

export const REFERENCES: Readonly<Record<string, Reference>> = {
  sma: ([x], p) => ({ value: windows(x, p.period, mean) }),
  wma: ([x], p) => ({
    value: windows(x, p.period, (w) => sum(w.map((v, k) => v * (k + 1))) / sum(w.map((_, k) => k + 1))),
  }),
  ema: ([x], p) => ({ value: ema(x, p.period) }),
  stddev: ([x], p) => ({ value: windows(x, p.period, deviation) }),
  bollinger_bands: ([x], p) => ({
    upper: windows(x, p.period, (w) => mean(w) + p.multiplier * deviation(w)),
    middle: windows(x, p.period, mean),
    lower: windows(x, p.period, (w) => mean(w) - p.multiplier * deviation(w)),
  }),
  highest: ([x], p) => ({ value: windows(x, p.period, (w) => Math.max(...w)) }),
  lowest: ([x], p) => ({ value: windows(x, p.period, (w) => Math.min(...w)) }),
  roc: ([x], p) => ({ value: x.map((v, i) => (i < p.period ? Number.NaN : (v / x[i - p.period] - 1) * 100)) }),
  momentum: ([x], p) => ({ value: x.map((v, i) => (i < p.period ? Number.NaN : v - x[i - p.period])) }),
  rsi: ([x], p) => {
    const changes = x.map((v, i) => (i === 0 ? Number.NaN : v - x[i - 1]));
    const gains = wilder(
      changes.map((c) => Math.max(c, 0)),
      p.period,
    );
    const losses = wilder(
      changes.map((c) => Math.max(-c, 0)),
      p.period,
    );
    return { value: gains.map((g, i) => (g + losses[i] === 0 ? 50 : (100 * g) / (g + losses[i]))) };
  },
  true_range: ([h, l, c]) => ({ value: trueRanges(h, l, c) }),
  atr: ([h, l, c], p) => ({ value: wilder(trueRanges(h, l, c), p.period) }),
  macd: ([x], p) => {
    const fast = [
      ...Array<number>(p.slow_period - p.fast_period).fill(Number.NaN),
      ...ema(x.slice(p.slow_period - p.fast_period), p.fast_period),
    ].slice(0, x.length);
    const slow = ema(x, p.slow_period);
    const line = fast.map((v, i) => v - slow[i]);
    const begin = p.slow_period - 1;
    const signal = [...line.slice(0, begin).map(() => Number.NaN), ...ema(line.slice(begin), p.signal_period)];
    return {
      line: line.map((v, i) => (Number.isNaN(signal[i]) ? Number.NaN : v)),
      signal,
      histogram: line.map((v, i) => v - signal[i]),
    };
  },
  stochastic: ([h, l, c], p) => {
    const hh = windows(h, p.k_period, (w) => Math.max(...w));
    const ll = windows(l, p.k_period, (w) => Math.min(...w));
    const raw = c.map((v, i) => (hh[i] === ll[i] ? 50 : (100 * (v - ll[i])) / (hh[i] - ll[i])));
    const k = windows(raw, p.smooth_k, mean);
    const d = windows(k, p.d_period, mean);
    return { k: k.map((v, i) => (Number.isNaN(d[i]) ? Number.NaN : v)), d };
  },
  williams_r: ([h, l, c], p) => {
    const hh = windows(h, p.period, (w) => Math.max(...w));
    const ll = windows(l, p.period, (w) => Math.min(...w));
    return { value: c.map((v, i) => (hh[i] === ll[i] ? -50 : (-100 * (hh[i] - v)) / (hh[i] - ll[i]))) };
  },
  cci: ([h, l, c], p) => {
    const typical = c.map((v, i) => (h[i] + l[i] + v) / 3);
    return {
      value: windows(typical, p.period, (w) => {
        const spread = mean(w.map((v) => Math.abs(v - mean(w))));
        return spread === 0 ? 0 : (w[w.length - 1] - mean(w)) / (0.015 * spread);
      }),
    };
  },
  obv: ([c, v]) => ({
    value: c.map((_, i) => sum(v.slice(0, i + 1).map((u, k) => (k === 0 ? u : u * Math.sign(c[k] - c[k - 1]))))),
  }),
  adx: ([h, l, c], p) => {
    const up = h.map((v, i) => (i === 0 ? Number.NaN : v - h[i - 1]));
    const down = l.map((v, i) => (i === 0 ? Number.NaN : l[i - 1] - v));
    const plus = wilderSum(
      up.map((u, i) => (u > down[i] && u > 0 ? u : 0)),
      p.period,
    );
    const minus = wilderSum(
      down.map((d, i) => (d > up[i] && d > 0 ? d : 0)),
      p.period,
    );
    const range = wilderSum(trueRanges(h, l, c), p.period);
    const plusDi = plus.map((v, i) => (range[i] === 0 ? 0 : (100 * v) / range[i]));
    const minusDi = minus.map((v, i) => (range[i] === 0 ? 0 : (100 * v) / range[i]));
    const dx = plusDi.map((v, i) => (v + minusDi[i] === 0 ? 0 : (100 * Math.abs(v - minusDi[i])) / (v + minusDi[i])));
    // dx starts at bar `period`; `wilder` leaves its first element out of the mean.
    const adx = wilder(dx.slice(p.period - 1), p.period);
    return { adx: [...c.slice(0, p.period - 1).map(() => Number.NaN), ...adx], plus_di: plusDi, minus_di: minusDi };
  },
};

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function deviation(values: readonly number[]): number {
  return Math.sqrt(mean(values.map((v) => (v - mean(values)) ** 2)));
}

function windows(values: readonly number[], period: number, of: (window: readonly number[]) => number): number[] {
  return values.map((_, i) => (i < period - 1 ? Number.NaN : of(values.slice(i - period + 1, i + 1))));
}

function ema(values: readonly number[], period: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (i < period - 1) result.push(Number.NaN);
    else if (i === period - 1) result.push(mean(values.slice(0, period)));
    else result.push(result[i - 1] + (2 / (period + 1)) * (values[i] - result[i - 1]));
  }
  return result;
}

/** Wilder's average of values 1.., since value 0 is a change that does not exist. */
function wilder(values: readonly number[], period: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (i < period) result.push(Number.NaN);
    else if (i === period) result.push(mean(values.slice(1, period + 1)));
    else result.push((result[i - 1] * (period - 1) + values[i]) / period);
  }
  return result;
}

/** TA-Lib's running sum: values 1..period - 1 to begin with, shown from `period` on. */
function wilderSum(values: readonly number[], period: number): number[] {
  let total = sum(values.slice(1, period));
  return values.map((value, i) => {
    if (i < period) return Number.NaN;
    total = total - total / period + value;
    return total;
  });
}

function trueRanges(h: readonly number[], l: readonly number[], c: readonly number[]): number[] {
  return h.map((v, i) =>
    i === 0 ? Number.NaN : Math.max(v - l[i], Math.abs(v - c[i - 1]), Math.abs(l[i] - c[i - 1])),
  );
}
