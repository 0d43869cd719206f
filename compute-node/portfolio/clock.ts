/** One clock for symbols with different trading hours: the union of their bars' times. */

/** Two ascending columns without repetitions → one. */
function merge(a: Float64Array, b: Float64Array): Float64Array {
  const merged = new Float64Array(a.length + b.length);
  let [i, j, count] = [0, 0, 0];
  while (i < a.length || j < b.length) {
    const left = i < a.length ? a[i] : Number.POSITIVE_INFINITY;
    const right = j < b.length ? b[j] : Number.POSITIVE_INFINITY;
    if (left <= right) i++;
    if (right <= left) j++;
    merged[count++] = Math.min(left, right);
  }
  return merged.subarray(0, count);
}

function isSame(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

interface Clock {
  /** Ascending, milliseconds. */
  readonly timeMs: Float64Array;
  /** For each symbol the moment of each of its bars, an index into `timeMs`. Symbols with the same hours share one. */
  readonly momentsOf: readonly Int32Array[];
}

/** O(symbols · moments); symbols with equal times cost a comparison. */
export function clockOf(times: readonly Float64Array[]): Clock {
  let timeMs: Float64Array = new Float64Array(0);
  for (const column of times) if (!isSame(timeMs, column)) timeMs = merge(timeMs, column);
  const whole = new Int32Array(timeMs.length);
  for (let moment = 0; moment < whole.length; moment++) whole[moment] = moment;
  return {
    timeMs,
    momentsOf: times.map((column) => (column.length === timeMs.length ? whole : momentsIn(timeMs, column))),
  };
}

function momentsIn(clock: Float64Array, times: Float64Array): Int32Array {
  const moments = new Int32Array(times.length);
  let moment = 0;
  for (let bar = 0; bar < times.length; bar++) {
    while (clock[moment] < times[bar]) moment++;
    moments[bar] = moment;
  }
  return moments;
}
