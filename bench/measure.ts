/** Takes time for every benchmark in here. */

/** Seconds on a clock that only goes forward. */
export function nowSeconds(): number {
  return performance.now() / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[sorted.length >> 1];
}

/** Long enough for the compiler to settle. */
const WARM_UP_SECONDS = 1;
/** Long enough for the clock, short enough to see a quiet moment. */
const ROUND_SECONDS = 0.05;

/** Median seconds of one call, over `rounds` rounds of as many calls as fill a round, after a warm-up. */
export function medianSeconds(work: () => void, rounds: number): number {
  return leastAndMedianSeconds(work, rounds).median;
}

/** As `medianSeconds`, and the least: the machine's speed when nobody else wants it. */
export function leastAndMedianSeconds(work: () => void, rounds: number): { least: number; median: number } {
  const warmUpStart = nowSeconds();
  let calls = 0;
  do {
    work();
    calls++;
  } while (nowSeconds() - warmUpStart < WARM_UP_SECONDS);
  const perRound = Math.max(1, Math.round((calls * ROUND_SECONDS) / (nowSeconds() - warmUpStart)));
  const seconds = Array.from({ length: rounds }, () => {
    const start = nowSeconds();
    for (let call = 0; call < perRound; call++) work();
    return (nowSeconds() - start) / perRound;
  });
  return { least: Math.min(...seconds), median: median(seconds) };
}
