/** Bar lengths as text (`5m`, `1d`, `1mo`) and as milliseconds, and the length that a series of bars has. */
import { DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS } from "../../protocol/durations.ts";
import { Problem, timeframe as timeframeSchema } from "../../protocol/index.ts";

const UNIT_MS = {
  s: 1000,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
  w: WEEK_MS,
  /** A calendar month varies; its mean in the Gregorian calendar. */
  mo: 2_629_746_000,
} as const;

/** Milliseconds of a bar length; a month counts as its mean, 30.44 days. Throws `invalid-request` for other text. */
export function timeframeMs(timeframe: string): number {
  if (!timeframeSchema.safeParse(timeframe).success) {
    throw new Problem("invalid-request", `'${timeframe}' is not a timeframe.`, {
      cure: "Write a count and a unit (s, m, h, d, w, mo), such as 5m or 1d.",
    });
  }
  const count = Number.parseInt(timeframe, 10);
  return count * UNIT_MS[timeframe.slice(String(count).length) as keyof typeof UNIT_MS];
}

/** The bar length whose start times lie `stepMs` apart, or null when no count of a unit fits. */
export function timeframeOfStep(stepMs: number): string | null {
  const days = stepMs / UNIT_MS.d;
  if (days >= 28 && days <= 31) return "1mo";
  for (const unit of ["w", "d", "h", "m", "s"] as const) {
    const count = stepMs / UNIT_MS[unit];
    if (Number.isInteger(count) && count >= 1 && count <= 9999) return `${count}${unit}`;
  }
  return null;
}

/** The most common distance between neighbouring bars, in milliseconds (the shorter on a tie); null below two bars. */
export function commonStepMs(timeMs: Float64Array): number | null {
  const counts = new Map<number, number>();
  let runStep = 0;
  let runLength = 0;
  const flush = () => {
    if (runLength > 0) counts.set(runStep, (counts.get(runStep) ?? 0) + runLength);
  };
  for (let row = 1; row < timeMs.length; row++) {
    const step = timeMs[row] - timeMs[row - 1];
    if (step === runStep) runLength++;
    else {
      flush();
      runStep = step;
      runLength = 1;
    }
  }
  flush();
  let best: number | null = null;
  let bestCount = 0;
  for (const [step, count] of counts) {
    if (count > bestCount || (count === bestCount && best !== null && step < best)) {
      best = step;
      bestCount = count;
    }
  }
  return best;
}
