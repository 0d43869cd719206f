import { Problem, type ProblemIssue } from "../../protocol/problem.ts";
import type { Position, SourcePositions } from "./source-positions.ts";

/** One fault of a strategy, with its cure, before it is known where in a file it stands. */
export interface StrategyFault {
  readonly message: string;
  /** An imperative sentence. */
  readonly cure: string;
  /** Keys from the root, such as ["indicators", "sma_fast", "period"]. */
  readonly path: readonly string[];
  /** The fault is about the key itself, not about its value. */
  readonly atKey?: boolean;
  /** The offset within the text at `path`, from 0. */
  readonly at?: number;
  /** Its position, when that is known already. */
  readonly position?: Position;
}

/** Origins of strategies; a strategy that did not come from a file has only paths. */
export interface StrategyOrigin {
  readonly name: string;
  readonly file?: string;
  readonly positions?: SourcePositions;
}

/** Throws a `Problem` (`invalid-strategy`) with every fault in its issues; there is at least one. */
export function throwFaults(faults: readonly StrategyFault[], origin: StrategyOrigin): never {
  // In the order of the file; faults without a position keep their place (the sort is stable).
  const issues = faults
    .map((fault) => ({ fault, issue: issueOf(fault, origin) }))
    .sort((a, b) => orderOf(a.issue) - orderOf(b.issue));
  const [{ fault: first, issue }] = issues;
  const where = [placeOf(issue), first.path.join(".")].filter((part) => part !== "");
  const subject = where.length === 0 ? `Strategy "${origin.name}"` : where.join(", ");
  const others = faults.length - 1;
  const more = others === 0 ? "" : ` (and ${others} more ${others === 1 ? "fault" : "faults"})`;
  throw new Problem("invalid-strategy", `${subject}: ${first.message}${more}`, {
    cure: first.cure,
    issues: issues.map((entry) => entry.issue),
  });
}

/** The message of an issue ends with the cure, since an issue has no other field for it. */
export function issueOf(fault: StrategyFault, { file, positions }: StrategyOrigin): ProblemIssue {
  const position = fault.position ?? positions?.positionOf(fault.path, fault);
  return {
    message: `${fault.message}. ${fault.cure}`,
    ...(fault.path.length === 0 ? {} : { path: fault.path.join(".") }),
    ...(file === undefined ? {} : { file }),
    ...position,
  };
}

function orderOf({ line = 0, column = 0 }: ProblemIssue): number {
  return line * 1_000_000 + column;
}

function placeOf({ file, line, column }: ProblemIssue): string {
  if (file === undefined) return "";
  return line === undefined ? file : `${file}:${line}:${column}`;
}
