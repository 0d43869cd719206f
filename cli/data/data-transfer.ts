/** `ktrdr data push`, `pull`, `withdraw` and `list --remote`: datasets in the workspace's store. */
import { setTimeout as sleep } from "node:timers/promises";
import { fullJitterMs } from "../../client/backoff.ts";
import type { Client } from "../../client/client.ts";
import { downloadDataset } from "../../compute-node/agent/download.ts";
import { uploadArtefact } from "../../compute-node/agent/upload.ts";
import { MarketDataStore } from "../../compute-node/market-data/index.ts";
import {
  DATASET_BYTES_PER_BAR,
  DATASET_MEDIA_TYPE,
  Problem,
  type StoredDataset,
  storedDataset,
  storedDatasetList,
  wire,
} from "../../protocol/index.ts";
import type { Context } from "../terminal/context.ts";
import { momentText } from "../terminal/duration.ts";
import { listenForInterrupts } from "../terminal/interrupt.ts";
import { barText } from "../terminal/progress.ts";
import { tableText } from "../terminal/table.ts";

/** A push gives up after this many attempts in a row without progress. */
const PATIENCE = 8;

/** Uploads the bytes that the store lacks, then their manifest. A push that was cut goes on where it was. */
export async function pushDataset(context: Context, symbol: string, timeframe: string): Promise<void> {
  const [client, { manifest, bars }] = await Promise.all([
    context.client(),
    new MarketDataStore(context.home.data).read({ symbol, timeframe }),
  ]);
  const { sha256, rows, firstMs, lastMs, source } = manifest;
  // The store reads a whole dataset into one buffer, its columns one after another: the bytes that the hash names.
  const bytes = new Uint8Array(bars.timeMs.buffer, 0, rows * DATASET_BYTES_PER_BAR);
  await upload(context, client, sha256, bytes);
  const published = await client.publishDataset(sha256, { symbol, timeframe, rows, firstMs, lastMs, source });
  context.answer(
    wire(storedDataset).encode(published),
    () => `${symbol} ${timeframe} is in the store: ${rows.toLocaleString("en")} bars, sha256 ${sha256.slice(0, 12)}.`,
  );
}

async function upload(context: Context, client: Client, sha256: string, bytes: Uint8Array): Promise<void> {
  const interrupts = listenForInterrupts();
  let sent = 0;
  const onProgress = (sentBytes: number): void => {
    if (sentBytes > sent) context.note(`${barText(sentBytes / bytes.byteLength)}  ${megabytes(sentBytes)}`);
    sent = Math.max(sent, sentBytes);
  };
  const request = { ...client.source, lease: null, sha256, mediaType: DATASET_MEDIA_TYPE, bytes, onProgress };
  try {
    for (let failures = 0; ; ) {
      const before = sent;
      const outcome = await uploadArtefact(request, interrupts.signal);
      interrupts.signal.throwIfAborted();
      if (outcome.type === "stored") return;
      if (outcome.type === "refused") throw Problem.fromDetails(outcome.error);
      failures = sent > before ? 0 : failures + 1;
      if (failures === PATIENCE) throw notSent(client.url, outcome.cause);
      context.note(`not yet: ${outcome.cause}; trying on`);
      await sleep(fullJitterMs(failures, Math.random), undefined, { signal: interrupts.signal });
    }
  } finally {
    interrupts.release();
  }
}

/** Fetches the newest version. It replaces the local dataset of that name. */
export async function pullDataset(context: Context, symbol: string, timeframe: string): Promise<void> {
  const client = await context.client();
  const found = await newestOf(client, symbol, timeframe);
  const { sha256, rows } = found;
  const interrupts = listenForInterrupts();
  try {
    const { signal } = interrupts;
    const bars = await downloadDataset({ source: () => client.source, sha256, signal });
    const details = { symbol, timeframe, source: client.url, replaces: "all" } as const;
    await new MarketDataStore(context.home.data).import(bars, sha256, details);
  } finally {
    interrupts.release();
  }
  context.answer(
    wire(storedDataset).encode(found),
    () => `${symbol} ${timeframe} is here: ${rows.toLocaleString("en")} bars, sha256 ${sha256.slice(0, 12)}.`,
  );
}

export async function withdrawDataset(context: Context, symbol: string, timeframe: string): Promise<void> {
  const client = await context.client();
  await newestOf(client, symbol, timeframe);
  const { datasets } = await client.listDatasets();
  const versions = datasets.filter((item) => item.symbol === symbol && item.timeframe === timeframe);
  for (const { sha256 } of versions) await client.withdrawDataset(sha256);
  context.answer(
    { symbol, timeframe, withdrawn: versions.map(({ sha256 }) => sha256) },
    () => `${symbol} ${timeframe} is no longer in the store; nodes keep what they have.`,
  );
}

export async function listRemote(context: Context): Promise<void> {
  const client = await context.client();
  const answer = await client.listDatasets();
  context.answer(wire(storedDatasetList).encode(answer), () =>
    answer.total === 0
      ? "The workspace's store has no data. Put some there: ktrdr data push SYMBOL TIMEFRAME."
      : tableText<StoredDataset>(
          [
            { heading: "SYMBOL", text: (item) => item.symbol },
            { heading: "TIMEFRAME", text: (item) => item.timeframe },
            { heading: "VERSION", text: (item) => (item.isNewest ? "newest" : "older") },
            { heading: "BARS", align: "right", text: (item) => item.rows.toLocaleString("en") },
            { heading: "FIRST", text: (item) => momentText(item.firstMs) },
            { heading: "LAST", text: (item) => momentText(item.lastMs) },
            { heading: "PUSHED", text: (item) => momentText(item.publishedAt) },
            { heading: "SHA256", text: (item) => item.sha256.slice(0, 12) },
          ],
          answer.datasets,
        ),
  );
}

async function newestOf(client: Client, symbol: string, timeframe: string): Promise<StoredDataset> {
  const { datasets } = await client.listDatasets();
  const found = datasets.find((item) => item.symbol === symbol && item.timeframe === timeframe && item.isNewest);
  if (found !== undefined) return found;
  throw new Problem("data-not-found", `The workspace's store has no ${timeframe} data of ${symbol}.`, {
    cure: "See what it has with ktrdr data list --remote.",
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function notSent(url: string, cause: string): Problem {
  return new Problem("unavailable", `The store of ${url} cannot be reached: ${cause}`, {
    cure: "Check the network and run the command again: what has arrived is not sent again.",
  });
}
