/** Bars that are missing, told apart from the nights and weekends at which a market is closed. */
import { WEEK_MS } from "../../protocol/durations.ts";
import type { Gap, GapReport } from "./manifest.ts";
import { timeframeMs } from "./timeframe.ts";

/** A bar is expected when more than half of the weeks around it, four on each side, have one at the same time… */
const WEEKS_EACH_SIDE = 4;
/** …or when this share of all weeks has: an outage of weeks leaves none around it. */
const USUAL_SHARE = 0.9;
/** The most gaps that a report lists. */
const LISTED_GAPS = 5;

interface Pause {
  row: number;
  missingBars: number;
}

/**
 * Lists the gaps of ascending bar times. A pause between two bars counts as a gap when it lacks at least one bar that
 * most of the surrounding weeks have, or nearly all weeks of the series; so nights, weekends and a change to summer time are usual pauses, and
 * holidays and outages are gaps. Series that are too short for that (under three weeks), and bars of a week or more,
 * have every pause counted that is longer than one and a half bars.
 */
export function reportGaps(timeMs: Float64Array, timeframe: string): GapReport {
  const stepMs = timeframeMs(timeframe);
  const pauses = findPauses(timeMs, stepMs);
  const rhythm = pauses.length === 0 ? null : WeeklyRhythm.of(timeMs, stepMs);
  const report = {
    timeframe,
    count: 0,
    missingBars: 0,
    longest: null as Gap | null,
    first: [] as Gap[],
    usualPauses: 0,
  };
  for (const { row, missingBars } of pauses) {
    const missing = rhythm === null ? missingBars : rhythm.expectedBetween(timeMs[row - 1], timeMs[row]);
    if (missing === 0) {
      report.usualPauses++;
      continue;
    }
    const gap = { afterMs: timeMs[row - 1], beforeMs: timeMs[row], missingBars: missing };
    report.count++;
    report.missingBars += missing;
    if (report.first.length < LISTED_GAPS) report.first.push(gap);
    if (report.longest === null || missing > report.longest.missingBars) report.longest = gap;
  }
  return report;
}

function findPauses(timeMs: Float64Array, stepMs: number): Pause[] {
  const pauses: Pause[] = [];
  const longest = stepMs * 1.5;
  for (let row = 1; row < timeMs.length; row++) {
    const distance = timeMs[row] - timeMs[row - 1];
    if (distance > longest) pauses.push({ row, missingBars: Math.max(1, Math.round(distance / stepMs) - 1) });
  }
  return pauses;
}

/** The slots of each week that have a bar, as bits; a slot is one bar length. */
class WeeklyRhythm {
  readonly #stepMs: number;
  readonly #firstSlot: number;
  readonly #slotsAWeek: number;
  readonly #weeks: number;
  readonly #present: Uint8Array;
  /** For each slot of a week, the number of weeks that have it. */
  readonly #weeksWith: Uint32Array;

  /** Null when the series is too short to have a rhythm, or its bars do not divide a week. */
  static of(timeMs: Float64Array, stepMs: number): WeeklyRhythm | null {
    const slotsAWeek = WEEK_MS / stepMs;
    const spanMs = timeMs[timeMs.length - 1] - timeMs[0];
    if (!Number.isInteger(slotsAWeek) || slotsAWeek < 2 || spanMs < 3 * WEEK_MS) return null;
    // Bars so sparse that the bits would outweigh the data have no rhythm to speak of.
    if (spanMs / stepMs > timeMs.length * 64) return null;
    return new WeeklyRhythm(timeMs, stepMs, slotsAWeek);
  }

  private constructor(timeMs: Float64Array, stepMs: number, slotsAWeek: number) {
    this.#stepMs = stepMs;
    this.#slotsAWeek = slotsAWeek;
    this.#firstSlot = Math.floor(timeMs[0] / stepMs);
    const slots = Math.floor(timeMs[timeMs.length - 1] / stepMs) - this.#firstSlot + 1;
    this.#weeks = Math.ceil(slots / slotsAWeek);
    this.#present = new Uint8Array((slots + 7) >>> 3);
    this.#weeksWith = new Uint32Array(slotsAWeek);
    for (let row = 0; row < timeMs.length; row++) {
      const slot = Math.floor(timeMs[row] / stepMs) - this.#firstSlot;
      const isNew = ((this.#present[slot >>> 3] >>> (slot & 7)) & 1) === 0;
      this.#present[slot >>> 3] |= 1 << (slot & 7);
      if (isNew) this.#weeksWith[slot % slotsAWeek]++;
    }
  }

  /** Counts the bars expected strictly between two bars. */
  expectedBetween(afterMs: number, beforeMs: number): number {
    const end = Math.floor(beforeMs / this.#stepMs) - this.#firstSlot;
    let expected = 0;
    for (let slot = Math.floor(afterMs / this.#stepMs) - this.#firstSlot + 1; slot < end; slot++) {
      if (this.#isExpected(slot)) expected++;
    }
    return expected;
  }

  #isExpected(slot: number): boolean {
    if (this.#weeksWith[slot % this.#slotsAWeek] >= USUAL_SHARE * this.#weeks) return true;
    const week = Math.floor(slot / this.#slotsAWeek);
    const from = Math.max(-week, -WEEKS_EACH_SIDE);
    const to = Math.min(this.#weeks - 1 - week, WEEKS_EACH_SIDE);
    let present = 0;
    for (let away = from; away <= to; away++) {
      if (away === 0) continue;
      const other = slot + away * this.#slotsAWeek;
      present += (this.#present[other >>> 3] >>> (other & 7)) & 1;
    }
    return present * 2 > to - from;
  }
}
