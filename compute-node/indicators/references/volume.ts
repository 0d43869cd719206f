import { afterNaN, ema, ewm, mean, type Reference, soFar, sum, windows, zip } from "./helpers.ts";

export const multiplier = (h: number, l: number, c: number) => (h === l ? 0 : (c - l - (h - c)) / (h - l));
const flows = (h: readonly number[], l: readonly number[], c: readonly number[], v: readonly number[]) =>
  c.map((close, i) => multiplier(h[i], l[i], close) * v[i]);
export const cumulative = (x: readonly number[]) => x.map((_, i) => sum(x.slice(0, i + 1)));
const ratio = (a: readonly number[], b: readonly number[], whenNone: number) =>
  zip(a, b, (u, w) => (w === 0 ? whenNone : u / w));
const volumeIndex = (c: readonly number[], v: readonly number[], counts: (now: number, last: number) => boolean) => {
  const result: number[] = [];
  for (let i = 0; i < c.length; i++) {
    const last = result[i - 1] ?? 1000;
    result.push(i > 0 && counts(v[i], v[i - 1]) ? last * (c[i] / c[i - 1]) : last);
  }
  return result;
};

export const VOLUME_REFERENCES: Readonly<Record<string, Reference>> = {
  ad: ([h, l, c, v]) => ({ value: cumulative(flows(h, l, c, v)) }),
  adosc: ([h, l, c, v], p) => {
    const line = cumulative(flows(h, l, c, v));
    const [fast, slow] = [ewm(line, 2 / (p.fast_period + 1), false), ewm(line, 2 / (p.slow_period + 1), false)];
    const hidden = Math.max(p.fast_period, p.slow_period) - 1;
    return { value: zip(fast, slow, (a, b) => a - b).map((d, i) => (i < hidden ? Number.NaN : d)) };
  },
  cmf: ([h, l, c, v], p) => ({
    value: ratio(windows(flows(h, l, c, v), p.period, sum), windows(v, p.period, sum), 0),
  }),
  force_index: ([c, v], p) => ({
    value: afterNaN(
      c.map((close, i) => (close - (c[i - 1] ?? Number.NaN)) * v[i]),
      (x) => ema(x, p.period),
    ),
  }),
  eom: ([h, l, v], p) => {
    const raw = h.map((_, i) => {
      const moved = (h[i] + l[i]) / 2 - (h[i - 1] + l[i - 1]) / 2;
      return v[i] === 0 ? 0 : (moved * (h[i] - l[i]) * p.divisor) / v[i];
    });
    return {
      value: raw.map((_, i) => (i < p.period ? Number.NaN : mean(raw.slice(i - p.period + 1, i + 1)))),
    };
  },
  vwap: ([h, l, c, v], p) => {
    const price = c.map((close, i) => (p.use_typical_price === 1 ? (h[i] + l[i] + close) / 3 : close));
    const bars = p.period === 0 ? c.length : p.period;
    const money = zip(price, v, (a, b) => a * b);
    return { value: ratio(soFar(money, bars, sum), soFar(v, bars, sum), Number.NaN) };
  },
  session_vwap: ([h, l, c, v, t]) => ({
    value: c.map((_, i) => {
      const today = t.map((_, k) => k).filter((k) => k <= i && Math.floor(t[k] / 864e5) === Math.floor(t[i] / 864e5));
      const traded = sum(today.map((k) => v[k]));
      return traded === 0 ? Number.NaN : sum(today.map((k) => ((h[k] + l[k] + c[k]) / 3) * v[k])) / traded;
    }),
  }),
  volume_ratio: ([v], p) => ({ value: ratio(v, windows(v, p.period, mean), 1) }),
  pvt: ([c, v]) => ({ value: cumulative(c.map((close, i) => (i === 0 ? 0 : (v[i] * (close - c[i - 1])) / c[i - 1]))) }),
  nvi: ([c, v]) => ({ value: volumeIndex(c, v, (now, last) => now < last) }),
  pvi: ([c, v]) => ({ value: volumeIndex(c, v, (now, last) => now > last) }),
  pvo: ([v], p) => ({
    value: zip(ema(v, p.fast_period), ema(v, p.slow_period), (f, s) => (s === 0 ? 0 : (100 * (f - s)) / s)),
  }),
  cmf_detail: ([h, l, c, v], p) => {
    const cmf = ratio(windows(flows(h, l, c, v), p.period, sum), windows(v, p.period, sum), 0);
    const signal = afterNaN(cmf, (x) => ewm(x, 0.2, false));
    return {
      cmf,
      mf_multiplier: c.map((close, i) => multiplier(h[i], l[i], close)),
      mf_volume: flows(h, l, c, v),
      momentum: cmf.map((x, i) => x - (cmf[i - 5] ?? Number.NaN)),
      signal,
      histogram: zip(cmf, signal, (a, b) => a - b),
      above_zero: cmf.map((x) => (x > 0 ? 1 : 0)),
      below_zero: cmf.map((x) => (x < 0 ? 1 : 0)),
    };
  },
};
