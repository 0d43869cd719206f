/** `ktrdr data show`: one dataset with its gaps and its first and last bars. */

import type { DatasetManifest } from "../../compute-node/market-data/index.ts";
import {
  BAR_COLUMN_NAMES,
  type BarColumns,
  datasetManifestWire,
  MarketDataStore,
} from "../../compute-node/market-data/index.ts";
import { Problem } from "../../protocol/problem.ts";
import { toSnakeCase } from "../../protocol/wire.ts";
import type { Context } from "../terminal/context.ts";
import { momentText } from "../terminal/duration.ts";
import { factsText, type TableColumn, tableText } from "../terminal/table.ts";
import { gapsText } from "./data-text.ts";

/** Bars shown from each end. */
const SHOWN_BARS = 3;

export async function runDataShow(context: Context, symbol: string, timeframe: string | undefined): Promise<void> {
  const store = new MarketDataStore(context.home.data);
  const chosen = timeframe ?? (await onlyTimeframe(store, symbol));
  const { manifest, bars } = await store.read({ symbol, timeframe: chosen });
  const first = range(0, Math.min(SHOWN_BARS, bars.rows));
  const last = range(Math.max(first.length, bars.rows - SHOWN_BARS), bars.rows);
  const json = {
    ...(datasetManifestWire.encode(manifest) as object),
    first_bars: first.map((row) => barDocument(bars, row)),
    last_bars: last.map((row) => barDocument(bars, row)),
  };
  context.answer(json, () => [factsText(facts(manifest)), "", barsText(bars, first, last)].join("\n"));
}

async function onlyTimeframe(store: MarketDataStore, symbol: string): Promise<string> {
  const manifests = await store.list();
  const timeframes = manifests.filter((manifest) => manifest.symbol === symbol).map((manifest) => manifest.timeframe);
  const [first, ...others] = timeframes;
  if (first !== undefined && others.length === 0) return first;
  if (first !== undefined) {
    throw new Problem("invalid-request", `${symbol} is here as ${timeframes.join(", ")}.`, {
      cure: `Say which, as in ktrdr data show ${symbol} ${first}.`,
    });
  }
  throw new Problem("data-not-found", `There is no data of ${symbol} here.`, {
    cure: `See what there is with ktrdr data list, or load it: ktrdr data load FILE --symbol ${symbol}`,
  });
}

function facts(manifest: DatasetManifest): [string, string][] {
  return [
    ["symbol", manifest.symbol],
    ["timeframe", manifest.timeframe],
    ["bars", manifest.rows.toLocaleString("en")],
    ["first", momentText(manifest.firstMs)],
    ["last", momentText(manifest.lastMs)],
    ["sha256", manifest.sha256],
    ["source", manifest.source],
    ["loaded", momentText(manifest.loadedAtMs)],
    ["gaps", gapsText(manifest.gaps)],
    ...manifest.gaps.first.map((gap): [string, string] => [
      "  gap",
      `${gap.missingBars} missing between ${momentText(gap.afterMs)} and ${momentText(gap.beforeMs)}`,
    ]),
    ...manifest.warnings.map((warning): [string, string] => ["note", warning.message]),
  ];
}

function barsText(bars: BarColumns, first: readonly number[], last: readonly number[]): string {
  const price = (name: "open" | "high" | "low" | "close" | "volume"): TableColumn<number> => ({
    heading: name.toUpperCase(),
    align: "right",
    text: (row) => String(at(bars[name], row)),
  });
  const lines = tableText(
    [
      { heading: "TIME (UTC)", text: (row) => momentText(at(bars.timeMs, row)) },
      price("open"),
      price("high"),
      price("low"),
      price("close"),
      price("volume"),
    ],
    [...first, ...last],
  ).split("\n");
  const omitted = bars.rows - first.length - last.length;
  if (omitted > 0) lines.splice(1 + first.length, 0, `… ${omitted.toLocaleString("en")} more`);
  return lines.join("\n");
}

function barDocument(bars: BarColumns, row: number): Record<string, number> {
  return Object.fromEntries(BAR_COLUMN_NAMES.map((name) => [toSnakeCase(name), at(bars[name], row)]));
}

function at(column: Float64Array, row: number): number {
  const value = column[row];
  if (value === undefined) throw new RangeError(`there is no bar ${row}`);
  return value;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
