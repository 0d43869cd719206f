/** Building blocks of the slow, obvious indicators. */
import type { IndicatorParameters } from "../declaration.ts";

type ReferenceOutputs = Record<string, number[]>;
export type Reference = (inputs: readonly number[][], parameters: IndicatorParameters) => ReferenceOutputs;

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function deviation(values: readonly number[]): number {
  return Math.sqrt(mean(values.map((v) => (v - mean(values)) ** 2)));
}

export function windows(
  values: readonly number[],
  period: number,
  of: (window: readonly number[]) => number,
): number[] {
  return values.map((_, i) => (i < period - 1 ? Number.NaN : of(values.slice(i - period + 1, i + 1))));
}

export function ema(values: readonly number[], period: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (i < period - 1) result.push(Number.NaN);
    else if (i === period - 1) result.push(mean(values.slice(0, period)));
    else result.push(result[i - 1] + (2 / (period + 1)) * (values[i] - result[i - 1]));
  }
  return result;
}

/** Wilder's average of values 1.., since value 0 is a change that does not exist. */
export function wilder(values: readonly number[], period: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (i < period) result.push(Number.NaN);
    else if (i === period) result.push(mean(values.slice(1, period + 1)));
    else result.push((result[i - 1] * (period - 1) + values[i]) / period);
  }
  return result;
}

/** TA-Lib's running sum: values 1..period - 1 to begin with, shown from `period` on. */
export function wilderSum(values: readonly number[], period: number): number[] {
  let total = sum(values.slice(1, period));
  return values.map((value, i) => {
    if (i < period) return Number.NaN;
    total = total - total / period + value;
    return total;
  });
}

export function trueRanges(h: readonly number[], l: readonly number[], c: readonly number[]): number[] {
  return h.map((v, i) =>
    i === 0 ? Number.NaN : Math.max(v - l[i], Math.abs(v - c[i - 1]), Math.abs(l[i] - c[i - 1])),
  );
}

export function highestOf(values: readonly number[], period: number): number[] {
  return windows(values, period, (w) => Math.max(...w));
}

export function lowestOf(values: readonly number[], period: number): number[] {
  return windows(values, period, (w) => Math.min(...w));
}

/** values[i - bars]; NaN before. */
export function shift(values: readonly number[], bars: number): number[] {
  return values.map((_, i) => values[i - bars] ?? Number.NaN);
}

/** `of` over only the defined values: the leading NaNs are kept and hidden from it. */
export function afterNaN(values: readonly number[], of: (defined: number[]) => number[]): number[] {
  const begin = values.findIndex((v) => !Number.isNaN(v));
  if (begin < 0) return [...values];
  return [...values.slice(0, begin), ...of(values.slice(begin))];
}

export function zip(a: readonly number[], b: readonly number[], of: (a: number, b: number) => number): number[] {
  return a.map((v, i) => of(v, b[i]));
}

export function wma(values: readonly number[], period: number): number[] {
  return windows(values, period, (w) => sum(w.map((v, k) => v * (k + 1))) / sum(w.map((_, k) => k + 1)));
}

export function sma(values: readonly number[], period: number): number[] {
  return windows(values, period, mean);
}

/** pandas' ewm, straight from its definition. */
export function ewm(values: readonly number[], alpha: number, adjust: boolean): number[] {
  if (!adjust) {
    const result: number[] = [];
    for (const [i, v] of values.entries()) result.push(i === 0 ? v : (1 - alpha) * result[i - 1] + alpha * v);
    return result;
  }
  return values.map((_, i) => {
    const weights = values.slice(0, i + 1).map((_, k) => (1 - alpha) ** (i - k));
    return sum(weights.map((w, k) => w * values[k])) / sum(weights);
  });
}

export function soFar(values: readonly number[], period: number, of: (window: readonly number[]) => number): number[] {
  return values.map((_, i) => of(values.slice(Math.max(0, i - period + 1), i + 1)));
}
