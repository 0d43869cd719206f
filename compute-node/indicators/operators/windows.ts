/** Windows over past values, one value at a time; NaN is passed through without being taken in. */
import { deviationOperator } from "../rolling-deviation.ts";
import { highestOperator, lowestOperator } from "../rolling-extremes.ts";
import type { Operator } from "./averages.ts";

export { deviationOperator as deviation, highestOperator as highest, lowestOperator as lowest };

/** The value `count` values ago; 0 is the value itself. */
export function delay(count: number): Operator {
  if (count === 0) return (value) => value;
  const ring = new Float64Array(count).fill(Number.NaN);
  let at = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    const past = ring[at];
    ring[at] = value;
    at = at + 1 === count ? 0 : at + 1;
    return past;
  };
}

/** Value less the value `count` values ago. */
export function change(count: number): Operator {
  const past = delay(count);
  return (value) => value - past(value);
}

/**
 * Sum of the last `period` values, kept as an unevaluated pair so that nothing drifts (see `rollingMean`); exactly 0 when
 * all of them are.
 */
export function total(period: number): Operator {
  const window = new Float64Array(period);
  const sum = new Float64Array(2);
  let at = 0;
  let count = 0;
  let others = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    if (count >= period) {
      addTo(sum, -window[at]);
      if (window[at] !== 0) others--;
    } else count++;
    if (value !== 0) others++;
    if (others === 0) sum.fill(0);
    else addTo(sum, value);
    window[at] = value;
    at = at + 1 === period ? 0 : at + 1;
    return count < period ? Number.NaN : sum[0] + sum[1];
  };
}

/** Adds to an unevaluated pair (Knuth's TwoSum). */
function addTo(sum: Float64Array, value: number): void {
  const high = sum[0];
  const grown = high + value;
  const part = grown - high;
  sum[0] = grown;
  sum[1] += high - (grown - part) + (value - part);
}

/** Sum of every value so far, without drift. */
export function runningTotal(): Operator {
  const sum = new Float64Array(2);
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    addTo(sum, value);
    return sum[0] + sum[1];
  };
}

/** As `total`, over the values there are while fewer than `period` were given. */
export function totalSoFar(period: number): Operator {
  const whole = total(period);
  const begun = runningTotal();
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    const full = whole(value);
    return !Number.isNaN(full) ? full : begun(value);
  };
}

/** Mean of the last `period` values, or of those there are; summed anew for each, oldest first. */
export function meanSoFar(period: number): Operator {
  const window = new Float64Array(period);
  let count = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    window[count++ % period] = value;
    const first = Math.max(0, count - period);
    let sum = 0;
    for (let past = first; past < count; past++) sum += window[past % period];
    return sum / (count - first);
  };
}

/**
 * The number of values since the highest of the last `period` (0: now); NaN until warm. Takes the newest of equal ones,
 * or the oldest. Negate the values for the lowest. A queue of candidates in falling order: constant time on average.
 */
export function sinceHighest(period: number, ofEquals: "newest" | "oldest"): Operator {
  const values = new Float64Array(period);
  const places = new Float64Array(period);
  let first = 0;
  let size = 0;
  let count = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    if (size > 0 && places[first] <= count - period) {
      first = (first + 1) % period;
      size--;
    }
    while (size > 0) {
      const last = values[(first + size - 1) % period];
      if (last > value || (last === value && ofEquals === "oldest")) break;
      size--;
    }
    const at = (first + size) % period;
    values[at] = value;
    places[at] = count;
    size++;
    count++;
    return count < period ? Number.NaN : count - 1 - places[first];
  };
}

/** The last `period` values in one piece, oldest first, for operators that look at them all; null until warm. */
export function lastValues(period: number): (value: number) => Float64Array | null {
  const window = new Float64Array(2 * period);
  const views = Array.from({ length: period }, (_, start) => window.subarray(start, start + period));
  let at = 0;
  let count = 0;
  return (value) => {
    if (Number.isNaN(value)) return null;
    window[at] = value;
    window[at + period] = value;
    at = at + 1 === period ? 0 : at + 1;
    return ++count < period ? null : views[at];
  };
}
