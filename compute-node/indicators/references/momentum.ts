import { CLASSIC_REFERENCES } from "./classic.ts";
import {
  afterNaN,
  ema,
  highestOf,
  lowestOf,
  mean,
  type Reference,
  shift,
  sma,
  sum,
  trueRanges,
  wilder,
  windows,
  wma,
  zip,
} from "./helpers.ts";

const changes = (x: readonly number[]) => x.map((v, i) => (i === 0 ? Number.NaN : v - x[i - 1]));
const roc = (x: readonly number[], n: number) => zip(x, shift(x, n), (v, past) => (v / past - 1) * 100);
const place = (h: readonly number[], l: readonly number[], c: readonly number[], n: number) => {
  const [hh, ll] = [highestOf(h, n), lowestOf(l, n)];
  return c.map((v, i) => (hh[i] === ll[i] ? 50 : (100 * (v - ll[i])) / (hh[i] - ll[i])));
};
const smooth = (x: readonly number[], n: number) => afterNaN(x, (v) => sma(v, n));
const exponential = (x: readonly number[], n: number) => afterNaN(x, (v) => ema(v, n));

export const MOMENTUM_REFERENCES: Readonly<Record<string, Reference>> = {
  mfi: ([h, l, c, v], p) => {
    const typical = c.map((u, i) => (h[i] + l[i] + u) / 3);
    return {
      value: c.map((_, i) => {
        if (i < p.period) return Number.NaN;
        const bars = Array.from({ length: p.period }, (_, k) => i - k);
        const rising = sum(bars.filter((k) => typical[k] > typical[k - 1]).map((k) => typical[k] * v[k]));
        const falling = sum(bars.filter((k) => typical[k] < typical[k - 1]).map((k) => typical[k] * v[k]));
        return rising + falling === 0 ? 50 : (100 * rising) / (rising + falling);
      }),
    };
  },
  cmo: ([x], p) => {
    const moved = changes(x);
    if (p.sums === 1) {
      const recent = (i: number) => moved.slice(i - p.period + 1, i + 1);
      const net = (i: number) => sum(recent(i).filter((d) => d > 0)) + sum(recent(i).filter((d) => d < 0));
      const path = (i: number) => sum(recent(i).map(Math.abs));
      return {
        value: x.map((_, i) => (i < p.period ? Number.NaN : path(i) === 0 ? 0 : (100 * net(i)) / path(i))),
      };
    }
    const gains = wilder(
      moved.map((d) => Math.max(d, 0)),
      p.period,
    );
    const losses = wilder(
      moved.map((d) => Math.max(-d, 0)),
      p.period,
    );
    return { value: zip(gains, losses, (g, d) => (g + d === 0 ? 0 : (100 * (g - d)) / (g + d))) };
  },
  ppo: ([x], p) => {
    const line = zip(ema(x, p.fast_period), ema(x, p.slow_period), (f, s) => (100 * (f - s)) / s);
    const signal = exponential(line, p.signal_period);
    return { line, signal, histogram: zip(line, signal, (a, b) => a - b) };
  },
  apo: ([x], p) => ({ value: zip(ema(x, p.fast_period), ema(x, p.slow_period), (f, s) => f - s) }),
  trix: ([x], p) => {
    const thrice = exponential(exponential(ema(x, p.period), p.period), p.period);
    return { value: roc(thrice, 1) };
  },
  ultimate_oscillator: ([h, l, c], p) => {
    const range = trueRanges(h, l, c);
    const pressure = c.map((v, i) => v - Math.min(l[i], c[i - 1]));
    const ratio = (n: number, i: number) => {
      const ranges = sum(range.slice(i - n + 1, i + 1));
      return ranges === 0 ? 0 : sum(pressure.slice(i - n + 1, i + 1)) / ranges;
    };
    const longest = Math.max(p.short_period, p.middle_period, p.long_period);
    return {
      value: c.map((_, i) =>
        i < longest
          ? Number.NaN
          : (100 * (4 * ratio(p.short_period, i) + 2 * ratio(p.middle_period, i) + ratio(p.long_period, i))) / 7,
      ),
    };
  },
  stochastic_fast: ([h, l, c], p) => {
    const raw = place(h, l, c, p.k_period);
    const d = smooth(raw, p.d_period);
    return { k: zip(raw, d, (k, average) => (Number.isNaN(average) ? Number.NaN : k)), d };
  },
  stochastic_rsi: ([x], p) => {
    const { value: rsi } = CLASSIC_REFERENCES.rsi([[...x]], { period: p.rsi_period });
    const raw = afterNaN(rsi, (v) => place(v, v, v, p.k_period));
    const k = smooth(raw, p.smooth_k);
    return { k, d: smooth(k, p.d_period) };
  },
  kst: ([x], p) => {
    const terms = [
      smooth(roc(x, 10), 10),
      smooth(roc(x, 15), 10).map((v) => 2 * v),
      smooth(roc(x, 20), 10).map((v) => 3 * v),
      smooth(roc(x, 30), 15).map((v) => 4 * v),
    ];
    const line = x.map((_, i) => sum(terms.map((term) => term[i])));
    return { line, signal: smooth(line, p.signal_period) };
  },
  coppock: ([x], p) => ({
    value: afterNaN(
      zip(roc(x, p.short_period), roc(x, p.long_period), (a, b) => a + b),
      (v) => wma(v, p.period),
    ),
  }),
  fisher: ([h, l], p) => {
    const median = zip(h, l, (a, b) => (a + b) / 2);
    const [top, bottom] = [highestOf(median, p.period), lowestOf(median, p.period)];
    let [x, f] = [0, 0];
    const line = median.map((v, i) => {
      if (i < p.period - 1) return Number.NaN;
      const raw = top[i] === bottom[i] ? 0 : (v - bottom[i]) / (top[i] - bottom[i]) - 0.5;
      x = 0.33 * 2 * raw + 0.67 * x;
      if (Math.abs(x) > 0.99) x = 0.999 * Math.sign(x);
      f = 0.5 * Math.log((1 + x) / (1 - x)) + 0.5 * f;
      return f;
    });
    return { fisher: line, signal: shift(line, 1) };
  },
  fisher_transform: ([h, l], p) => {
    const median = zip(h, l, (a, b) => (a + b) / 2);
    let f = Number.NaN;
    const line = place(h, l, median, p.period).map((v) => {
      if (Number.isNaN(v)) return Number.NaN;
      const x = Math.min(0.999, Math.max(-0.999, v / 50 - 1));
      const raw = 0.5 * Math.log((1 + x) / (1 - x));
      const alpha = 2 / (p.smoothing + 1);
      f = Number.isNaN(f) ? raw : (1 - alpha) * f + alpha * raw;
      return f;
    });
    return { fisher: line, signal: shift(line, 1) };
  },
  awesome_oscillator: ([h, l], p) => {
    const median = zip(h, l, (a, b) => (a + b) / 2);
    return { value: zip(sma(median, p.fast_period), sma(median, p.slow_period), (f, s) => f - s) };
  },
  elder_ray: ([h, l, c], p) => {
    const average = ema(c, p.period);
    return { bull: zip(h, average, (v, a) => v - a), bear: zip(l, average, (v, a) => v - a) };
  },
  balance_of_power: ([o, h, l, c]) => ({
    value: c.map((v, i) => (h[i] === l[i] ? 0 : (v - o[i]) / (h[i] - l[i]))),
  }),
  tsi: ([x], p) => {
    const twice = (v: number[]) => exponential(exponential(v, p.long_period), p.short_period);
    const line = zip(twice(changes(x)), twice(changes(x).map(Math.abs)), (a, b) => (b === 0 ? 0 : (100 * a) / b));
    return { line, signal: exponential(line, p.signal_period) };
  },
  dpo: ([x], p) => ({
    value: zip(x, shift(sma(x, p.period), Math.floor(p.period / 2) + 1), (v, average) => v - average),
  }),
  rvi: ([o, h, l, c], p) => {
    const symmetric = (v: number[]) => windows(v, 4, ([x3, x2, x1, x0]) => (x3 + 2 * x2 + 2 * x1 + x0) / 6);
    const [bodies, ranges] = [symmetric(zip(c, o, (a, b) => a - b)), symmetric(zip(h, l, (a, b) => a - b))];
    const line = zip(smooth(bodies, p.period), smooth(ranges, p.period), (a, b) => (b === 0 ? Number.NaN : a / b));
    return { rvi: line, signal: smoothOverGaps(line, p.signal_period) };
  },
};

/** The mean of the last `period` defined values, at the bars that have one. */
function smoothOverGaps(x: readonly number[], period: number): number[] {
  const seen: number[] = [];
  return x.map((v) => {
    if (Number.isNaN(v)) return Number.NaN;
    seen.push(v);
    return seen.length < period ? Number.NaN : mean(seen.slice(-period));
  });
}
