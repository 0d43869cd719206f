/** Real files of a sibling folder, where it is there: intraday and daily, stocks, currencies, crypto and a future. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseCsv } from "./csv.ts";
import { reportGaps } from "./gaps.ts";
import { commonStepMs, timeframeOfStep } from "./timeframe.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "shared", "data");

// Rows, first and last as the folder's own list of sources states them.
const FILES = [
  ["GOOG_1d.csv", 2148, "2004-08-19T00:00:00Z", "2013-03-01T00:00:00Z", "1d"],
  ["EURUSD_1h.csv", 5000, "2017-04-19T09:00:00Z", "2018-02-07T15:00:00Z", "1h"],
  ["BTCUSD_1mo.csv", 156, "2012-01-31T00:00:00Z", "2024-12-31T00:00:00Z", "1mo"],
  ["ETHBTC_5m.csv", 5760, "2018-01-10T04:55:00Z", "2018-01-30T04:50:00Z", "5m"],
  ["UNITTEST_BTC_1m.csv", 13_681, "2017-11-04T23:02:00Z", "2017-11-14T22:59:00Z", "1m"],
  ["FESX_1m.csv", 30_889, "2006-01-02T08:01:00Z", "2006-02-27T21:00:00Z", "1m"],
  ["ORCL_1d.csv", 5036, "1995-01-03T00:00:00Z", "2014-12-31T00:00:00Z", "1d"],
  ["AAPL_1d_raw.csv", 5849, "1998-01-02T00:00:00Z", "2021-03-31T00:00:00Z", "1d"],
  ["BTCUSD_1d.csv", 1318, "2014-12-01T00:00:00Z", "2018-08-13T00:00:00Z", "1d"],
  ["EURGBP_1d.csv", 3487, "2007-03-30T00:00:00Z", "2018-07-04T00:00:00Z", "1d"],
  ["GBPUSD_1m.csv", 30_117, "2012-02-01T00:00:00Z", "2012-03-01T00:00:00Z", "1m"],
] as const;

describe.skipIf(!existsSync(FOLDER))("real files (skipped where the sibling folder shared/data is missing)", () => {
  it.each(FILES)("%s: %i bars from %s to %s, of %s", async (file, rows, first, last, timeframe) => {
    const { bars, warnings } = await load(file);
    expect(bars.rows).toBe(rows);
    expect(bars.timeMs[0]).toBe(Date.parse(first));
    expect(bars.timeMs[rows - 1]).toBe(Date.parse(last));
    expect(timeframeOfStep(commonStepMs(bars.timeMs) ?? 0)).toBe(timeframe);
    expect(warnings).toEqual([]);
  });

  it("numbers are as Number reads their text", async () => {
    const text = await readFile(join(FOLDER, "UNITTEST_BTC_1m.csv"), "utf8");
    const { bars } = await load("UNITTEST_BTC_1m.csv");
    const rows = text.trimEnd().split("\n").slice(1);
    const expected = rows.map((row) => row.split(",").slice(1).map(Number));
    const { open, high, low, close, volume } = bars;
    expect(expected.map((_, row) => [open, high, low, close, volume].map((column) => column[row]))).toEqual(expected);
  });

  it("gaps are those that the list of sources counts", async () => {
    const minutes = (await load("UNITTEST_BTC_1m.csv")).bars.timeMs;
    expect(reportGaps(minutes, "1m")).toMatchObject({ count: 538, longest: { missingBars: 7 } });
    const days = (await load("BTCUSD_1d.csv")).bars.timeMs;
    expect(reportGaps(days, "1d")).toMatchObject({ count: 8, longest: { missingBars: 20 } });
  });
});

async function load(file: string) {
  return parseCsv(await readFile(join(FOLDER, file)), file);
}
