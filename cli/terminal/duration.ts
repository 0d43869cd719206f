/** Formats spans and moments for people. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../protocol/durations.ts";

/** Two units at most: `850 ms`, `4.2 s`, `3 min 20 s`, `5 h 12 min`, `12 d 3 h`. */
export function durationText(durationMs: number): string {
  if (durationMs < SECOND_MS) return `${Math.round(durationMs)} ms`;
  if (durationMs < MINUTE_MS) return `${(durationMs / SECOND_MS).toFixed(1)} s`;
  if (durationMs < HOUR_MS) return twoUnits(durationMs, MINUTE_MS, "min", SECOND_MS, "s");
  if (durationMs < DAY_MS) return twoUnits(durationMs, HOUR_MS, "h", MINUTE_MS, "min");
  return twoUnits(durationMs, DAY_MS, "d", HOUR_MS, "h");
}

function twoUnits(durationMs: number, largeMs: number, large: string, smallMs: number, small: string): string {
  const rest = Math.floor((durationMs % largeMs) / smallMs);
  const head = `${Math.floor(durationMs / largeMs)} ${large}`;
  return rest === 0 ? head : `${head} ${rest} ${small}`;
}

/** `3 min 20 s ago`, or `-` for never. */
export function agoText(timestampMs: number | null, nowMs: number): string {
  return timestampMs === null ? "-" : `${durationText(Math.max(0, nowMs - timestampMs))} ago`;
}

/** `2026-11-23 18:48:05Z`. */
export function momentText(timestampMs: number): string {
  return `${new Date(timestampMs).toISOString().slice(0, 19).replace("T", " ")}Z`;
}
