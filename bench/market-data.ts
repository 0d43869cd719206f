/**
 * Loading speed: CSV text to columns, and the store to columns.
 * Ratios are to the limit (every byte read and added up in plain JavaScript) and to splitting the text into strings.
 * Run `node bench/market-data.ts [rows]`; 1,000,000 rows by default.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  allocateBars,
  type BarColumns,
  BYTES_PER_BAR,
  contentHash,
  MarketDataStore,
  parseCsv,
} from "../compute-node/market-data/index.ts";

const ROUNDS = 5;

interface MarketDataBench {
  readonly rows: number;
  readonly fileBytes: number;
  /** Milliseconds, medians of the rounds. */
  readonly parseMs: number;
  readonly touchMs: number;
  readonly splitMs: number;
  readonly openMs: number;
  /** The start of the bars' content hash. */
  readonly checksum: string;
}

/** Minute bars whose prices walk at random, as the text of a CSV file; the same text for the same seed. */
export function makeCsv(rows: number, seed = 1): Uint8Array {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const parts: Buffer[] = [Buffer.from("timestamp,open,high,low,close,volume\n")];
  let lines: string[] = [];
  let cents = 10_000_000;
  for (let row = 0; row < rows; row++) {
    const time = new Date(Date.UTC(2020, 0, 1) + row * 60_000).toISOString().replace(".000Z", "Z");
    const open = cents;
    const close = Math.max(1000, open + Math.floor((random() - 0.5) * 2000));
    const high = Math.max(open, close) + Math.floor(random() * 500);
    const low = Math.min(open, close) - Math.floor(random() * 500);
    const prices = [open, high, low, close].map((price) => (price / 100_000).toFixed(5));
    lines.push(`${time},${prices.join(",")},${(random() * 5000).toFixed(3)}\n`);
    cents = close;
    if (lines.length === 10_000 || row === rows - 1) {
      parts.push(Buffer.from(lines.join("")));
      lines = [];
    }
  }
  return Buffer.concat(parts);
}

function touchEveryByte(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum = (sum + bytes[at]) | 0;
  return sum;
}

/** The simplest way: strings split at line feeds and commas. */
function splitText(bytes: Uint8Array): BarColumns {
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
  const bars = allocateBars(lines.length - 1);
  for (let row = 0; row < bars.rows; row++) {
    const [time, open, high, low, close, volume] = lines[row + 1].split(",");
    bars.timeMs[row] = Date.parse(time);
    bars.open[row] = Number(open);
    bars.high[row] = Number(high);
    bars.low[row] = Number(low);
    bars.close[row] = Number(close);
    bars.volume[row] = Number(volume);
  }
  return bars;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Measures in alternating order, so that a noisy moment hits all of them. Throws when two ways disagree. */
export async function benchMarketData(rows: number, rounds = ROUNDS): Promise<MarketDataBench> {
  const bytes = makeCsv(rows);
  const folder = await mkdtemp(join(tmpdir(), "ktrdr-bench-"));
  const times = { parse: [] as number[], touch: [] as number[], split: [] as number[], open: [] as number[] };
  try {
    const { bars } = parseCsv(bytes, "bench.csv");
    const { sha256 } = await new MarketDataStore(folder).put(bars, {
      symbol: "BENCH",
      timeframe: "1m",
      source: "made",
    });
    if (contentHash(splitText(bytes)) !== sha256) throw new Error("parseCsv and the split text gave different bars");
    for (let round = 0; round < rounds; round++) {
      times.touch.push(await timed(() => touchEveryByte(bytes)));
      times.parse.push(await timed(() => parseCsv(bytes, "bench.csv")));
      times.split.push(await timed(() => splitText(bytes)));
      // A store of its own each time, so that nothing is in memory yet.
      times.open.push(await timed(() => new MarketDataStore(folder).open(sha256)));
    }
    return {
      rows,
      fileBytes: bytes.length,
      parseMs: median(times.parse),
      touchMs: median(times.touch),
      splitMs: median(times.split),
      openMs: median(times.open),
      checksum: sha256.slice(0, 16),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The result as lines for people. */
export function describeMarketDataBench(bench: MarketDataBench): string {
  const megabytes = bench.fileBytes / 1e6;
  const speed = (ms: number) => `${((megabytes / ms) * 1000).toFixed(0)} MB/s`;
  const rate = (ms: number) => `${((bench.rows / ms) * 1000).toExponential(2)} rows/s`;
  return [
    `${bench.rows} rows, ${megabytes.toFixed(1)} MB of CSV, ${((bench.rows * BYTES_PER_BAR) / 1e6).toFixed(1)} MB of columns, checksum ${bench.checksum}`,
    `parse a CSV       ${bench.parseMs.toFixed(0).padStart(6)} ms  ${speed(bench.parseMs)}  ${rate(bench.parseMs)}`,
    `limit: touch bytes${bench.touchMs.toFixed(0).padStart(6)} ms  ${speed(bench.touchMs)}  parse / limit = ${(bench.touchMs / bench.parseMs).toFixed(2)}`,
    `text.split        ${bench.splitMs.toFixed(0).padStart(6)} ms  ${speed(bench.splitMs)}  parse / split = ${(bench.splitMs / bench.parseMs).toFixed(1)}`,
    `open from store   ${bench.openMs.toFixed(0).padStart(6)} ms  ${rate(bench.openMs)}, checked for damage`,
  ].join("\n");
}

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 1_000_000);
  console.log(describeMarketDataBench(await benchMarketData(rows)));
}
