/** `ktrdr data`: the prices on this machine. */
import type { DatasetManifest } from "../../../compute-node/market-data/index.ts";
import type { DataLoadOptions } from "../../data/data-load.ts";
import type { Context } from "../../terminal/context.ts";
import { collectTexts } from "../../terminal/option-values.ts";
import { type DeclaredGroup, defineCommand } from "../declare.ts";

const SYMBOL = { name: "<symbol>" };
const TIMEFRAME = { name: "<timeframe>" };
type Dataset = [symbol: string, timeframe: string];

export const dataCommands: DeclaredGroup = {
  name: "data",
  description: "the prices on this machine",
  commands: [
    defineCommand<[files: string[]], DataLoadOptions>({
      name: "load",
      description: "check CSV or Parquet files and store them",
      arguments: [{ name: "[files...]", description: "files with timestamp, open, high, low, close and volume" }],
      options: [
        {
          flags: "--symbol <symbol>",
          description: "the name to store one file under (default: from the file's name)",
        },
        {
          flags: "--timeframe <timeframe>",
          description: "the bar length, such as 1d or 5m (default: from the file's name, or its bars)",
        },
        {
          flags: "--columns <role=name>",
          description: "the file's own name for a column, such as close=Last; repeat for more",
          parse: collectTexts,
        },
        { flags: "--sort", description: "put rows in order of time instead of refusing them" },
        { flags: "--allow-non-positive", description: "accept prices of zero and below" },
        {
          flags: "--sample [name]",
          description: "load real prices that come with ktrdr: SP500 or AAPL (default: both)",
        },
      ],
      examples: [
        "ktrdr data load AAPL_1d.csv",
        "ktrdr data load prices.csv --symbol BTC-USD --timeframe 5m --columns close=Last",
        "ktrdr data load prices/*.parquet --timeframe 1d",
        "ktrdr data load --sample",
      ],
      fault: ([files], options) => loadFault(files, options),
      async handle(context, [files], options) {
        const { runDataLoad } = await import("../../data/data-load.ts");
        await runDataLoad(context, files, options);
      },
    }),
    defineCommand<[], { remote?: boolean }>({
      name: "list",
      description: "every dataset",
      options: [
        {
          flags: "--remote",
          description: "those in the workspace's store instead, which every node can have",
        },
      ],
      examples: ["ktrdr data list", "ktrdr data list --remote --json"],
      async handle(context, _, { remote }) {
        if (remote !== true) return list(context);
        const { listRemote } = await import("../../data/data-transfer.ts");
        await listRemote(context);
      },
    }),
    defineCommand<[symbol: string, timeframe?: string], object>({
      name: "show",
      description: "one dataset: its range, its gaps, its first and last bars",
      arguments: [SYMBOL, { name: "[timeframe]", description: "may be left out when there is one" }],
      examples: ["ktrdr data show SP500 1d"],
      async handle(context, [symbol, timeframe]) {
        const { runDataShow } = await import("../../data/data-show.ts");
        await runDataShow(context, symbol, timeframe);
      },
    }),
    defineCommand<Dataset, object>({
      name: "remove",
      description: "delete a dataset from this machine",
      arguments: [SYMBOL, TIMEFRAME],
      examples: ["ktrdr data remove AAPL 1d"],
      handle: (context, [symbol, timeframe]) => remove(context, symbol, timeframe),
    }),
    defineCommand<Dataset, object>({
      name: "push",
      description: "put a dataset into the workspace's store, so that every node can run on it",
      arguments: [SYMBOL, TIMEFRAME],
      examples: ["ktrdr data push SP500 1d"],
      async handle(context, [symbol, timeframe]) {
        const { pushDataset } = await import("../../data/data-transfer.ts");
        await pushDataset(context, symbol, timeframe);
      },
    }),
    defineCommand<Dataset, object>({
      name: "pull",
      description: "fetch a dataset from the workspace's store, instead of what is here under that name",
      arguments: [SYMBOL, TIMEFRAME],
      examples: ["ktrdr data pull SP500 1d"],
      async handle(context, [symbol, timeframe]) {
        const { pullDataset } = await import("../../data/data-transfer.ts");
        await pullDataset(context, symbol, timeframe);
      },
    }),
    defineCommand<Dataset, object>({
      name: "withdraw",
      description: "take a dataset, with all its versions, out of the workspace's store; nodes keep what they have",
      arguments: [SYMBOL, TIMEFRAME],
      examples: ["ktrdr data withdraw AAPL 1d"],
      async handle(context, [symbol, timeframe]) {
        const { withdrawDataset } = await import("../../data/data-transfer.ts");
        await withdrawDataset(context, symbol, timeframe);
      },
    }),
    defineCommand<[], object>({
      name: "prune",
      description: "delete versions of datasets that newer ones have replaced",
      examples: ["ktrdr data prune"],
      handle: (context) => prune(context),
    }),
  ],
};

/** Names the fault of the command line; null when there is none. */
function loadFault(files: readonly string[], options: DataLoadOptions): string | null {
  if (options.sample !== undefined && files.length > 0) return "give files or --sample, not both";
  if (options.sample === undefined && files.length === 0) return "give a file to load, or --sample";
  if (options.symbol !== undefined && files.length > 1) return "--symbol names one file, and there are several";
  if (options.sample !== undefined && (options.symbol ?? options.timeframe ?? options.columns) !== undefined) {
    return "--sample has its own symbol, timeframe and columns";
  }
  return null;
}

async function openStore(context: Context) {
  const { MarketDataStore } = await import("../../../compute-node/market-data/store.ts");
  return new MarketDataStore(context.home.data);
}

async function list(context: Context): Promise<void> {
  const store = await openStore(context);
  const [manifests, { datasetManifestWire }, { tableText }, { momentText }] = await Promise.all([
    store.list(),
    import("../../../compute-node/market-data/manifest.ts"),
    import("../../terminal/table.ts"),
    import("../../terminal/duration.ts"),
  ]);
  const json = { total: manifests.length, datasets: manifests.map((manifest) => datasetManifestWire.encode(manifest)) };
  context.answer(json, () => {
    if (manifests.length === 0) {
      return `No data in ${context.home.data}. Load some: ktrdr data load FILE, or ktrdr data load --sample.`;
    }
    return tableText<DatasetManifest>(
      [
        { heading: "SYMBOL", text: (manifest) => manifest.symbol },
        { heading: "TIMEFRAME", text: (manifest) => manifest.timeframe },
        { heading: "BARS", align: "right", text: (manifest) => manifest.rows.toLocaleString("en") },
        { heading: "FIRST", text: (manifest) => momentText(manifest.firstMs) },
        { heading: "LAST", text: (manifest) => momentText(manifest.lastMs) },
        { heading: "GAPS", align: "right", text: (manifest) => String(manifest.gaps.count) },
        { heading: "SHA256", text: (manifest) => manifest.sha256.slice(0, 12) },
        { heading: "SOURCE", text: (manifest) => manifest.source },
      ],
      manifests,
    );
  });
}

async function remove(context: Context, symbol: string, timeframe: string): Promise<void> {
  const store = await openStore(context);
  if (!(await store.remove(symbol, timeframe))) {
    const { Problem } = await import("../../../protocol/problem.ts");
    throw new Problem("data-not-found", `There is no ${timeframe} data of ${symbol} here.`, {
      cure: "See what there is with ktrdr data list.",
    });
  }
  context.answer({ removed: { symbol, timeframe } }, () => `Removed ${symbol} ${timeframe}.`);
}

async function prune(context: Context): Promise<void> {
  const store = await openStore(context);
  const freed = await store.prune();
  context.answer(freed, () =>
    freed.files === 0
      ? "Nothing to delete."
      : `Deleted ${freed.files} ${freed.files === 1 ? "file" : "files"}, ${(freed.bytes / 1e6).toFixed(1)} MB.`,
  );
}
