/** Collects the faults in the rows of one file: the first few in full, and the number of all. */
import { Problem, type ProblemIssue } from "../../protocol/index.ts";

/** Faults that a rejection lists. */
const LISTED_FAULTS = 20;

const CORRECT = "Correct the file and load it again.";

export class RowFaults {
  readonly #file: string;
  readonly #unit: "line" | "row";
  readonly #issues: ProblemIssue[] = [];
  #count = 0;
  #cure: string | undefined;

  /** @param unit the unit of the places: lines of a text file, or rows of a table; both from 1. */
  constructor(file: string, unit: "line" | "row") {
    this.#file = file;
    this.#unit = unit;
  }

  get count(): number {
    return this.#count;
  }

  /** `line 17`, or `row 17`. */
  nameOf(place: number): string {
    return `${this.#unit} ${place}`;
  }

  /** @param place the line or row, from 1. The first fault's cure is the rejection's. */
  add(place: number, message: string, cure?: string): void {
    this.#count++;
    this.#cure ??= cure;
    if (this.#issues.length === LISTED_FAULTS) return;
    const where = this.#unit === "line" ? { line: place } : { path: this.nameOf(place) };
    this.#issues.push({ message, file: this.#file, ...where });
  }

  /** Throws `invalid-data` with every listed fault, when there is one. */
  throwIfAny(): void {
    const first = this.#issues[0];
    if (first === undefined) return;
    const where = `${this.#file}, ${first.path ?? `line ${first.line}`}: ${first.message}.`;
    const others = this.#count - 1;
    const unlisted = this.#count - this.#issues.length;
    const rest = others === 0 ? "" : ` And ${others} more fault${others === 1 ? "" : "s"} in other ${this.#unit}s`;
    const listed = unlisted === 0 ? "" : `, of which ${this.#issues.length - 1} are listed`;
    throw new Problem("invalid-data", `${where}${rest}${others === 0 ? "" : `${listed}.`}`, {
      cure: this.#cure ?? CORRECT,
      issues: this.#issues,
    });
  }
}
