/**
 * @file A portfolio's artefact: one ZIP archive, stored without compression, the same bytes on every machine.
 *
 * - `result.json`: the request, statistics, contributions, months, warnings, as canonical JSON in wire spelling;
 * - `equity.parquet`: `time`, `equity`, `drawdown_percent`, `exposure` and `positions`, a row a moment of the clock;
 * - `trades.parquet`: a row a closed trade with its `symbol`; an absent stop or target is NaN;
 * - `chart.parquet`: the points that a report draws.
 */
import { z } from "zod";
import { canonicalJson } from "../../protocol/canonical-json.ts";
import { PORTFOLIO_RESULT_FORMAT, Problem, wire } from "../../protocol/index.ts";
import { type PortfolioResult, portfolioResult } from "../portfolio-result.ts";
import { PORTFOLIO_CHART_COLUMNS } from "../tables/chart.ts";
import { PORTFOLIO_EQUITY_COLUMNS } from "../tables/equity.ts";
import {
  PORTFOLIO_TRADE_COLUMNS,
  PORTFOLIO_TRADE_FILE_COLUMNS,
  type PortfolioTrade,
} from "../tables/portfolio-trades.ts";
import { drawdownPercent } from "./column-values.ts";
import { crc32 } from "./crc32.ts";
import { inPresentFormat } from "./older-formats.ts";
import { type Checksum, readZip, writeZip } from "./stored-zip.ts";
import { encodeLists, encodeRows, TableFile } from "./tables.ts";

const document = wire(
  portfolioResult
    .omit({ timeMs: true, equity: true, exposure: true, positions: true, trades: true, chart: true })
    .extend({ chartBarsPerPoint: z.int().min(1) }),
);

const JSON_FILE = "result.json";
const EQUITY_FILE = "equity.parquet";
const TRADES_FILE = "trades.parquet";
const CHART_FILE = "chart.parquet";

/** @param checksum CRC-32, where the platform has a faster one */
export function encodePortfolioResult(result: PortfolioResult, checksum: Checksum = crc32): Uint8Array {
  const { timeMs, equity: marks, exposure, positions, trades, chart, ...rest } = result;
  const json = canonicalJson(document.encode({ ...rest, chartBarsPerPoint: chart.barsPerPoint }));
  const equity = new Float64Array(marks);
  const account = { timeMs, equity, drawdownPercent: drawdownPercent(equity), exposure, positions };
  const files = {
    [JSON_FILE]: new TextEncoder().encode(json),
    [EQUITY_FILE]: encodeLists(PORTFOLIO_EQUITY_COLUMNS, account),
    [TRADES_FILE]: encodeRows(PORTFOLIO_TRADE_FILE_COLUMNS, trades),
    [CHART_FILE]: encodeLists(PORTFOLIO_CHART_COLUMNS, chart),
  };
  return writeZip(files, checksum);
}

/**
 * Returns true where these bytes are a portfolio's artefact, and not a single backtest's.
 *
 * @param checksum CRC-32, where the platform has a faster one
 */
export function isPortfolioResult(bytes: Uint8Array, checksum: Checksum = crc32): boolean {
  try {
    const json = readZip(bytes, checksum).get(JSON_FILE);
    if (json === undefined) return false;
    const { format } = inPresentFormat(JSON.parse(new TextDecoder().decode(json))) as { format?: unknown };
    return format === PORTFOLIO_RESULT_FORMAT;
  } catch {
    // The decoder names the fault.
    return false;
  }
}

/**
 * Reverses `encodePortfolioResult`, also for the format before. Throws a `Problem` (`invalid-request`) for anything else.
 *
 * @param checksum CRC-32, where the platform has a faster one
 */
export function decodePortfolioResult(bytes: Uint8Array, checksum: Checksum = crc32): PortfolioResult {
  const files = readZip(bytes, checksum);
  const file = (name: string) => {
    const content = files.get(name);
    if (content === undefined) throw incomplete(`it has no ${name}`);
    return content;
  };
  const table = (name: string) => new TableFile(name, file(name), incomplete);
  const json = inPresentFormat(JSON.parse(new TextDecoder().decode(file(JSON_FILE))));
  const { chartBarsPerPoint, ...rest } = document.parse(json, "portfolio result");
  const { timeMs, equity, exposure, positions } = table(EQUITY_FILE).lists(PORTFOLIO_EQUITY_COLUMNS);
  return {
    ...rest,
    timeMs,
    equity,
    exposure,
    positions,
    trades: table(TRADES_FILE).rows(PORTFOLIO_TRADE_COLUMNS) as PortfolioTrade[],
    chart: { barsPerPoint: chartBarsPerPoint, ...table(CHART_FILE).lists(PORTFOLIO_CHART_COLUMNS) },
  };
}

function incomplete(what: string): Problem {
  return new Problem(
    "invalid-request",
    `This archive is not a portfolio result (${PORTFOLIO_RESULT_FORMAT}): ${what}.`,
    {
      cure: "Fetch the artefact again and check its SHA-256.",
    },
  );
}
