/** `ktrdr data`: the prices on this machine. */
import type { Command } from "commander";
import type { DatasetManifest } from "../../../compute-node/market-data/index.ts";
import type { DataLoadOptions } from "../../data/data-load.ts";
import type { Context, GetContext } from "../../terminal/context.ts";

const LOAD_EXAMPLES = `
Examples:
  $ ktrdr data load AAPL_1d.csv
  $ ktrdr data load prices.csv --symbol BTC-USD --timeframe 5m --columns close=Last
  $ ktrdr data load prices/*.parquet --timeframe 1d
  $ ktrdr data load --sample`;

export function registerDataCommands(program: Command, getContext: GetContext): void {
  const data = program.command("data").description("the prices on this machine");
  data
    .command("load")
    .description("check CSV or Parquet files and store them")
    .argument("[files...]", "files with timestamp, open, high, low, close and volume")
    .option("--symbol <symbol>", "the name to store one file under (default: from the file's name)")
    .option("--timeframe <timeframe>", "the bar length, such as 1d or 5m (default: from the file's name, or its bars)")
    .option("--columns <role=name>", "the file's own name for a column, such as close=Last; repeat for more", collect)
    .option("--sort", "put rows in order of time instead of refusing them")
    .option("--allow-non-positive", "accept prices of zero and below")
    .option("--sample [name]", "load real prices that come with ktrdr: SP500 or AAPL (default: both)")
    .addHelpText("after", LOAD_EXAMPLES)
    .action(async (files: string[], options: DataLoadOptions, command: Command) => {
      const fault = usageFault(files, options);
      if (fault !== null) command.error(`error: ${fault}`, { exitCode: 2 });
      const { runDataLoad } = await import("../../data/data-load.ts");
      await runDataLoad(getContext(), files, options);
    });
  data
    .command("list")
    .description("every dataset")
    .option("--remote", "those in the workspace's store instead, which every node can have")
    .addHelpText("after", "\nExamples:\n  $ ktrdr data list\n  $ ktrdr data list --remote --json")
    .action(async (options: { remote?: boolean }) => {
      if (options.remote !== true) return list(getContext());
      const { listRemote } = await import("../../data/data-transfer.ts");
      await listRemote(getContext());
    });
  data
    .command("show")
    .description("one dataset: its range, its gaps, its first and last bars")
    .argument("<symbol>")
    .argument("[timeframe]", "may be left out when there is one")
    .addHelpText("after", "\nExample:\n  $ ktrdr data show SP500 1d")
    .action(async (symbol: string, timeframe?: string) => {
      const { runDataShow } = await import("../../data/data-show.ts");
      await runDataShow(getContext(), symbol, timeframe);
    });
  data
    .command("remove")
    .description("delete a dataset from this machine")
    .argument("<symbol>")
    .argument("<timeframe>")
    .addHelpText("after", "\nExample:\n  $ ktrdr data remove AAPL 1d")
    .action((symbol: string, timeframe: string) => remove(getContext(), symbol, timeframe));
  data
    .command("push")
    .description("put a dataset into the workspace's store, so that every node can run on it")
    .argument("<symbol>")
    .argument("<timeframe>")
    .addHelpText("after", "\nExample:\n  $ ktrdr data push SP500 1d")
    .action(async (symbol: string, timeframe: string) => {
      const { pushDataset } = await import("../../data/data-transfer.ts");
      await pushDataset(getContext(), symbol, timeframe);
    });
  data
    .command("pull")
    .description("fetch a dataset from the workspace's store, in place of what is here under that name")
    .argument("<symbol>")
    .argument("<timeframe>")
    .addHelpText("after", "\nExample:\n  $ ktrdr data pull SP500 1d")
    .action(async (symbol: string, timeframe: string) => {
      const { pullDataset } = await import("../../data/data-transfer.ts");
      await pullDataset(getContext(), symbol, timeframe);
    });
  data
    .command("withdraw")
    .description("take a dataset, with all its versions, out of the workspace's store; nodes keep what they have")
    .argument("<symbol>")
    .argument("<timeframe>")
    .addHelpText("after", "\nExample:\n  $ ktrdr data withdraw AAPL 1d")
    .action(async (symbol: string, timeframe: string) => {
      const { withdrawDataset } = await import("../../data/data-transfer.ts");
      await withdrawDataset(getContext(), symbol, timeframe);
    });
  data
    .command("prune")
    .description("delete versions of datasets that newer ones have replaced")
    .addHelpText("after", "\nExample:\n  $ ktrdr data prune")
    .action(() => prune(getContext()));
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** What is wrong with the command line, or null. */
function usageFault(files: readonly string[], options: DataLoadOptions): string | null {
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
