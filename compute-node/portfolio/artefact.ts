/**
 * @file A portfolio's artefact: one ZIP archive, stored without compression, the same bytes on every machine.
 *
 * - `result.json`: what was asked, statistics, contributions, months, warnings, as canonical JSON in wire spelling;
 * - `equity.parquet`: `time`, `equity`, `drawdown_percent`, `exposure` and `positions`, a row a moment of the clock;
 * - `trades.parquet`: a row a closed trade with its `symbol`; a stop or target that there was not is NaN;
 * - `chart.parquet`: the points that a report draws.
 */
import { z } from "zod";
import { Problem, wire } from "../../protocol/index.ts";
import {
  PORTFOLIO_RESULT_FORMAT,
  type PortfolioResult,
  type PortfolioTrade,
  portfolioResult,
  portfolioTrade,
} from "../../protocol/portfolio-result.ts";
import { canonicalJson } from "../backtest/canonical-json.ts";
import { type ParquetColumn, type ParquetTable, readParquet, writeParquet } from "../backtest/parquet-table.ts";
import { drawdownPercent } from "../backtest/statistics/series.ts";
import { readZip, writeZip } from "../backtest/stored-zip.ts";

const document = wire(
  portfolioResult
    .omit({ timeMs: true, equity: true, exposure: true, positions: true, trades: true, chart: true })
    .extend({ chartBarsPerPoint: z.int().min(1) }),
);

const JSON_FILE = "result.json";
const EQUITY_FILE = "equity.parquet";
const TRADES_FILE = "trades.parquet";
const CHART_FILE = "chart.parquet";

export function encodePortfolioResult(result: PortfolioResult): Uint8Array {
  const { timeMs, equity, exposure, positions, trades, chart, ...rest } = result;
  const json = canonicalJson(document.encode({ ...rest, chartBarsPerPoint: chart.barsPerPoint }));
  const money = new Float64Array(equity);
  return writeZip({
    [JSON_FILE]: new TextEncoder().encode(json),
    [EQUITY_FILE]: writeParquet({
      time: { type: "time", values: new Float64Array(timeMs) },
      equity: { type: "double", values: money },
      drawdown_percent: { type: "double", values: drawdownPercent(money) },
      exposure: { type: "double", values: new Float64Array(exposure) },
      positions: { type: "int", values: new Int32Array(positions) },
    }),
    [TRADES_FILE]: writeParquet(tradesTable(trades)),
    [CHART_FILE]: writeParquet({
      time: { type: "time", values: new Float64Array(chart.timeMs) },
      equity: { type: "double", values: new Float64Array(chart.equity) },
      drawdown_percent: { type: "double", values: new Float64Array(chart.drawdownPercent) },
      benchmark: { type: "double", values: new Float64Array(chart.benchmark) },
      exposure_percent: { type: "double", values: new Float64Array(chart.exposurePercent) },
    }),
  });
}

/** Whether these bytes are a portfolio's artefact, and not a single backtest's. */
export function isPortfolioResult(bytes: Uint8Array): boolean {
  try {
    const json = readZip(bytes).get(JSON_FILE);
    return json !== undefined && JSON.parse(new TextDecoder().decode(json)).format === PORTFOLIO_RESULT_FORMAT;
  } catch {
    // Whoever decodes them says what is wrong with them.
    return false;
  }
}

/** The reverse of `encodePortfolioResult`. Throws a `Problem` (`invalid-request`) for anything else. */
export function decodePortfolioResult(bytes: Uint8Array): PortfolioResult {
  const files = readZip(bytes);
  const file = (name: string) => {
    const content = files.get(name);
    if (content === undefined) throw incomplete(`it has no ${name}`);
    return content;
  };
  const json = JSON.parse(new TextDecoder().decode(file(JSON_FILE)));
  const { chartBarsPerPoint, ...rest } = document.parse(json, "portfolio result");
  const equity = new Columns(file(EQUITY_FILE));
  const chart = new Columns(file(CHART_FILE));
  return {
    ...rest,
    timeMs: equity.numbers("time"),
    equity: equity.numbers("equity"),
    exposure: equity.numbers("exposure"),
    positions: equity.numbers("positions"),
    trades: tradesOf(new Columns(file(TRADES_FILE))),
    chart: {
      barsPerPoint: chartBarsPerPoint,
      timeMs: chart.numbers("time"),
      equity: chart.numbers("equity"),
      drawdownPercent: chart.numbers("drawdown_percent"),
      benchmark: chart.numbers("benchmark"),
      exposurePercent: chart.numbers("exposure_percent"),
    },
  };
}

type NumberField = Exclude<keyof PortfolioTrade, "symbol" | "exitReason">;

/** Columns of a trade's numbers, in their order; whole numbers are of type `int`, moments of type `time`. */
const NUMBER_COLUMNS: readonly [name: string, field: NumberField, type: "double" | "int" | "time"][] = [
  ["size", "size", "double"],
  ["entry_bar", "entryBar", "int"],
  ["exit_bar", "exitBar", "int"],
  ["entry_time", "entryTimeMs", "time"],
  ["exit_time", "exitTimeMs", "time"],
  ["entry_price", "entryPrice", "double"],
  ["exit_price", "exitPrice", "double"],
  ["pnl", "pnl", "double"],
  ["commission", "commission", "double"],
  ["dividends", "dividends", "double"],
  ["return_percent", "returnPercent", "double"],
  ["stop_loss", "stopLoss", "double"],
  ["take_profit", "takeProfit", "double"],
  ["adverse_excursion_percent", "adverseExcursionPercent", "double"],
  ["favourable_excursion_percent", "favourableExcursionPercent", "double"],
];

function tradesTable(trades: readonly PortfolioTrade[]): ParquetTable {
  const numbers = NUMBER_COLUMNS.map(([name, field, type]): [string, ParquetColumn] => {
    const values = trades.map((trade) => trade[field] ?? Number.NaN);
    return [
      name,
      type === "int" ? { type, values: new Int32Array(values) } : { type, values: new Float64Array(values) },
    ];
  });
  return {
    symbol: { type: "text", values: trades.map(({ symbol }) => symbol) },
    ...Object.fromEntries(numbers),
    exit_reason: { type: "text", values: trades.map(({ exitReason }) => exitReason) },
  };
}

function tradesOf(columns: Columns): PortfolioTrade[] {
  const numbers = NUMBER_COLUMNS.map(([name, field]) => [field, columns.numbers(name)] as const);
  const reasons = columns.texts("exit_reason");
  return columns.texts("symbol").map((symbol, row) =>
    portfolioTrade.parse({
      symbol,
      ...Object.fromEntries(numbers.map(([field, values]) => [field, Number.isNaN(values[row]) ? null : values[row]])),
      exitReason: reasons[row],
    }),
  );
}

class Columns {
  private readonly columns: ReadonlyMap<string, ParquetColumn>;

  constructor(bytes: Uint8Array) {
    this.columns = readParquet(bytes);
  }

  numbers(name: string): number[] {
    const column = this.columns.get(name);
    if (column === undefined || column.type === "text") throw incomplete(`there are no numbers "${name}"`);
    return Array.from(column.values);
  }

  texts(name: string): readonly string[] {
    const column = this.columns.get(name);
    if (column?.type !== "text") throw incomplete(`there are no texts "${name}"`);
    return column.values;
  }
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
