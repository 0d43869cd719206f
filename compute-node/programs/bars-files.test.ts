import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { allocateBars, BAR_COLUMN_NAMES, type BarColumns, barsBetween } from "../market-data/index.ts";
import { parseParquet } from "../market-data/parquet.ts";
import { npyOfBars, parquetOfBars } from "./bars-files.ts";

/** A part of a larger set, as a range of dates gives it. */
function someBars(): BarColumns {
  const bars = allocateBars(7);
  for (let row = 0; row < bars.rows; row++) {
    bars.timeMs[row] = 1_700_000_000_000 + row * 60_000;
    bars.open[row] = 10 + row;
    bars.high[row] = 12 + row;
    bars.low[row] = 9 + row;
    bars.close[row] = 11.5 + row;
    bars.volume[row] = 100 * row;
  }
  return barsBetween(bars, 2, 6);
}

const rowsOf = (bars: BarColumns) =>
  Array.from({ length: bars.rows }, (_, row) => BAR_COLUMN_NAMES.map((name) => bars[name][row]));

it("the Parquet file has the bars, and the market data store reads it", async () => {
  const { bars } = await parseParquet(parquetOfBars(someBars()), "bars.parquet");
  expect(rowsOf(bars)).toEqual(rowsOf(someBars()));
});

const hasNumpy = ((): boolean => {
  try {
    execFileSync("/usr/bin/python3", ["-c", "import numpy"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

it.skipIf(!hasNumpy)("NumPy opens the other as an array of bars and columns (skipped without python3-numpy)", () => {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-npy-"));
  try {
    const file = join(folder, "bars.npy");
    writeFileSync(file, npyOfBars(someBars()));
    const script = "import sys, json, numpy; print(json.dumps(numpy.load(sys.argv[1]).tolist()))";
    const rows = JSON.parse(execFileSync("/usr/bin/python3", ["-c", script, file], { encoding: "utf8" }));
    expect(rows).toEqual(rowsOf(someBars()));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
