/** The time column of one CSV file: every row counts time in the same way. */
import type { ResultWarning } from "../../protocol/index.ts";
import type { CsvScanner } from "./csv-scanner.ts";
import type { RowFaults } from "./row-faults.ts";
import { type EpochUnit, epochUnit, readTimeText, type TimeReading } from "./time-text.ts";

/** Whole counts below 2^53 give the exact millisecond, or a fraction that sends them to the exact reading of text. */
const COUNTS_A_MS = { milliseconds: 1, microseconds: 1000, nanoseconds: 1_000_000 } as const;

export class CsvTimes {
  readonly #scanner: CsvScanner;
  readonly #faults: RowFaults;
  /** Set by the first row. */
  #kind: "calendar" | EpochUnit | undefined;
  #unzoned = 0;

  constructor(scanner: CsvScanner, faults: RowFaults) {
    this.#scanner = scanner;
    this.#faults = faults;
  }

  /** Milliseconds since 1970 of the field at the scanner, or NaN after adding a fault to `line`. */
  read(line: number): number {
    const start = this.#scanner.position;
    const ms = this.#kind === undefined || this.#kind === "calendar" ? this.#scanner.readTime() : this.#readCount();
    if (Number.isInteger(ms)) {
      this.#kind ??= "calendar";
      return ms;
    }
    this.#scanner.position = start;
    return this.#readText(line);
  }

  warnings(): ResultWarning[] {
    const unzoned = this.#unzoned + this.#scanner.unzonedTimes;
    const warnings: ResultWarning[] = [];
    if (unzoned > 0) {
      const message = `${unzoned} times have no zone and were read as UTC.`;
      warnings.push({ code: "time-zone-assumed", message, count: unzoned });
    }
    if (this.#kind !== undefined && this.#kind !== "calendar") {
      const message = `The times are numbers and were read as ${this.#kind} since 1970, by their size.`;
      warnings.push({ code: "time-unit-assumed", message, count: 1 });
    }
    return warnings;
  }

  #readCount(): number {
    const count = this.#scanner.readNumber();
    const unit = epochUnit(count);
    if (unit !== this.#kind) return Number.NaN;
    return unit === "seconds" ? count * 1000 : count / COUNTS_A_MS[unit];
  }

  #readText(line: number): number {
    const text = this.#scanner.readText();
    const reading: TimeReading = text.trim() === "" ? { fault: "is empty" } : readTimeText(text);
    if ("fault" in reading) {
      this.#faults.add(line, `the time '${text.trim().slice(0, 40)}' ${reading.fault}`);
      return Number.NaN;
    }
    const { ms, kind } = reading;
    if (kind === "unzoned") this.#unzoned++;
    const counted = kind === "date" || kind === "zoned" || kind === "unzoned" ? "calendar" : kind;
    this.#kind ??= counted;
    if (counted === this.#kind) return ms;
    this.#faults.add(
      line,
      `the time '${text.trim()}' reads as ${named(counted)}, and the rows before as ${named(this.#kind)}`,
    );
    return Number.NaN;
  }
}

function named(kind: "calendar" | EpochUnit): string {
  return kind === "calendar" ? "a date" : `${kind} since 1970`;
}
