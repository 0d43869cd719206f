/** The lines of one job that are not sent yet: a bounded tail, handed out a message at a time. Pure. */
import { byteLength } from "../../protocol/index.ts";

/** The protocol's limits for one message. */
const MESSAGE_LINES = 100;
const LINE_LENGTH = 2_000;
/** Limits one message's lines as JSON: a frame ends at 64 KiB. */
const MESSAGE_BYTES = 48 * 1024;
/** Kept while the registry is away, or while a job writes faster than lines are sent. */
const LINES_KEPT = 500;

export interface JobLog {
  readonly lines: string[];
  /** Lines before the first of `lines` that had to go. */
  dropped: number;
  /** Earliest moment for the next message, in the state machine's time. */
  sendAt: number;
}

export function emptyLog(): JobLog {
  return { lines: [], dropped: 0, sendAt: 0 };
}

export function isEmptyLog(log: JobLog): boolean {
  return log.lines.length === 0;
}

/** Adds lines, the oldest going where there are too many. The first line waits `delayMs` for others to come. */
export function addLines(log: JobLog, lines: readonly string[], now: number, delayMs: number): void {
  if (isEmptyLog(log)) log.sendAt = Math.max(log.sendAt, now + delayMs);
  for (const line of lines) log.lines.push(line.length <= LINE_LENGTH ? line : `${line.slice(0, LINE_LENGTH - 1)}…`);
  const surplus = log.lines.length - LINES_KEPT;
  if (surplus <= 0) return;
  log.lines.splice(0, surplus);
  log.dropped += surplus;
}

/** Takes the next message's lines out; where lines are missing, the first one says how many. */
export function takeLines(log: JobLog): string[] {
  const taken: string[] = [];
  let bytes = 0;
  if (log.dropped > 0) {
    taken.push(`[${log.dropped} lines were dropped here: the job wrote more than is kept]`);
    log.dropped = 0;
  }
  while (taken.length < MESSAGE_LINES && log.lines.length > 0) {
    const line = log.lines[0] ?? "";
    bytes += byteLength(JSON.stringify(line)) + 1;
    if (bytes > MESSAGE_BYTES && taken.length > 0) break;
    taken.push(line);
    log.lines.shift();
  }
  return taken;
}
