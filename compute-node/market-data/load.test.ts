import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chooseTimeframe, datasetNameOf, loadFile } from "./load.ts";
import { flatBars } from "./testing/random-bars.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ktrdr-load-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("loadFile", () => {
  it("tells CSV and Parquet apart by their content", async () => {
    const csv = join(folder, "a.dat");
    await writeFile(csv, "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,1");
    const parquet = join(folder, "b.dat");
    const names = ["open", "high", "low", "close", "volume"];
    const columnData = [
      { name: "date", data: ["2024-01-02"], type: "STRING" as const },
      ...names.map((name) => ({ name, data: [1], type: "DOUBLE" as const })),
    ];
    await writeFile(parquet, Buffer.from(parquetWriteBuffer({ columnData })));
    expect(await loadFile(parquet)).toEqual(await loadFile(csv));
  });

  it("says that a path cannot be read, or is a folder", async () => {
    const missing = join(folder, "none.csv");
    await expect(loadFile(missing)).rejects.toMatchObject({
      kind: "not-found",
      message: expect.stringContaining(`${missing} cannot be read: ENOENT`),
      cure: "Check the path.",
    });
    await expect(loadFile(folder)).rejects.toMatchObject({ message: `${folder} is a folder.` });
  });

  it("reports its progress", async () => {
    const path = join(folder, "long.csv");
    const rows = Array.from({ length: 300_000 }, (_, row) => `${1_000_000_000 + row},1,1,1,1,1`);
    await writeFile(path, `timestamp,open,high,low,close,volume\n${rows.join("\n")}`);
    const fractions: number[] = [];
    await loadFile(path, { onProgress: (fraction) => fractions.push(fraction) });
    expect(fractions.length).toBeGreaterThan(1);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(Math.max(...fractions)).toBeLessThanOrEqual(1);
  });
});

describe("datasetNameOf", () => {
  it.each([
    ["/data/AAPL_1d.csv", { symbol: "AAPL", timeframe: "1d" }],
    ["BTC-USD-5m.parquet", { symbol: "BTC-USD", timeframe: "5m" }],
    ["UNITTEST_BTC_1m.csv", { symbol: "UNITTEST_BTC", timeframe: "1m" }],
    ["BTCUSD_1mo.csv", { symbol: "BTCUSD", timeframe: "1mo" }],
    ["aapl_1d.csv", { symbol: "aapl", timeframe: "1d" }],
    ["EURUSD.csv", { symbol: "EURUSD" }],
    ["prices.csv", {}],
    ["my prices_1d.csv", {}],
  ])("reads %s", (path, name) => {
    expect(datasetNameOf(path)).toEqual(name);
  });
});

describe("chooseTimeframe", () => {
  const hourly = flatBars(10, 0, 3_600_000);

  it("takes the most common step, or the given one when it fits", () => {
    expect(chooseTimeframe(hourly, undefined, "a.csv")).toEqual({ timeframe: "1h", warnings: [] });
    expect(chooseTimeframe(hourly, "1h", "a.csv")).toEqual({ timeframe: "1h", warnings: [] });
    expect(chooseTimeframe(flatBars(1, 0, 1), "1d", "a.csv")).toEqual({ timeframe: "1d", warnings: [] });
  });

  it("warns when bars are further apart than the given one", () => {
    expect(chooseTimeframe(hourly, "30m", "a.csv").warnings).toEqual([
      { code: "timeframe-sparse", message: "The bars are mostly 1h apart, although the timeframe is 30m.", count: 1 },
    ]);
  });

  it.each([
    [hourly, "1d", "The bars of a.csv are 1h apart, closer than the timeframe 1d.", "Load them with --timeframe 1h."],
    [
      flatBars(1, 0, 1),
      undefined,
      "The bar length of a.csv is not clear: it has one row.",
      "Say it, as in --timeframe 1d.",
    ],
    [
      flatBars(3, 0, 1500),
      undefined,
      "The bar length of a.csv is not clear: most of its rows are 1500 ms apart.",
      "Say it, as in --timeframe 1d.",
    ],
  ])("refuses what does not fit (%#)", (bars, given, message, cure) => {
    expect(() => chooseTimeframe(bars, given, "a.csv")).toThrow(expect.objectContaining({ message, cure }));
  });
});
