/**
 * @file A backtest's artefact: one ZIP archive, stored without compression, the same bytes on every machine.
 *
 * - `result.json`: the request, statistics, months, warnings, as canonical JSON in wire spelling;
 * - `equity.parquet`: `time`, `equity`, `drawdown_percent` and `exposure`, a row a bar;
 * - `trades.parquet`: a row a closed trade; an absent stop or target is NaN;
 * - `orders.parquet`: a row an order, with its end; absent prices and units are NaN;
 * - `chart.parquet`: the points that a report draws.
 */
import { z } from "zod";
import { canonicalJson } from "../../protocol/canonical-json.ts";
import { BACKTEST_RESULT_FORMAT, Problem, wire } from "../../protocol/index.ts";
import { type BacktestResult, backtestResult } from "../backtest-result.ts";
import { CHART_COLUMNS } from "../tables/chart.ts";
import { EQUITY_COLUMNS } from "../tables/equity.ts";
import { ORDER_COLUMNS, type OrderRecord } from "../tables/orders.ts";
import { TRADE_COLUMNS, type Trade } from "../tables/trades.ts";
import { drawdownPercent } from "./column-values.ts";
import { crc32 } from "./crc32.ts";
import { inPresentFormat } from "./older-formats.ts";
import { type Checksum, isZip, readZip, writeZip } from "./stored-zip.ts";
import { encodeLists, encodeRows, TableFile } from "./tables.ts";

const document = wire(
  backtestResult
    .omit({ equity: true, exposure: true, trades: true, orders: true, chart: true })
    .extend({ chartBarsPerPoint: z.int().min(1) }),
);
const wholeResult = wire(backtestResult);

const JSON_FILE = "result.json";
const EQUITY_FILE = "equity.parquet";
const TRADES_FILE = "trades.parquet";
const ORDERS_FILE = "orders.parquet";
const CHART_FILE = "chart.parquet";

/**
 * @param timeMs the bars' start times, one for each value of the equity
 * @param checksum CRC-32, where the platform has a faster one
 */
export function encodeBacktestResult(result: BacktestResult, timeMs: Float64Array, checksum = crc32): Uint8Array {
  const { equity: marks, exposure, trades, orders, chart, ...rest } = result;
  const json = canonicalJson(document.encode({ ...rest, chartBarsPerPoint: chart.barsPerPoint }));
  const equity = new Float64Array(marks);
  const account = { timeMs, equity, drawdownPercent: drawdownPercent(equity), exposure };
  const files = {
    [JSON_FILE]: new TextEncoder().encode(json),
    [EQUITY_FILE]: encodeLists(EQUITY_COLUMNS, account),
    [TRADES_FILE]: encodeRows(TRADE_COLUMNS, trades),
    [ORDERS_FILE]: encodeRows(ORDER_COLUMNS, orders),
    [CHART_FILE]: encodeLists(CHART_COLUMNS, chart),
  };
  return writeZip(files, checksum);
}

/**
 * Reverses `encodeBacktestResult`, also for the format before. Also reads the whole result as one JSON document: `--json` prints
 * it, and artefacts had that form before version 0.2. Throws a `Problem` (`invalid-request`) for anything else.
 *
 * @param checksum CRC-32, where the platform has a faster one
 */
export function decodeBacktestResult(bytes: Uint8Array, checksum: Checksum = crc32): BacktestResult {
  if (!isZip(bytes)) return wholeResult.parse(requireFormat(parseJson(bytes)), "backtest result");
  const files = readZip(bytes, checksum);
  const file = (name: string) => {
    const content = files.get(name);
    if (content === undefined) throw incomplete(`it has no ${name}`);
    return content;
  };
  const table = (name: string) => new TableFile(name, file(name), incomplete);
  const { chartBarsPerPoint, ...rest } = document.parse(requireFormat(parseJson(file(JSON_FILE))), "backtest result");
  const { equity, exposure } = table(EQUITY_FILE).lists(EQUITY_COLUMNS);
  return {
    ...rest,
    equity,
    exposure,
    trades: table(TRADES_FILE).rows(TRADE_COLUMNS) as Trade[],
    orders: table(ORDERS_FILE).rows(ORDER_COLUMNS) as OrderRecord[],
    chart: { barsPerPoint: chartBarsPerPoint, ...table(CHART_FILE).lists(CHART_COLUMNS) },
  };
}

/** Checks the version first: a result of another one is refused for that, and not for its fields. */
function requireFormat(json: unknown): unknown {
  const content = inPresentFormat(json);
  const format = typeof content === "object" && content !== null && "format" in content ? content.format : undefined;
  if (typeof format !== "string" || format === BACKTEST_RESULT_FORMAT || !format.startsWith("ktrdr.backtest."))
    return content;
  throw new Problem(
    "invalid-request",
    `This result has the format ${format}; this ktrdr reads ${BACKTEST_RESULT_FORMAT}.`,
    {
      cure: "Run the backtest again: a result takes moments, and has more in it now.",
    },
  );
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Problem("invalid-request", `These ${bytes.length} bytes are not a backtest result: they are not JSON.`, {
      cure: "Fetch the artefact again and check its SHA-256.",
      cause,
    });
  }
}

function incomplete(what: string): Problem {
  return new Problem("invalid-request", `This archive is not a backtest result (${BACKTEST_RESULT_FORMAT}): ${what}.`, {
    cure: "Fetch the artefact again and check its SHA-256.",
  });
}
