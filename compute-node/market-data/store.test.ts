import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DAY_MS } from "../../protocol/durations.ts";
import { Problem } from "../../protocol/index.ts";
import { UNFINISHED_PREFIX } from "./atomic-file.ts";
import { BAR_COLUMN_NAMES, type BarColumns, BYTES_PER_BAR, barsBetween } from "./bars.ts";
import { contentHash } from "./bars-file.ts";
import { MarketDataStore } from "./store.ts";
import { flatBars, randomBars } from "./testing/random-bars.ts";

const FIRST_MS = Date.UTC(2024, 0, 1);
const HEADER_BYTES = 64;

let folder: string;
let store: MarketDataStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ktrdr-store-"));
  store = new MarketDataStore(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const aapl = { symbol: "AAPL", timeframe: "1d", source: "a test", loadedAtMs: 1 };

function columnsPath(sha256: string): string {
  return join(folder, "columns", `${sha256}.bars`);
}

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => new Error("it was accepted"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Problem) return error;
  throw error;
}

function bitsOf(bars: BarColumns): BigUint64Array[] {
  return BAR_COLUMN_NAMES.map((name) => new BigUint64Array(bars[name].slice().buffer));
}

describe("a dataset that is put", () => {
  it("comes back bit for bit, on one SharedArrayBuffer, whatever the numbers", async () => {
    await fc.assert(
      fc.asyncProperty(randomBars(60), async (bars) => {
        const { sha256 } = await store.put(bars, aapl);
        const opened = await new MarketDataStore(folder).open(sha256);
        expect(bitsOf(opened)).toEqual(bitsOf(bars));
        expect(opened.timeMs.buffer).toBeInstanceOf(SharedArrayBuffer);
        expect(opened.volume.buffer).toBe(opened.timeMs.buffer);
      }),
      { numRuns: 25 },
    );
  });

  it("comes back bit for bit when it takes several reads", async () => {
    const bars = flatBars(200_000, FIRST_MS, 1000);
    bars.close.forEach((_, row) => {
      bars.close[row] = Math.sin(row);
    });
    const { sha256 } = await store.put(bars, { ...aapl, timeframe: "1s" });
    const opened = await new MarketDataStore(folder).open(sha256);
    expect(contentHash(opened)).toBe(sha256);
    expect(opened.close[199_999]).toBe(Math.sin(199_999));
  });

  it("has a hash that depends only on the values, not on where they lie in memory", () => {
    const bars = flatBars(10, FIRST_MS, DAY_MS);
    expect(contentHash(barsBetween(bars, 2, 5))).toBe(contentHash(flatBars(3, FIRST_MS + 2 * DAY_MS, DAY_MS)));
  });

  it("stands in the manifest as it is", async () => {
    const manifest = await store.put(flatBars(5, FIRST_MS, DAY_MS), aapl);
    expect(manifest).toEqual({
      symbol: "AAPL",
      timeframe: "1d",
      sha256: contentHash(flatBars(5, FIRST_MS, DAY_MS)),
      rows: 5,
      firstMs: FIRST_MS,
      lastMs: FIRST_MS + 4 * DAY_MS,
      source: "a test",
      loadedAtMs: 1,
      gaps: { timeframe: "1d", count: 0, missingBars: 0, longest: null, first: [], usualPauses: 0 },
      warnings: [],
    });
    expect(await store.find("AAPL", "1d")).toEqual(manifest);
    expect(await new MarketDataStore(folder).list()).toEqual([manifest]);
  });

  it("is stored once when it is put twice, and keeps the time of the first", async () => {
    const bars = flatBars(5, FIRST_MS, DAY_MS);
    const first = await store.put(bars, aapl);
    const { mtimeMs } = await stat(columnsPath(first.sha256));
    expect(await store.put(bars, { ...aapl, loadedAtMs: 2 })).toEqual(first);
    await store.put(bars, { ...aapl, symbol: "COPY" });
    expect(await readdir(join(folder, "columns"))).toEqual([`${first.sha256}.bars`]);
    expect((await stat(columnsPath(first.sha256))).mtimeMs).toBe(mtimeMs);
  });

  it("is shared in memory by whoever opens it again", async () => {
    const { sha256 } = await store.put(flatBars(5, FIRST_MS, DAY_MS), aapl);
    const [one, two] = await Promise.all([store.open(sha256), store.open(sha256)]);
    const three = await store.open(sha256);
    expect(two.close.buffer).toBe(one.close.buffer);
    expect(three.close.buffer).toBe(one.close.buffer);
  });

  it("is listed by symbol and timeframe", async () => {
    for (const [symbol, timeframe] of [
      ["MSFT", "1d"],
      ["AAPL", "5m"],
      ["BTC-USD", "1h"],
      ["AAPL", "1d"],
    ]) {
      await store.put(flatBars(2, FIRST_MS, DAY_MS), { symbol, timeframe, source: "" });
    }
    const listed = (await store.list()).map(({ symbol, timeframe }) => `${symbol} ${timeframe}`);
    expect(listed).toEqual(["AAPL 1d", "AAPL 5m", "BTC-USD 1h", "MSFT 1d"]);
  });

  it("must have rows, a symbol and a timeframe that fit a path", async () => {
    const bars = flatBars(2, FIRST_MS, DAY_MS);
    const path = await problemOf(store.put(bars, { ...aapl, symbol: "../AAPL" }));
    expect(path.message).toBe("'../AAPL' is not a symbol.");
    expect(path.cure).toBe("Write one such as AAPL or BTC-USD.");
    expect((await problemOf(store.put(bars, { ...aapl, timeframe: "day" }))).message).toBe("'day' is not a timeframe.");
    expect((await problemOf(store.open("../../etc"))).message).toBe("'../../etc' is not a content hash.");
    const empty = await problemOf(store.put(flatBars(0, 0, 1), aapl));
    expect(empty.message).toBe("There are no bars of AAPL to store.");
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("a replaced dataset", () => {
  it("can still be read by its hash, until it is pruned", async () => {
    const old = await store.put(flatBars(5, FIRST_MS, DAY_MS, 1), aapl);
    const fresh = await store.put(flatBars(6, FIRST_MS, DAY_MS, 2), aapl);
    expect((await store.read({ symbol: "AAPL", timeframe: "1d" })).bars.rows).toBe(6);
    const pinned = await store.read({ symbol: "AAPL", timeframe: "1d", sha256: old.sha256 });
    expect(pinned.bars.rows).toBe(5);
    expect(pinned.manifest).toMatchObject({ sha256: old.sha256, rows: 5, lastMs: FIRST_MS + 4 * DAY_MS });
    expect(await store.prune()).toEqual({ files: 1, bytes: HEADER_BYTES + 5 * BYTES_PER_BAR });
    expect(await store.prune()).toEqual({ files: 0, bytes: 0 });
    expect(await readdir(join(folder, "columns"))).toEqual([`${fresh.sha256}.bars`]);
  });
});

describe("read", () => {
  it("answers the bars of a range, both ends included, without copying", async () => {
    const { sha256 } = await store.put(flatBars(10, FIRST_MS, DAY_MS), aapl);
    const range = { startMs: FIRST_MS + DAY_MS, endMs: FIRST_MS + 3 * DAY_MS };
    const { bars } = await store.read({ symbol: "AAPL", timeframe: "1d", ...range });
    expect([...bars.timeMs]).toEqual([1, 2, 3].map((day) => FIRST_MS + day * DAY_MS));
    expect(bars.timeMs.buffer).toBe((await store.open(sha256)).timeMs.buffer);
  });

  it("names what there is when the data is not there", async () => {
    const request = { symbol: "MSFT", timeframe: "1d" };
    const load = "Load it: ktrdr data load FILE --symbol MSFT --timeframe 1d";
    expect(await problemOf(store.read(request))).toMatchObject({
      kind: "data-not-found",
      message: "There is no 1d data of MSFT here. The store is empty.",
      cure: load,
    });
    await store.put(flatBars(5, FIRST_MS, DAY_MS), aapl);
    expect(await problemOf(store.read(request))).toMatchObject({
      message: "There is no 1d data of MSFT here. The store has AAPL.",
      cure: load,
    });
    expect(await problemOf(store.read({ symbol: "AAPL", timeframe: "1h" }))).toMatchObject({
      message: "There is no 1h data of AAPL here. AAPL is here as 1d.",
    });
  });

  it("says what range there is when no bar lies in the one that is asked for", async () => {
    await store.put(flatBars(5, FIRST_MS, DAY_MS), aapl);
    const request = { symbol: "AAPL", timeframe: "1d", startMs: FIRST_MS + 30 * DAY_MS };
    expect(await problemOf(store.read(request))).toMatchObject({
      kind: "data-not-found",
      message:
        "AAPL 1d has no bar from 2024-01-31T00:00:00Z to the end; its bars are from 2024-01-01T00:00:00Z to 2024-01-05T00:00:00Z.",
      cure: "Choose a range that overlaps the data.",
    });
  });

  it("refuses a hash that is not here", async () => {
    await store.put(flatBars(5, FIRST_MS, DAY_MS), aapl);
    const sha256 = "ab".repeat(32);
    expect(await problemOf(store.read({ symbol: "AAPL", timeframe: "1d", sha256 }))).toMatchObject({
      kind: "data-not-found",
      message: `No stored bars have the hash ${sha256}.`,
    });
  });
});

describe("a damaged file", () => {
  async function damage(sha256: string, at: number): Promise<void> {
    const file = await open(columnsPath(sha256), "r+");
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] ^= 1;
    await file.write(byte, 0, 1, at);
    await file.close();
  }

  it("is found, whichever bit of it changed", async () => {
    const { sha256 } = await store.put(flatBars(20, FIRST_MS, DAY_MS), aapl);
    const { size } = await stat(columnsPath(sha256));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: size - 1 }), async (at) => {
        await damage(sha256, at);
        const problem = await problemOf(new MarketDataStore(folder).open(sha256));
        expect(problem.kind).toBe("invalid-data");
        expect(problem.message).toContain(`The stored bars in ${columnsPath(sha256)} are damaged: `);
        await damage(sha256, at);
      }),
      { numRuns: 60 },
    );
    expect((await store.open(sha256)).rows).toBe(20);
  });

  it("is found when it is cut short", async () => {
    const { sha256 } = await store.put(flatBars(20, FIRST_MS, DAY_MS), aapl);
    await truncate(columnsPath(sha256), 500);
    expect((await problemOf(store.open(sha256))).message).toBe(
      `The stored bars in ${columnsPath(sha256)} are damaged: it has 500 bytes, and 20 rows take 1024.`,
    );
    await truncate(columnsPath(sha256), 0);
    expect((await problemOf(store.open(sha256))).message).toMatch(/it does not start like a bars file\.$/);
  });

  it("is named with the cure when it is a manifest", async () => {
    await store.put(flatBars(5, FIRST_MS, DAY_MS), aapl);
    const path = join(folder, "catalogue", "AAPL", "1d.json");
    await writeFile(path, (await readFile(path, "utf8")).replace('"rows": 5', '"rows": "five"'));
    const problem = await problemOf(store.find("AAPL", "1d"));
    expect(problem.message).toContain(`The manifest ${path} is damaged: `);
    expect(problem.cure).toBe("Delete that file and load the data again with ktrdr data load.");
  });
});

describe("remove", () => {
  it("takes the columns along, unless another symbol has the same bars", async () => {
    const bars = flatBars(5, FIRST_MS, DAY_MS);
    const { sha256 } = await store.put(bars, aapl);
    await store.put(bars, { ...aapl, symbol: "COPY" });
    expect(await store.remove("AAPL", "1d")).toBe(true);
    expect(await store.remove("AAPL", "1d")).toBe(false);
    expect((await store.read({ symbol: "COPY", timeframe: "1d" })).bars.rows).toBe(5);
    expect(await store.remove("COPY", "1d")).toBe(true);
    expect(await readdir(join(folder, "columns"))).toEqual([]);
    expect((await problemOf(new MarketDataStore(folder).open(sha256))).kind).toBe("data-not-found");
  });
});

describe("several processes on one folder", () => {
  /** Puts and removes in a process of its own. */
  const writer = (seed: number) => `
    import { MarketDataStore } from ${JSON.stringify(new URL("./store.ts", import.meta.url).href)};
    import { flatBars } from ${JSON.stringify(new URL("./testing/random-bars.ts", import.meta.url).href)};
    const store = new MarketDataStore(${JSON.stringify(folder)});
    for (let round = 0; round < 30; round++) {
      const price = 1 + ((round + ${seed}) % 3);
      await store.put(flatBars(50, 0, 86_400_000, price), { symbol: "S" + (round % 2), timeframe: "1d", source: "" });
      if (round % 4 === ${seed}) await store.remove("S0", "1d");
      if (round % 5 === 0) await store.prune();
    }`;

  it("leave a catalogue whose every entry can be opened, and no unfinished file", async () => {
    const children = [0, 1].map((seed) =>
      spawn(process.execPath, ["--input-type=module", "-e", writer(seed)], { stdio: ["ignore", "ignore", "pipe"] }),
    );
    const ends = await Promise.all(
      children.map(async (child) => {
        let errors = "";
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          errors += text;
        });
        const [code] = await once(child, "close");
        return { code, errors };
      }),
    );
    expect(ends).toEqual([0, 1].map(() => ({ code: 0, errors: "" })));
    const manifests = await store.list();
    expect(manifests.length).toBeGreaterThan(0);
    for (const { sha256 } of manifests) expect((await store.open(sha256)).rows).toBe(50);
    const names = await readdir(folder, { recursive: true });
    expect(names.filter((name) => name.includes(UNFINISHED_PREFIX))).toEqual([]);
  });
});

describe("watch", () => {
  /** The symbols at each call, until `isLast` holds for one. */
  function symbolsUntil(isLast: (symbols: string) => boolean): { done: Promise<void>; stop: () => void } {
    let stop: () => void = () => {};
    const done = new Promise<void>((resolve, reject) => {
      const look = async () => {
        const symbols = (await store.list()).map(({ symbol, rows }) => `${symbol} ${rows}`).join(", ");
        if (isLast(symbols)) resolve();
      };
      stop = store.watch(() => void look().catch(reject), { pollMs: 500 });
    });
    return { done, stop };
  }

  it.each<[string, (other: MarketDataStore) => Promise<unknown>, string]>([
    ["put", (other) => other.put(flatBars(3, FIRST_MS, DAY_MS), { ...aapl, symbol: "MSFT" }), "AAPL 2, MSFT 3"],
    ["replaced", (other) => other.put(flatBars(4, FIRST_MS, DAY_MS), aapl), "AAPL 4"],
    ["removed", (other) => other.remove("AAPL", "1d"), ""],
  ])("tells that another store %s a dataset", async (_, change, expected) => {
    await store.put(flatBars(2, FIRST_MS, DAY_MS), aapl);
    const before = symbolsUntil((symbols) => symbols === "AAPL 2");
    const after = symbolsUntil((symbols) => symbols === expected);
    await before.done;
    await change(new MarketDataStore(folder));
    await after.done;
    before.stop();
    after.stop();
  });

  it("says nothing after it was stopped", async () => {
    let calls = 0;
    const stop = store.watch(() => calls++, { pollMs: 20 });
    stop();
    await store.put(flatBars(5, FIRST_MS, DAY_MS), aapl);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(calls).toBe(0);
  });
});

describe("bars of another store", () => {
  const details = { symbol: "AAA", timeframe: "1d", source: "http://plane", replaces: "imported" } as const;

  it("are opened by their hash, and stand in the catalogue where nothing that was loaded here does", async () => {
    const [first, second] = [flatBars(10, FIRST_MS, DAY_MS), flatBars(20, FIRST_MS, DAY_MS)];
    const hashes = [contentHash(first), contentHash(second)];
    await store.import(first, hashes[0] ?? "", details);
    await store.import(second, hashes[1] ?? "", details);
    expect(await store.find("AAA", "1d")).toMatchObject({ sha256: hashes[1], source: "the store of http://plane" });
    const own = await store.put(flatBars(30, FIRST_MS, DAY_MS), { symbol: "AAA", timeframe: "1d", source: "mine" });
    await store.import(first, hashes[0] ?? "", details);
    expect((await store.find("AAA", "1d"))?.sha256).toBe(own.sha256);
    expect((await new MarketDataStore(store.folder).open(hashes[0] ?? "")).rows).toBe(10);
    await store.import(first, hashes[0] ?? "", { ...details, replaces: "all" });
    expect((await store.find("AAA", "1d"))?.sha256).toBe(hashes[0]);
  });

  it("are refused where they break a rule that every loaded file keeps", async () => {
    const bars = flatBars(10, FIRST_MS, DAY_MS);
    bars.high[4] = Number.NaN;
    const importing = store.import(bars, contentHash(bars), details);
    await expect(importing).rejects.toMatchObject({ kind: "invalid-data", message: expect.stringContaining("row 5") });
  });
});
