import { deviation, ema, mean, type Reference, sum, trueRanges, wilder, wilderSum, windows } from "./helpers.ts";

export const CLASSIC_REFERENCES: Readonly<Record<string, Reference>> = {
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
