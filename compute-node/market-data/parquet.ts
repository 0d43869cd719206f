/** Prices in Parquet files, as pandas, polars and DuckDB write them. */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { ColumnData, Compressors, FileMetaData, ParquetParsers } from "hyparquet";
import { Problem, type ResultWarning } from "../../protocol/index.ts";
import { allocateBars, BAR_COLUMN_NAMES, type BarColumns } from "./bars.ts";
import { COLUMN_ROLES, type ColumnPlan, IGNORED, planColumns } from "./columns-plan.ts";
import type { LoadedBars, LoadOptions } from "./csv.ts";
import { RowFaults } from "./row-faults.ts";
import { readTimeText } from "./time-text.ts";
import { validateBars } from "./validate.ts";

/** hyparquet itself has Snappy. */
const COMPRESSORS: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
};

/** A time finer than a millisecond becomes an invalid date, so that it is refused rather than cut. */
const PARSERS: Partial<ParquetParsers> = {
  timestampFromMicroseconds: (micros) => wholeDate(micros, 1000n),
  timestampFromNanoseconds: (nanos) => wholeDate(nanos, 1_000_000n),
};

function wholeDate(count: bigint | undefined | null, aMillisecond: bigint): Date | null {
  if (count === undefined || count === null) return null;
  return new Date(count % aMillisecond === 0n ? Number(count / aMillisecond) : Number.NaN);
}

/**
 * Reads a Parquet file of bars: the columns as `parseCsv` finds them; times as dates, timestamps, counts since 1970 or
 * text; prices as any number type. The same checks as for CSV; faults name row (from 1) and column.
 *
 * @throws Problem `invalid-data`.
 */
export async function parseParquet(bytes: Uint8Array, file: string, options: LoadOptions = {}): Promise<LoadedBars> {
  const { parquetMetadataAsync, parquetRead, parquetSchema } = await import("hyparquet");
  // A plain view, since the slice of a Buffer is no copy.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const buffer = {
    byteLength: view.length,
    slice: (start: number, end = view.length) => view.slice(start, end).buffer as ArrayBuffer,
  };
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(buffer, { parsers: PARSERS });
  } catch (error) {
    throw unreadable(file, error);
  }
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const plan = planColumns(names, options.columns ?? {}, file);
  const rows = Number(metadata.num_rows);
  const reader = new ParquetColumns(rows, names, plan, file);
  try {
    await parquetRead({
      file: buffer,
      metadata,
      columns: names.filter((_, column) => plan.roles[column] !== IGNORED),
      compressors: COMPRESSORS,
      parsers: PARSERS,
      onChunk: (chunk) => {
        reader.take(chunk);
        options.onProgress?.(reader.fraction);
      },
    });
  } catch (error) {
    throw unreadable(file, error);
  }
  return reader.finish(isTimeUnzoned(metadata, names, plan), options);
}

class ParquetColumns {
  readonly #file: string;
  readonly #bars: BarColumns;
  readonly #roleOf: ReadonlyMap<string, number>;
  readonly #warnings: readonly ResultWarning[];
  readonly #faults: RowFaults;
  #values = 0;
  #emptyVolumes = 0;
  #unzonedTexts = 0;

  constructor(rows: number, names: readonly string[], plan: ColumnPlan, file: string) {
    this.#file = file;
    this.#bars = allocateBars(rows);
    this.#roleOf = new Map(names.map((name, column) => [name, plan.roles[column]]));
    this.#warnings = plan.warnings;
    this.#faults = new RowFaults(file, "row");
  }

  get fraction(): number {
    const columns = [...this.#roleOf.values()].filter((role) => role !== IGNORED).length;
    return this.#values / Math.max(1, columns * this.#bars.rows);
  }

  take({ columnName, columnData, rowStart }: ColumnData): void {
    const role = this.#roleOf.get(columnName) ?? IGNORED;
    if (role === IGNORED) return;
    const target = this.#bars[BAR_COLUMN_NAMES[role]];
    const name = COLUMN_ROLES[role];
    for (let index = 0; index < columnData.length; index++) {
      const row = rowStart + index;
      const value: unknown = columnData[index];
      target[row] = name === "timestamp" ? this.#time(value, row) : this.#number(value, row, name);
    }
    this.#values += columnData.length;
  }

  finish(isUnzoned: boolean, options: LoadOptions): LoadedBars {
    this.#faults.throwIfAny();
    const bars = this.#bars;
    if (bars.rows === 0) {
      throw new Problem("invalid-data", `${this.#file} has no rows.`, { cure: "Give a file with at least one bar." });
    }
    const orderWarnings = validateBars(bars, (row) => row + 1, this.#faults, options);
    this.#faults.throwIfAny();
    return { bars, warnings: [...this.#warnings, ...this.#valueWarnings(isUnzoned), ...orderWarnings] };
  }

  #time(value: unknown, row: number): number {
    if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime();
    if (value instanceof Date) return this.#refuse(row, "the time is finer than a millisecond");
    if (value === null || value === undefined) return this.#refuse(row, "the time is empty");
    const reading = readTimeText(String(value));
    if ("fault" in reading) return this.#refuse(row, `the time '${String(value).slice(0, 40)}' ${reading.fault}`);
    if (reading.kind === "unzoned") this.#unzonedTexts++;
    return reading.ms;
  }

  #number(value: unknown, row: number, name: string): number {
    const isEmpty = value === null || value === undefined;
    if (name === "volume" && (isEmpty || Number.isNaN(value))) {
      this.#emptyVolumes++;
      return 0;
    }
    if (typeof value === "number") return value;
    if (typeof value === "bigint") return Number(value);
    if (isEmpty) return this.#refuse(row, `${name} is empty`);
    return this.#refuse(row, `${name} '${String(value).slice(0, 40)}' is not a number`);
  }

  #refuse(row: number, message: string): number {
    this.#faults.add(row + 1, message);
    return Number.NaN;
  }

  #valueWarnings(isUnzoned: boolean): ResultWarning[] {
    const warnings: ResultWarning[] = [];
    const unzoned = isUnzoned ? this.#bars.rows : this.#unzonedTexts;
    if (unzoned > 0) {
      const message = `${unzoned} times have no zone and were read as UTC.`;
      warnings.push({ code: "time-zone-assumed", message, count: unzoned });
    }
    if (this.#emptyVolumes > 0) {
      const message = `${this.#emptyVolumes} rows have no volume; it was read as 0.`;
      warnings.push({ code: "volume-empty", message, count: this.#emptyVolumes });
    }
    return warnings;
  }
}

/** A timestamp column that says that it is local time. */
function isTimeUnzoned(metadata: FileMetaData, names: readonly string[], plan: ColumnPlan): boolean {
  const name = names[plan.roles.indexOf(COLUMN_ROLES.indexOf("timestamp"))];
  const logical = metadata.schema.find((element) => element.name === name)?.logical_type;
  return logical?.type === "TIMESTAMP" && !logical.isAdjustedToUTC;
}

function unreadable(file: string, error: unknown): Problem {
  if (error instanceof Problem) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new Problem("invalid-data", `${file} cannot be read as Parquet: ${why}`, {
    cure: "Write it again with Snappy, Zstandard, gzip or no compression, or as CSV.",
    cause: error,
  });
}
