import { CLASSIC_REFERENCES } from "./classic.ts";
import {
  afterNaN,
  ema,
  highestOf,
  lowestOf,
  mean,
  type Reference,
  shift,
  sum,
  trueRanges,
  wilder,
  windows,
  zip,
} from "./helpers.ts";

const middle = (h: readonly number[], l: readonly number[], n: number) =>
  zip(highestOf(h, n), lowestOf(l, n), (a, b) => (a + b) / 2);

/** TA-Lib's running sum, shown from bar period - 1 on. */
function movement(own: readonly number[], other: readonly number[], period: number): number[] {
  let total = 0;
  return own.map((v, i) => {
    if (i === 0) return Number.NaN;
    const moved = v > other[i] && v > 0 ? v : 0;
    total = i < period ? total + moved : total - total / period + moved;
    return i < period - 1 ? Number.NaN : total;
  });
}

const ups = (h: readonly number[]) => h.map((v, i) => v - (h[i - 1] ?? Number.NaN));
const downs = (l: readonly number[]) => l.map((v, i) => (l[i - 1] ?? Number.NaN) - v);

/** Least squares from their textbook sums, measured from the window's first value. */
function regression(w: readonly number[]): { at: number; slope: number; intercept: number } {
  const n = w.length;
  const y = w.map((v) => v - w[0]);
  const centre = (n - 1) / 2;
  const slope = sum(y.map((v, k) => (k - centre) * v)) / sum(y.map((_, k) => (k - centre) ** 2));
  const intercept = mean(y) - slope * centre + w[0];
  return { at: intercept + slope * (n - 1), slope, intercept };
}

const aroon: Reference = ([h, l], p) => {
  const newest = (w: readonly number[], extreme: number) => p.period - w.lastIndexOf(extreme);
  const up = windows(h, p.period + 1, (w) => (100 * (p.period - newest(w, Math.max(...w)))) / p.period);
  const down = windows(l, p.period + 1, (w) => (100 * (p.period - newest(w, Math.min(...w)))) / p.period);
  return { up, down, oscillator: zip(up, down, (a, b) => a - b) };
};

const adx = CLASSIC_REFERENCES.adx;

export const TREND_REFERENCES: Readonly<Record<string, Reference>> = {
  plus_di: (inputs, p) => ({ value: adx(inputs, p).plus_di }),
  minus_di: (inputs, p) => ({ value: adx(inputs, p).minus_di }),
  plus_dm: ([h, l], p) => ({ value: movement(ups(h), downs(l), p.period) }),
  minus_dm: ([h, l], p) => ({ value: movement(downs(l), ups(h), p.period) }),
  dx: (inputs, p) => {
    const { plus_di: plus, minus_di: minus } = adx(inputs, p);
    return { value: zip(plus, minus, (a, b) => (a + b === 0 ? 0 : (100 * Math.abs(a - b)) / (a + b))) };
  },
  adxr: (inputs, p) => {
    const { adx: line } = adx(inputs, p);
    return { value: zip(line, shift(line, p.period - 1), (a, b) => (a + b) / 2) };
  },
  aroon,
  aroon_osc: (inputs, p) => ({ value: aroon(inputs, p).oscillator }),
  sar: ([h, l], p) => {
    const result = h.map(() => Number.NaN);
    if (h.length < 2) return { value: result };
    const down = l[0] - l[1];
    let isLong = !(down > 0 && down > h[1] - h[0]);
    let [stop, extreme, factor] = [isLong ? l[0] : h[0], isLong ? h[1] : l[1], p.acceleration];
    for (let i = 1; i < h.length; i++) {
      const lows = [l[Math.max(1, i - 1)], l[i]];
      const highs = [h[Math.max(1, i - 1)], h[i]];
      const limited = (v: number) => (isLong ? Math.min(v, ...lows) : Math.max(v, ...highs));
      if (isLong ? l[i] <= stop : h[i] >= stop) {
        isLong = !isLong;
        result[i] = limited(extreme);
        [extreme, factor] = [isLong ? h[i] : l[i], p.acceleration];
      } else {
        result[i] = stop;
        const further = isLong ? h[i] > extreme : l[i] < extreme;
        if (further) [extreme, factor] = [isLong ? h[i] : l[i], Math.min(p.maximum, factor + p.acceleration)];
      }
      stop = limited(result[i] + factor * (extreme - result[i]));
    }
    return { value: result };
  },
  supertrend: ([h, l, c], p) => {
    const simple = trueRanges(h, l, c).map((v, i) => (i === 0 ? h[0] - l[0] : v));
    const atr = p.average === 1 ? windows(simple, p.period, mean) : wilder(trueRanges(h, l, c), p.period);
    const first = atr.findIndex((v) => !Number.isNaN(v));
    const upper: number[] = [];
    const lower: number[] = [];
    const direction: number[] = [];
    for (let i = 0; i < c.length; i++) {
      const [top, bottom] = [(h[i] + l[i]) / 2 + p.multiplier * atr[i], (h[i] + l[i]) / 2 - p.multiplier * atr[i]];
      const fresh = i <= first || first < 0;
      upper.push(fresh || top < upper[i - 1] || c[i - 1] > upper[i - 1] ? top : upper[i - 1]);
      lower.push(fresh || bottom > lower[i - 1] || c[i - 1] < lower[i - 1] ? bottom : lower[i - 1]);
      if (i < first || first < 0) direction.push(Number.NaN);
      else if (i === first) direction.push(c[i] <= lower[i] ? -1 : 1);
      else if (direction[i - 1] === 1) direction.push(c[i] <= lower[i] ? -1 : 1);
      else direction.push(c[i] >= upper[i] ? 1 : -1);
    }
    const trend = direction.map((d, i) => (d === 1 ? lower[i] : d === -1 ? upper[i] : Number.NaN));
    return { trend, direction };
  },
  ichimoku: ([h, l, c], p) => {
    const [tenkan, kijun] = [middle(h, l, p.tenkan_period), middle(h, l, p.kijun_period)];
    return {
      tenkan,
      kijun,
      senkou_a: zip(tenkan, kijun, (a, b) => (a + b) / 2),
      senkou_b: middle(h, l, p.senkou_b_period),
      chikou: [...c],
    };
  },
  vortex: ([h, l, c], p) => {
    const ranges = trueRanges(h, l, c);
    const ratio = (moves: number[]) =>
      c.map((_, i) => {
        if (i < p.period) return Number.NaN;
        const range = sum(ranges.slice(i - p.period + 1, i + 1));
        return range === 0 ? 0 : sum(moves.slice(i - p.period + 1, i + 1)) / range;
      });
    return {
      plus: ratio(h.map((v, i) => Math.abs(v - l[i - 1]))),
      minus: ratio(l.map((v, i) => Math.abs(v - h[i - 1]))),
    };
  },
  mass_index: ([h, l], p) => {
    const once = ema(
      zip(h, l, (a, b) => a - b),
      p.ema_period,
    );
    const ratio = zip(
      once,
      afterNaN(once, (v) => ema(v, p.ema_period)),
      (a, b) => (b === 0 ? 1 : a / b),
    );
    return { value: afterNaN(ratio, (v) => windows(v, p.period, sum)) };
  },
  choppiness: ([h, l, c], p) => {
    const paths = windows(trueRanges(h, l, c), p.period, sum);
    const [hh, ll] = [highestOf(h, p.period), lowestOf(l, p.period)];
    return {
      value: paths.map((path, i) => {
        if (i < p.period) return Number.NaN;
        return hh[i] === ll[i] ? 100 : (100 * Math.log10(path / (hh[i] - ll[i]))) / Math.log10(p.period);
      }),
    };
  },
  linreg: ([x], p) => ({
    value: windows(x, p.period, (w) => regression(w).at),
    slope: windows(x, p.period, (w) => regression(w).slope),
    intercept: windows(x, p.period, (w) => regression(w).intercept),
    angle: windows(x, p.period, (w) => (Math.atan(regression(w).slope) * 180) / Math.PI),
  }),
  linreg_value: ([x], p) => ({ value: windows(x, p.period, (w) => regression(w).at) }),
  linreg_slope: ([x], p) => ({ value: windows(x, p.period, (w) => regression(w).slope) }),
  tsf: ([x], p) => ({ value: windows(x, p.period, (w) => regression(w).at + regression(w).slope) }),
};
