import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/index.ts";
import { BAR_COLUMN_NAMES } from "./bars.ts";
import type { LoadOptions } from "./csv.ts";
import { parseParquet } from "./parquet.ts";
import { randomBars } from "./testing/random-bars.ts";

const DAYS = [Date.UTC(2024, 0, 2), Date.UTC(2024, 0, 3), Date.UTC(2024, 0, 4)];
const COLUMNS: ColumnSource[] = [
  { name: "Date", data: DAYS.map((ms) => new Date(ms)), type: "TIMESTAMP" },
  { name: "Open", data: [10, 11, 12], type: "DOUBLE" },
  { name: "High", data: [12, 13, 14], type: "DOUBLE" },
  { name: "Low", data: [9, 10, 11], type: "DOUBLE" },
  { name: "Close", data: [11, 12, 13], type: "DOUBLE" },
  { name: "Volume", data: [100n, 200n, 300n], type: "INT64" },
];

/** The usual columns with some replaced by name, or taken out when null. */
function withColumns(changes: Record<string, Partial<ColumnSource> | null>): ColumnSource[] {
  return COLUMNS.flatMap((column) => {
    const change = changes[column.name];
    return change === null ? [] : [{ ...column, ...change }];
  });
}

function fileOf(columnData: ColumnSource[], codec: "SNAPPY" | "GZIP" | "ZSTD" | "UNCOMPRESSED" = "SNAPPY"): Uint8Array {
  const compressors = {
    GZIP: (input: Uint8Array) => gzipSync(input),
    ZSTD: (input: Uint8Array) => zstdCompressSync(input),
  };
  return new Uint8Array(parquetWriteBuffer({ columnData, codec, compressors }));
}

async function problemOf(bytes: Uint8Array, options: LoadOptions = {}): Promise<Problem> {
  const thrown = await parseParquet(bytes, "prices.parquet", options).then(
    () => new Error("it was accepted"),
    (error: unknown) => error,
  );
  if (thrown instanceof Problem) return thrown;
  throw thrown;
}

describe("parseParquet takes", () => {
  it.each(["SNAPPY", "GZIP", "ZSTD", "UNCOMPRESSED"] as const)("%s pages", async (codec) => {
    const { bars, warnings } = await parseParquet(fileOf(COLUMNS, codec), "prices.parquet");
    expect([...bars.timeMs]).toEqual(DAYS);
    expect([...bars.close]).toEqual([11, 12, 13]);
    expect([...bars.volume]).toEqual([100, 200, 300]);
    expect(warnings).toEqual([]);
  });

  it.each<[string, Partial<ColumnSource>]>([
    ["text", { data: ["2024-01-02", "2024-01-03", "2024-01-04"], type: "STRING" }],
    ["counts of milliseconds", { data: DAYS.map(BigInt), type: "INT64" }],
    ["counts of seconds", { data: DAYS.map((ms) => ms / 1000), type: "INT32" }],
  ])("times as %s", async (_, time) => {
    const { bars } = await parseParquet(fileOf(withColumns({ Date: time })), "prices.parquet");
    expect([...bars.timeMs]).toEqual(DAYS);
  });

  it("bars bit for bit", async () => {
    await fc.assert(
      fc.asyncProperty(randomBars(50), async (written) => {
        const columnData: ColumnSource[] = BAR_COLUMN_NAMES.map((name) =>
          name === "timeMs"
            ? { name: "timestamp", data: [...written.timeMs].map((ms) => new Date(ms)), type: "TIMESTAMP" }
            : { name, data: written[name], type: "DOUBLE" },
        );
        const { bars } = await parseParquet(fileOf(columnData), "prices.parquet");
        expect(bars).toEqual(written);
      }),
      { numRuns: 30 },
    );
  });

  it("a missing volume and an empty one, and says so", async () => {
    const without = await parseParquet(fileOf(withColumns({ Volume: null })), "prices.parquet");
    expect(without.warnings.map(({ code }) => code)).toEqual(["volume-missing"]);
    const empty = { data: [1, Number.NaN, 3], type: "DOUBLE" as const };
    const { bars, warnings } = await parseParquet(fileOf(withColumns({ Volume: empty })), "prices.parquet");
    expect([...bars.volume]).toEqual([1, 0, 3]);
    expect(warnings.map(({ code }) => code)).toEqual(["volume-empty"]);
  });
});

describe("parseParquet refuses", () => {
  it.each<[string, Record<string, Partial<ColumnSource>>, string]>([
    ["an empty price", { Close: { data: [11, null, 13], nullable: true } }, "row 2: close is empty"],
    ["a price that is no number", { Close: { data: [11, Number.NaN, 13] } }, "row 2: close NaN is not a finite number"],
    ["a price that is text", { Low: { data: ["9", "x", "y"], type: "STRING" } }, "row 1: low '9' is not a number"],
    ["a high below the low", { High: { data: [12, 13, 5] } }, "row 3: high 5 is below low 11"],
    [
      "a time twice",
      { Date: { data: [DAYS[0], DAYS[0], DAYS[2]].map((ms) => new Date(ms)) } },
      "row 2: the time 2024-01-02T00:00:00Z stands on row 1 already",
    ],
    [
      "text that is no time",
      { Date: { data: ["Monday", "b", "c"], type: "STRING" } },
      "row 1: the time 'Monday' is not a time",
    ],
  ])("%s", async (_, changes, fault) => {
    const problem = await problemOf(fileOf(withColumns(changes)));
    expect(problem.kind).toBe("invalid-data");
    expect(problem.message).toContain(`prices.parquet, ${fault}`);
    expect(problem.issues[0].path).toMatch(/^row \d$/);
  });

  it("a missing column, naming those that are there", async () => {
    const problem = await problemOf(fileOf(withColumns({ Close: { name: "Last" } })));
    expect(problem.message).toContain("has no column for close. Found: Date, Open, High, Low, Last, Volume.");
    expect(problem.cure).toBe("Say which column it is, as in --columns close=Last.");
  });

  it("a file without rows", async () => {
    const problem = await problemOf(fileOf(COLUMNS.map((column) => ({ ...column, data: [] }))));
    expect(problem.message).toBe("prices.parquet has no rows.");
  });

  it("a file that is cut short, and one that is no Parquet", async () => {
    const whole = fileOf(COLUMNS);
    expect((await problemOf(whole.subarray(0, 100))).message).toContain("prices.parquet cannot be read as Parquet: ");
    expect((await problemOf(Buffer.from("PAR1"))).message).toContain("prices.parquet cannot be read as Parquet: ");
  });
});
