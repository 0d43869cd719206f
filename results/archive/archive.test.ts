import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parquetReadObjects } from "hyparquet";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { readParquet, writeParquet } from "./parquet-table.ts";
import { readZip, writeZip } from "./stored-zip.ts";

const table = fc
  .array(
    fc.record({
      number: fc.double(),
      count: fc.integer(),
      time: fc.integer({ min: -8.64e15, max: 8.64e15 }).map((time) => Math.trunc(time / 1000) + 0),
      text: fc.string({ unit: "grapheme" }),
    }),
    { maxLength: 50 },
  )
  .map((rows) => ({
    rows,
    columns: {
      number: { type: "double" as const, values: Float64Array.from(rows, ({ number }) => number) },
      count: { type: "int" as const, values: Int32Array.from(rows, ({ count }) => count) },
      time: { type: "time" as const, values: Float64Array.from(rows, ({ time }) => time) },
      text: { type: "text" as const, values: rows.map(({ text }) => text) },
    },
  }));

describe("a Parquet table", () => {
  it("is read by hyparquet and by this code as it was written", async () => {
    await fc.assert(
      fc.asyncProperty(table, async ({ rows, columns }) => {
        const bytes = writeParquet(columns);
        expect(Object.fromEntries(readParquet(bytes))).toEqual(columns);
        const theirs = await parquetReadObjects({ file: bytes.slice().buffer });
        expect(theirs).toEqual(rows.map(({ time, ...row }) => ({ ...row, time: new Date(time) })));
      }),
      { numRuns: 200 },
    );
  });

  it("is refused where another program wrote it, or it is none", () => {
    expect(() => readParquet(Uint8Array.of(1, 2, 3))).toThrow(Problem);
  });
});

describe("an archive", () => {
  const files = { "a.json": new TextEncoder().encode("{}"), "b.bin": Uint8Array.from({ length: 999 }, (_, i) => i) };

  it("gives back its files, also from a Buffer, and has the same bytes each time", () => {
    const bytes = writeZip(files);
    expect(Object.fromEntries(readZip(Buffer.from(bytes)))).toEqual(files);
    expect(writeZip(files)).toEqual(bytes);
  });

  it("is refused with any byte of its contents changed, or cut anywhere", () => {
    const bytes = writeZip(files);
    const changed = bytes.slice();
    changed[40] ^= 1;
    expect(() => readZip(changed)).toThrow(/damaged archive/);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1050 }), (length) => {
        expect(() => readZip(bytes.slice(0, length))).toThrow(Problem);
      }),
    );
  });

  it("opens with the usual tool", () => {
    const folder = mkdtempSync(join(tmpdir(), "ktrdr-zip-"));
    try {
      writeFileSync(join(folder, "result.zip"), writeZip(files));
      const script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), z.namelist())";
      const output = execFileSync("python3", ["-c", script, join(folder, "result.zip")], { encoding: "utf8" });
      expect(output.trim()).toBe("None ['a.json', 'b.bin']");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
