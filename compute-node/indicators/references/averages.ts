import { afterNaN, ema, ewm, mean, type Reference, sma, sum, windows, wma, zip } from "./helpers.ts";

const nested = (x: readonly number[], period: number, count: number): number[][] => {
  const averages: number[][] = [];
  for (let k = 0; k < count; k++) averages.push(afterNaN(averages[k - 1] ?? x, (v) => ema(v, period)));
  return averages;
};
const weightedBy = (x: readonly number[], weights: readonly number[]) =>
  windows(x, weights.length, (w) => sum(w.map((v, k) => v * weights[k])) / sum(weights));

export const AVERAGE_REFERENCES: Readonly<Record<string, Reference>> = {
  dema: ([x], p) => {
    const [a, b] = nested(x, p.period, 2);
    return { value: zip(a, b, (u, v) => 2 * u - v) };
  },
  tema: ([x], p) => {
    const [a, b, c] = nested(x, p.period, 3);
    return { value: a.map((u, i) => 3 * u - 3 * b[i] + c[i]) };
  },
  t3: ([x], p) => {
    const v = p.volume_factor;
    const [, , e3, e4, e5, e6] = nested(x, p.period, 6);
    const weights = [1 + 3 * v + 3 * v ** 2 + v ** 3, -(3 * v + 6 * v ** 2 + 3 * v ** 3), 3 * v ** 2 + 3 * v ** 3];
    return { value: e3.map((u, i) => weights[0] * u + weights[1] * e4[i] + weights[2] * e5[i] - v ** 3 * e6[i]) };
  },
  kama: ([x], p) => {
    const result: number[] = [];
    for (let i = 0; i < x.length; i++) {
      if (i < p.period) {
        result.push(Number.NaN);
        continue;
      }
      const steps = Array.from({ length: p.period }, (_, k) => Math.abs(x[i - k] - x[i - k - 1]));
      const move = Math.abs(x[i] - x[i - p.period]);
      const efficiency = sum(steps) <= move ? 1 : move / sum(steps);
      const [fast, slow] = [2 / (p.fast_period + 1), 2 / (p.slow_period + 1)];
      const last = i === p.period ? x[i - 1] : result[i - 1];
      result.push(last + (efficiency * (fast - slow) + slow) ** 2 * (x[i] - last));
    }
    return { value: result };
  },
  hma: ([x], p) => {
    const raw = zip(wma(x, Math.floor(p.period / 2)), wma(x, p.period), (a, b) => 2 * a - b);
    return { value: afterNaN(raw, (v) => wma(v, Math.floor(Math.sqrt(p.period)))) };
  },
  trima: ([x], p) => {
    const rising = Array.from({ length: p.period }, (_, k) => Math.min(k + 1, p.period - k));
    return { value: weightedBy(x, rising) };
  },
  vwma: ([x, volume], p) => ({
    value: x.map((_, i) => {
      const from = i - p.period + 1;
      const weight = sum(volume.slice(Math.max(0, from), i + 1));
      if (from < 0 || weight === 0) return Number.NaN;
      return sum(x.slice(from, i + 1).map((v, k) => v * volume[from + k])) / weight;
    }),
  }),
  zlema: ([x], p) => {
    const lag = Math.floor((p.period - 1) / 2);
    const raw = x.map((v, i) => 2 * v - (x[i - lag] ?? Number.NaN));
    return { value: afterNaN(raw, (v) => ema(v, p.period)) };
  },
  alma: ([x], p) => {
    const [m, s] = [p.offset * (p.period - 1), p.period / p.sigma];
    return {
      value: weightedBy(
        x,
        Array.from({ length: p.period }, (_, k) => Math.exp(-((k - m) ** 2) / (2 * s * s))),
      ),
    };
  },
  smma: ([x], p) => {
    const result: number[] = [];
    for (let i = 0; i < x.length; i++) {
      if (i < p.period - 1) result.push(Number.NaN);
      else if (i === p.period - 1) result.push(mean(x.slice(0, p.period)));
      else result.push((result[i - 1] * (p.period - 1) + x[i]) / p.period);
    }
    return { value: result };
  },
  swma: ([x], p) => ({
    value: weightedBy(
      x,
      Array.from({ length: p.period }, (_, k) => Math.sin((Math.PI * (k + 1)) / (p.period + 1))),
    ),
  }),
  distance_from_ma: ([x], p) => {
    const average = p.ma_type === 0 ? sma(x, p.period) : ewm(x, 2 / (p.period + 1), true);
    return { value: x.map((v, i) => (i < p.period - 1 ? Number.NaN : (100 * (v - average[i])) / average[i])) };
  },
};
