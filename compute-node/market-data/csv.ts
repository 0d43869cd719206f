/** Prices in CSV files, parsed from bytes into columns, and checked. */
import { Problem, type ResultWarning } from "../../protocol/index.ts";
import { allocateBars, BAR_COLUMN_NAMES, type BarColumns, barsBetween } from "./bars.ts";
import { COLUMN_ROLES, type ColumnChoice, IGNORED, planColumns } from "./columns-plan.ts";
import { type CsvHeader, readHeader, withoutByteOrderMark } from "./csv-header.ts";
import { CsvScanner } from "./csv-scanner.ts";
import { CsvTimes } from "./csv-times.ts";
import { RowFaults } from "./row-faults.ts";
import { type ValidationOptions, validateBars } from "./validate.ts";

export interface LoadOptions extends ValidationOptions {
  /** The file's own names for columns that are not called as usual, such as `{ close: "Last" }`. */
  readonly columns?: ColumnChoice;
  /** Told now and then how much of the file is read, from 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

/** The result of a loader: bars that passed every check, and the warnings about them. */
export interface LoadedBars {
  readonly bars: BarColumns;
  readonly warnings: readonly ResultWarning[];
}

/** The role of the column that may be empty, and its place among the columns. */
const VOLUME = COLUMN_ROLES.indexOf("volume");
const TIME = COLUMN_ROLES.indexOf("timestamp");
/** Other text that `Number` takes (hexadecimal, Infinity, nothing at all) is no price. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const DECIMAL_COMMA = /^[+-]?\d+,\d+$/;
const LINE_FEED = 10;
/** The length of a line is estimated from this many bytes. */
const SAMPLE_BYTES = 64 * 1024;
const MIN_ROWS = 16;
const ROWS_BETWEEN_REPORTS = 1 << 17;

/**
 * Parses a CSV file of bars: a header with the usual column names in any case (or `options.columns`), then one bar a
 * line. Takes LF, CR LF and CR, a byte-order mark, quoted fields, and comma, semicolon, tab or bar as separator. Every
 * number is exactly as `Number` reads its text. A missing or empty volume is 0, with a warning.
 *
 * @param file its name, for messages.
 * @throws Problem `invalid-data`, with up to 20 faults that name their line, for a file with any fault at all.
 */
export function parseCsv(bytes: Uint8Array, file: string, options: LoadOptions = {}): LoadedBars {
  return new CsvParse(withoutByteOrderMark(bytes, file), file, options).run();
}

class CsvParse {
  readonly #file: string;
  readonly #bytes: Uint8Array;
  readonly #options: LoadOptions;
  readonly #faults: RowFaults;
  readonly #scanner: CsvScanner;
  readonly #times: CsvTimes;
  readonly #header: CsvHeader;
  readonly #roles: readonly number[];
  readonly #headerWarnings: readonly ResultWarning[];
  #bars: BarColumns;
  /** The columns of `#bars` by role. */
  #columns: readonly Float64Array[];
  #rows = 0;
  #line: number;
  #emptyVolumes = 0;
  /** From bar `row` on, a bar's line is `lead` more than its row. */
  readonly #leads: { row: number; lead: number }[] = [];
  #lead = Number.NaN;

  constructor(bytes: Uint8Array, file: string, options: LoadOptions) {
    this.#file = file;
    this.#bytes = bytes;
    this.#options = options;
    this.#faults = new RowFaults(file, "line");
    this.#header = readHeader(bytes, file);
    const plan = planColumns(this.#header.names, options.columns ?? {}, file);
    this.#roles = plan.roles;
    this.#headerWarnings = plan.warnings;
    this.#line = this.#header.line + 1;
    this.#scanner = new CsvScanner(bytes, this.#header.separator);
    this.#times = new CsvTimes(this.#scanner, this.#faults);
    this.#bars = allocateBars(estimateRows(bytes.subarray(this.#header.end)));
    this.#columns = columnsByRole(this.#bars);
  }

  run(): LoadedBars {
    const start = this.#header.end;
    const whole = Math.max(start, this.#bytes.lastIndexOf(LINE_FEED) + 1);
    this.#scanner.continueWith(this.#bytes.subarray(0, whole), start);
    this.#readLines();
    // A last line without a line feed is copied, to end with one too.
    const rest = this.#bytes.subarray(whole);
    if (rest.length > 0) {
      this.#scanner.continueWith(Buffer.concat([rest, Uint8Array.of(LINE_FEED)]), 0);
      this.#readLines();
    }
    const bars = barsBetween(this.#bars, 0, this.#rows);
    const orderWarnings = validateBars(bars, (row) => this.#lineOf(row), this.#faults, this.#options);
    this.#faults.throwIfAny();
    if (bars.rows === 0) {
      const cure = "Give a file with at least one bar below the header.";
      throw new Problem("invalid-data", `${this.#file} has a header and no rows.`, { cure });
    }
    const warnings = [...this.#headerWarnings, ...this.#times.warnings(), ...this.#volumeWarnings(), ...orderWarnings];
    return { bars, warnings };
  }

  #readLines(): void {
    const scanner = this.#scanner;
    while (!scanner.isAtEnd) {
      if (scanner.passLineEnd()) this.#line++;
      else this.#readRow();
    }
  }

  /** Reads one line into the next row; a line with a fault takes none. */
  #readRow(): void {
    const row = this.#rows;
    if (row === this.#bars.rows) this.#grow();
    if (this.#line - row !== this.#lead) this.#noteLead(row);
    if (row % ROWS_BETWEEN_REPORTS === 0) this.#options.onProgress?.(this.#scanner.position / this.#bytes.length);
    const isGood = this.#readFields(row);
    const scanner = this.#scanner;
    if (isGood) this.#rows++;
    else scanner.skipLine();
    scanner.passLineEnd();
    this.#line += 1 + scanner.quotedLines;
    scanner.quotedLines = 0;
  }

  #readFields(row: number): boolean {
    const scanner = this.#scanner;
    const roles = this.#roles;
    let isGood = true;
    for (let column = 0; column < roles.length; column++) {
      if (column > 0 && !scanner.passSeparator()) return this.#refuseWidth();
      const role = roles[column];
      if (role === IGNORED) {
        scanner.skipField();
        continue;
      }
      const value = role === TIME ? this.#times.read(this.#line) : this.#readNumber(role);
      if (Number.isNaN(value)) isGood = false;
      else this.#columns[role][row] = value;
    }
    return scanner.isAtLineEnd ? isGood : this.#refuseWidth();
  }

  #readNumber(role: number): number {
    const start = this.#scanner.position;
    const value = this.#scanner.readNumber();
    if (!Number.isNaN(value)) return value;
    this.#scanner.position = start;
    return this.#readNumberText(role);
  }

  /** The number of a field that needs its text; NaN after adding a fault. */
  #readNumberText(role: number): number {
    const text = this.#scanner.readText().trim();
    const name = COLUMN_ROLES[role];
    if (NUMBER.test(text)) return Number(text);
    if (text === "" && role === VOLUME) {
      this.#emptyVolumes++;
      return 0;
    }
    if (text === "") this.#faults.add(this.#line, `${name} is empty`);
    else if (DECIMAL_COMMA.test(text)) {
      this.#faults.add(this.#line, `${name} '${text}' is not a number`, "Write numbers with a decimal point.");
    } else this.#faults.add(this.#line, `${name} '${text.slice(0, 40)}' is not a number`);
    return Number.NaN;
  }

  #refuseWidth(): false {
    const named = this.#roles.length;
    const has = this.#scanner.isAtLineEnd ? "fewer" : "more";
    this.#faults.add(this.#line, `it has ${has} fields than the ${named} that the header names`);
    return false;
  }

  #noteLead(row: number): void {
    this.#lead = this.#line - row;
    this.#leads.push({ row, lead: this.#lead });
  }

  #lineOf(row: number): number {
    let low = 0;
    for (let high = this.#leads.length - 1; low < high; ) {
      const middle = (low + high + 1) >>> 1;
      if (this.#leads[middle].row <= row) low = middle;
      else high = middle - 1;
    }
    return row + this.#leads[low].lead;
  }

  /** Lines turned out shorter than the sample: makes room for the rest at the length seen so far. */
  #grow(): void {
    const larger = allocateBars(Math.ceil(this.#rows * 1.5) + MIN_ROWS);
    for (const name of BAR_COLUMN_NAMES) larger[name].set(this.#bars[name]);
    this.#bars = larger;
    this.#columns = columnsByRole(larger);
  }

  #volumeWarnings(): ResultWarning[] {
    if (this.#emptyVolumes === 0) return [];
    const message = `${this.#emptyVolumes} rows have no volume; it was read as 0.`;
    return [{ code: "volume-empty", message, count: this.#emptyVolumes }];
  }
}

function columnsByRole(bars: BarColumns): Float64Array[] {
  return BAR_COLUMN_NAMES.map((name) => bars[name]);
}

/** Rows to make room for: a little more than the length of the first lines suggests. Untouched memory costs nothing. */
function estimateRows(bytes: Uint8Array): number {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  let lines = 1;
  for (const byte of sample) if (byte === LINE_FEED) lines++;
  return Math.ceil((bytes.length / Math.max(sample.length, 1)) * lines * 1.05) + MIN_ROWS;
}
