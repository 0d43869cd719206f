import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DATASET_BYTES_PER_BAR } from "../../protocol/index.ts";
import { BAR_COLUMN_NAMES, type BarColumns, contentHash, loadSample, MarketDataStore } from "../market-data/index.ts";
import { DatasetFetcher } from "./dataset-fetcher.ts";
import { type DownloadOptions, downloadDataset } from "./download.ts";
import { FakeRegistry } from "./testing/fake-registry.ts";
import { temporaryFolder } from "./testing/nodes.ts";

const quick = { backoff: { firstMs: 1, longestMs: 5 }, patience: 3 };
const never = new AbortController().signal;
const { bars } = await loadSample("SP500");
const sha256 = contentHash(bars);
const bytes = Buffer.concat(BAR_COLUMN_NAMES.map((name) => Buffer.from(Float64Array.from(bars[name]).buffer)));

let registry: FakeRegistry;
let folder: ReturnType<typeof temporaryFolder>;
beforeEach(async () => {
  registry = new FakeRegistry();
  await registry.start();
  registry.store.artefacts.set(sha256, bytes);
  folder = temporaryFolder();
});
afterEach(async () => {
  await registry.stop();
  folder.remove();
});

const source = () => ({ url: registry.url, credential: registry.credential });

function download(change: Partial<DownloadOptions> = {}): Promise<BarColumns> {
  return downloadDataset({ source, sha256, signal: never, ...quick, ...change });
}

describe("a download", () => {
  it("brings the columns into shared memory, and tells how far it is", async () => {
    const seen: number[] = [];
    const got = await download({ onProgress: (progress) => seen.push(progress.bytes) });
    expect(contentHash(got)).toBe(sha256);
    expect(got.timeMs.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(seen.at(-1)).toBe(bars.rows * DATASET_BYTES_PER_BAR);
  });

  it("that is cut goes on where it was, as often as it is cut", async () => {
    let cuts = 0;
    registry.store.fault = () => (cuts++ < 5 ? "cut" : null);
    expect(contentHash(await download())).toBe(sha256);
    const ranges = registry.store.headers.map((headers) => Number(/\d+/.exec(headers.range ?? "0")?.[0]));
    expect(ranges.length).toBe(6);
    expect([...ranges].sort((a, b) => a - b)).toEqual(ranges);
    expect(ranges[5]).toBeGreaterThan(bytes.length * 0.9);
  });

  it("with damaged bytes begins anew, and gives up in the end", async () => {
    const damaged = Buffer.from(bytes);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    registry.store.artefacts.set(sha256, damaged);
    await expect(download()).rejects.toThrow("in 3 tries: its bytes were damaged on the way");
    registry.store.requests.length = 0;
    registry.store.fault = () => {
      if (registry.store.requests.length === 2) registry.store.artefacts.set(sha256, bytes);
      return null;
    };
    expect(contentHash(await download())).toBe(sha256);
  });

  it("says at once that the store does not have it, or that it is no dataset", async () => {
    registry.store.artefacts.set(sha256, Buffer.alloc(49));
    await expect(download()).rejects.toMatchObject({ kind: "invalid-data" });
    registry.store.artefacts.clear();
    await expect(download()).rejects.toMatchObject({ kind: "data-not-found" });
  });

  it("waits for a control plane that is away, and says so when that takes too long", async () => {
    await registry.stop();
    await expect(download()).rejects.toMatchObject({ kind: "unavailable", retryable: true });
  });
});

describe("fetching a dataset", () => {
  const dataset = { symbol: "SP500", timeframe: "1d", sha256 };

  it("downloads once for all who wait, and puts it into the catalogue", async () => {
    const store = new MarketDataStore(folder.path);
    const fetcher = new DatasetFetcher(store, source, quick);
    await Promise.all([1, 2, 3].map(() => fetcher.fetch(dataset, never, () => {})));
    expect(registry.store.requests).toHaveLength(1);
    expect(await store.find("SP500", "1d")).toMatchObject({ sha256, source: `the store of ${registry.url}` });
    expect(contentHash(await new MarketDataStore(folder.path).open(sha256))).toBe(sha256);
  });

  it("goes on as long as anybody waits, and ends when nobody does", async () => {
    registry.store.fault = () => 503;
    const fetcher = new DatasetFetcher(new MarketDataStore(folder.path), source, { ...quick, patience: 10_000 });
    const [first, second] = [new AbortController(), new AbortController()];
    const waits = [first, second].map(({ signal }) => fetcher.fetch(dataset, signal, () => {}));
    const ends = Promise.allSettled(waits);
    first.abort(new Error("first left"));
    await expect(waits[0]).rejects.toThrow("first left");
    const asked = registry.store.requests.length;
    await expect.poll(() => registry.store.requests.length).toBeGreaterThan(asked + 2);
    second.abort(new Error("second left"));
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const after = registry.store.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(registry.store.requests.length).toBe(after);
  });
});
