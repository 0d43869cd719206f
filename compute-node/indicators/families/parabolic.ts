/** Wilder's parabolic stop and reverse, bar by bar. */

/**
 * Starts at bar 1, short when the downward movement from bar 0 is the larger one (TA-Lib). NaN for bar 0.
 * The stop shown for a bar is the one in force during it.
 */
export function parabolic(acceleration: number, maximum: number): (high: number, low: number) => number {
  let [count, lastHigh, lastLow, stop, extreme, factor] = [0, 0, 0, 0, 0, acceleration];
  let isLong = true;

  function start(high: number, low: number): void {
    const down = lastLow - low;
    isLong = !(down > 0 && down > high - lastHigh);
    stop = isLong ? lastLow : lastHigh;
    extreme = isLong ? high : low;
    // At the first bar the two last bars are that bar itself.
    lastHigh = high;
    lastLow = low;
  }

  function turn(high: number, low: number): number {
    isLong = !isLong;
    const shown = isLong ? Math.min(extreme, lastLow, low) : Math.max(extreme, lastHigh, high);
    factor = acceleration;
    extreme = isLong ? high : low;
    stop = advanced(shown, high, low);
    return shown;
  }

  function advanced(from: number, high: number, low: number): number {
    const next = from + factor * (extreme - from);
    return isLong ? Math.min(next, lastLow, low) : Math.max(next, lastHigh, high);
  }

  function goOn(high: number, low: number): number {
    const shown = stop;
    const isFurther = isLong ? high > extreme : low < extreme;
    if (isFurther) {
      extreme = isLong ? high : low;
      factor = Math.min(factor + acceleration, maximum);
    }
    stop = advanced(shown, high, low);
    return shown;
  }

  return (high, low) => {
    const bar = count++;
    let shown = Number.NaN;
    if (bar > 0) {
      if (bar === 1) start(high, low);
      const isHit = isLong ? low <= stop : high >= stop;
      shown = isHit ? turn(high, low) : goOn(high, low);
    }
    lastHigh = high;
    lastLow = low;
    return shown;
  };
}
