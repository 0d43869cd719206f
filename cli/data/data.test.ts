import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dataCommands } from "../commands/data/command.ts";
import { addCommands } from "../commands/declare.ts";
import { createContext } from "../terminal/context.ts";

const CSV =
  "date,open,high,low,close,volume\n2024-01-02,10,12,9,11,100\n2024-01-03,11,13,10,12,200\n2024-01-04,12,14,11,13,300\n";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "ktrdr-data-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function file(name: string, text = CSV): Promise<string> {
  const path = join(home, name);
  await writeFile(path, text);
  return path;
}

/** Returns the output of a command line; throws the command's error. */
async function run(words: string[], json = false): Promise<{ stdout: string; stderr: string }> {
  const printed = { stdout: "", stderr: "" };
  const collect = (name: keyof typeof printed) => ({
    write(text: string) {
      printed[name] += text;
    },
  });
  const stdout = collect("stdout");
  const stderr = collect("stderr");
  const context = createContext({ home, json }, { environment: {}, stdout, stderr });
  const program = new Command("ktrdr").exitOverride().configureOutput({ writeErr: (text) => stderr.write(text) });
  addCommands(program, [dataCommands], () => context);
  await program.parseAsync(["data", ...words], { from: "user" });
  return printed;
}

describe("ktrdr data load", () => {
  it("stores a file, and says which values it took from the name", async () => {
    const { stdout, stderr } = await run(["load", await file("AAPL_1d.csv")]);
    expect(stderr).toBe("AAPL_1d.csv: the symbol is AAPL, from the file's name.\n");
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/^AAPL 1d: 3 bars, 2024-01-02 00:00:00Z to 2024-01-04 00:00:00Z, sha256 [0-9a-f]{12}$/),
      "  no gaps",
      `Stored in ${join(home, "data")}`,
      "",
    ]);
  });

  it("says that the same bars are there already", async () => {
    const path = await file("AAPL_1d.csv");
    await run(["load", path]);
    const { stdout } = await run(["load", path], true);
    expect(JSON.parse(stdout).datasets).toMatchObject([{ symbol: "AAPL", rows: 3, already_stored: true }]);
  });

  it("takes symbol, timeframe, columns and order from the command line", async () => {
    const text = "when,first,high,low,last\n2024-01-03,1,1,1,1\n2024-01-02,1,1,1,1\n";
    const names = ["--symbol", "X", "--columns", "timestamp=when,open=first", "--columns", "close=last"];
    const { stdout, stderr } = await run(["load", await file("prices.csv", text), ...names, "--sort"], true);
    expect(stderr).toBe("prices.csv: most bars are 1d apart, so the timeframe is 1d.\n");
    const [dataset] = JSON.parse(stdout).datasets;
    expect(dataset).toMatchObject({ symbol: "X", timeframe: "1d", rows: 2 });
    expect(dataset.warnings.map((warning: { code: string }) => warning.code)).toEqual([
      "volume-missing",
      "rows-sorted",
    ]);
  });

  it("loads the samples", async () => {
    const all = JSON.parse((await run(["load", "--sample"], true)).stdout).datasets;
    expect(all.map(({ symbol, rows }: { symbol: string; rows: number }) => [symbol, rows])).toEqual([
      ["SP500", 5105],
      ["AAPL", 1260],
    ]);
    expect(JSON.parse((await run(["load", "--sample", "aapl"], true)).stdout).datasets).toHaveLength(1);
  });

  it.each<[string, string[], string, string]>([
    [
      "prices.csv",
      [],
      "The name prices.csv does not say which symbol it is.",
      "Say it, as in --symbol AAPL, or name the file like AAPL_1d.csv.",
    ],
    [
      "AAPL_1h.csv",
      ["--timeframe", "1w"],
      "The bars of AAPL_1h.csv are 1d apart, closer than the timeframe 1w.",
      "Load them with --timeframe 1d.",
    ],
    [
      "AAPL_1d.csv",
      ["--columns", "price=Last"],
      "'price=Last' does not name a column.",
      "Write one of timestamp, open, high, low, close, volume, '=', and the file's name for it, such as close=Last.",
    ],
    [
      "AAPL_1d.csv",
      ["--timeframe", "daily"],
      "'daily' is not a timeframe.",
      "Write a count and a unit (s, m, h, d, w, mo), such as 5m or 1d.",
    ],
  ])("refuses %s %j", async (name, options, message, cure) => {
    await expect(run(["load", await file(name), ...options])).rejects.toMatchObject({ message, cure });
  });

  it.each<[string[], string]>([
    [["load"], "error: give a file to load, or --sample"],
    [["load", "a.csv", "--sample", "AAPL"], "error: give files or --sample, not both"],
    [["load", "a.csv", "b.csv", "--symbol", "X"], "error: --symbol names one file, and there are several"],
    [["load", "--sample", "--symbol", "X"], "error: --sample has its own symbol, timeframe and columns"],
  ])("takes %j for wrong usage", async (words, message) => {
    const thrown = await run(words).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(CommanderError);
    expect(thrown).toMatchObject({ message, exitCode: 2 });
  });
});

describe("ktrdr data list", () => {
  it("says how to load data when there is none", async () => {
    const { stdout } = await run(["list"]);
    expect(stdout).toBe(
      `No data in ${join(home, "data")}. Load some: ktrdr data load FILE, or ktrdr data load --sample.\n`,
    );
    expect(JSON.parse((await run(["list"], true)).stdout)).toEqual({ total: 0, datasets: [] });
  });

  it("has a line for each dataset", async () => {
    await run(["load", await file("MSFT_1d.csv"), await file("AAPL_1d.csv", CSV.replace("10,12,9,11", "10,12,9,10"))]);
    const lines = (await run(["list"])).stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.split(/\s+/)[0])).toEqual(["SYMBOL", "AAPL", "MSFT"]);
  });
});

describe("ktrdr data show", () => {
  it("shows the range, the gaps and the bars at both ends", async () => {
    await run(["load", "--sample", "SP500"]);
    const { stdout } = await run(["show", "SP500"]);
    expect(stdout).toContain("bars       5,105\n");
    expect(stdout).toContain("the longest of 4 bars after 2001-09-10 00:00:00Z");
    expect(stdout).toContain("2000-01-03 00:00:00Z      1469.25         1478  1438.359985  1455.219971   931800000\n");
    expect(stdout).toContain("… 5,099 more\n2020-04-15 00:00:00Z");
  });

  it("shows a short dataset whole, and no bar twice", async () => {
    await run(["load", await file("AAPL_1d.csv")]);
    const shown = JSON.parse((await run(["show", "AAPL", "1d"], true)).stdout);
    expect(shown.first_bars).toHaveLength(3);
    expect(shown.first_bars[2]).toEqual({
      time_ms: Date.UTC(2024, 0, 4),
      open: 12,
      high: 14,
      low: 11,
      close: 13,
      volume: 300,
    });
    expect(shown.last_bars).toEqual([]);
  });

  it("asks for the timeframe when there are several, and names what is missing", async () => {
    const path = await file("AAPL_1d.csv");
    await run(["load", path]);
    await run(["load", path, "--timeframe", "12h"]);
    await expect(run(["show", "AAPL"])).rejects.toMatchObject({
      message: "AAPL is here as 12h, 1d.",
      cure: "Say which, as in ktrdr data show AAPL 12h.",
    });
    await expect(run(["show", "MSFT"])).rejects.toMatchObject({ message: "There is no data of MSFT here." });
  });
});

describe("ktrdr data remove and prune", () => {
  it("delete a dataset, and versions that newer bars replaced", async () => {
    await run(["load", await file("AAPL_1d.csv")]);
    await run(["load", await file("AAPL_1d.csv", CSV.replace("100", "101"))]);
    expect((await run(["prune"])).stdout).toBe("Deleted 1 file, 0.0 MB.\n");
    expect((await run(["remove", "AAPL", "1d"])).stdout).toBe("Removed AAPL 1d.\n");
    await expect(run(["remove", "AAPL", "1d"])).rejects.toMatchObject({
      message: "There is no 1d data of AAPL here.",
      cure: "See what there is with ktrdr data list.",
    });
  });
});
