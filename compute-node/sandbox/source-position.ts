/** Finds where in the files as written an error of a strategy's code arose. */
import { SourceMap, type SourceMapPayload } from "node:module";
import { SCRIPT_FILE } from "./sandbox.ts";

interface SourcePosition {
  /** As the source map names it; `ktrdr-strategy.js` without one. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
}

const PLACE = `${SCRIPT_FILE.replaceAll(".", "\\.")}:(\\d+)`;
const FRAME = new RegExp(`${PLACE}:(\\d+)`);
/** The first line of Node's stack for code that does not parse. */
const HEADING = new RegExp(PLACE);

/** The place of the innermost frame in the strategy's code; null when the error has none. */
export function positionOf(thrown: unknown, sourceMap: string | undefined): SourcePosition | null {
  const stack = typeof thrown === "object" && thrown !== null && "stack" in thrown ? String(thrown.stack) : "";
  const [, line, column = "1"] = FRAME.exec(stack) ?? HEADING.exec(stack) ?? [];
  if (line === undefined) return null;
  const place = { line: Number(line), column: Number(column) };
  return originalOf(place, sourceMap) ?? { file: SCRIPT_FILE, ...place };
}

/** Null where there is no usable map: a damaged one must not hide the error itself. */
function originalOf(place: { line: number; column: number }, sourceMap: string | undefined): SourcePosition | null {
  if (sourceMap === undefined) return null;
  try {
    const entry = new SourceMap(JSON.parse(sourceMap) as SourceMapPayload).findEntry(place.line - 1, place.column - 1);
    if (!("originalSource" in entry)) return null;
    return { file: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  } catch {
    return null;
  }
}
