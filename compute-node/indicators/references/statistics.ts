import { deviation, highestOf, lowestOf, mean, type Reference, shift, sum, windows, zip } from "./helpers.ts";

const covariance = (x: readonly number[], y: readonly number[]) =>
  mean(x.map((v, k) => (v - mean(x)) * (y[k] - mean(y))));
const pairs = (
  x: readonly number[],
  y: readonly number[],
  period: number,
  of: (x: readonly number[], y: readonly number[]) => number,
) =>
  x.map((_, i) => (i < period - 1 ? Number.NaN : of(x.slice(i - period + 1, i + 1), y.slice(i - period + 1, i + 1))));
const quantile = (w: readonly number[], share: number) => {
  const sorted = [...w].sort((a, b) => a - b);
  const place = share * (w.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (place - Math.floor(place)) * (above - below);
};

export const STATISTICS_REFERENCES: Readonly<Record<string, Reference>> = {
  variance: ([x], p) => ({ value: windows(x, p.period, (w) => deviation(w) ** 2) }),
  zscore: ([x], p) => ({
    value: windows(x, p.period, (w) => (deviation(w) === 0 ? 0 : (w[w.length - 1] - mean(w)) / deviation(w))),
  }),
  percent_rank: ([x], p) => ({
    value: x.map((v, i) =>
      i < p.period ? Number.NaN : (100 * x.slice(i - p.period, i).filter((u) => u <= v).length) / p.period,
    ),
  }),
  quantile: ([x], p) => ({ value: windows(x, p.period, (w) => quantile(w, p.share)) }),
  median: ([x], p) => ({ value: windows(x, p.period, (w) => quantile(w, 0.5)) }),
  correl: ([x, y], p) => ({
    value: pairs(x, y, p.period, (a, b) => {
      const isFlat = (v: readonly number[]) => Math.max(...v) === Math.min(...v);
      return isFlat(a) || isFlat(b) ? 0 : covariance(a, b) / (deviation(a) * deviation(b));
    }),
  }),
  beta: ([x, y], p) => {
    const returns = (v: readonly number[]) => v.slice(1).map((u, k) => (u - v[k]) / v[k]);
    const slopes = pairs(returns(x), returns(y), p.period, (a, b) => {
      const spread = covariance(a, a);
      return Math.sqrt(spread) <= 2 ** -50 * (1 + a[a.length - 1]) ? 0 : covariance(a, b) / spread;
    });
    return { value: x.map((_, i) => (i === 0 ? Number.NaN : slopes[i - 1])) };
  },
  midpoint: ([x], p) => ({ value: windows(x, p.period, (w) => (Math.max(...w) + Math.min(...w)) / 2) }),
  midprice: ([h, l], p) => ({
    value: zip(highestOf(h, p.period), lowestOf(l, p.period), (a, b) => (a + b) / 2),
  }),
  returns: ([x], p) => ({ value: zip(x, shift(x, p.period), (v, past) => v / past - 1) }),
  log_returns: ([x], p) => ({ value: zip(x, shift(x, p.period), (v, past) => Math.log(v / past)) }),
  typical_price: ([h, l, c]) => ({ value: c.map((v, i) => sum([h[i], l[i], v]) / 3) }),
  median_price: ([h, l]) => ({ value: zip(h, l, (a, b) => (a + b) / 2) }),
  weighted_close: ([h, l, c]) => ({ value: c.map((v, i) => (h[i] + l[i] + 2 * v) / 4) }),
  average_price: ([o, h, l, c]) => ({ value: c.map((v, i) => sum([o[i], h[i], l[i], v]) / 4) }),
  heikin_ashi: ([o, h, l, c]) => {
    const close = c.map((v, i) => sum([o[i], h[i], l[i], v]) / 4);
    const open: number[] = [];
    for (let i = 0; i < c.length; i++) open.push(i === 0 ? (o[0] + c[0]) / 2 : (open[i - 1] + close[i - 1]) / 2);
    return {
      open,
      high: h.map((v, i) => Math.max(v, open[i], close[i])),
      low: l.map((v, i) => Math.min(v, open[i], close[i])),
      close,
    };
  },
  pivot_points: ([h, l, c, t]) => {
    const dayOf = (i: number) => Math.floor(t[i] / 864e5);
    const levels = c.map((_, i) => {
      const earlier = t.map((_, k) => k).filter((k) => k < i && dayOf(k) < dayOf(i));
      const last = earlier.filter((k) => dayOf(k) === dayOf(earlier.at(-1) ?? 0));
      if (last.length === 0) return Array<number>(7).fill(Number.NaN);
      const [top, bottom] = [Math.max(...last.map((k) => h[k])), Math.min(...last.map((k) => l[k]))];
      const p = (top + bottom + c[last[last.length - 1]]) / 3;
      return [
        p,
        2 * p - bottom,
        2 * p - top,
        p + top - bottom,
        p - (top - bottom),
        top + 2 * (p - bottom),
        bottom - 2 * (top - p),
      ];
    });
    const names = ["pivot", "r1", "s1", "r2", "s2", "r3", "s3"];
    return Object.fromEntries(names.map((name, k) => [name, levels.map((row) => row[k])]));
  },
  zigzag: ([x], p) => {
    let start = 0;
    let [value, direction] = [Number.NaN, Number.NaN];
    const rows = x.map((v, i) => {
      const since = x.slice(start, i + 1);
      if (direction !== -1 && v <= Math.max(...since) * (1 - p.threshold)) {
        [value, direction, start] = [Math.max(...since), -1, i];
      } else if (direction !== 1 && v >= Math.min(...since) * (1 + p.threshold)) {
        [value, direction, start] = [Math.min(...since), 1, i];
      }
      return [value, direction];
    });
    return { value: rows.map((row) => row[0]), direction: rows.map((row) => row[1]) };
  },
};
