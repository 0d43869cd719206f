/**
 * @file A backtest's artefact: one ZIP archive, stored without compression, the same bytes on every machine.
 *
 * - `result.json`: what was asked, statistics, months, warnings, as canonical JSON in wire spelling;
 * - `equity.parquet`: `time`, `equity`, `drawdown_percent` and `exposure`, a row a bar;
 * - `trades.parquet`: a row a closed trade; a stop or target that there was not is NaN;
 * - `orders.parquet`: a row an order and what became of it; prices and units that it did not have are NaN;
 * - `chart.parquet`: the points that a report draws.
 */
import { z } from "zod";
import {
  BACKTEST_RESULT_FORMAT,
  type BacktestResult,
  backtestResult,
  type ChartSeries,
  EXIT_REASONS,
  ORDER_KINDS,
  ORDER_REASONS,
  ORDER_STATUSES,
  type OrderRecord,
  type Trade,
} from "../../protocol/backtest-result.ts";
import { Problem, wire } from "../../protocol/index.ts";
import { canonicalJson } from "./canonical-json.ts";
import { type ParquetColumn, type ParquetTable, readParquet, writeParquet } from "./parquet-table.ts";
import { drawdownPercent, listOf } from "./statistics/series.ts";
import { isZip, readZip, writeZip } from "./stored-zip.ts";

const document = wire(
  backtestResult
    .omit({ equity: true, exposure: true, trades: true, orders: true, chart: true })
    .extend({ chartBarsPerPoint: z.int().min(1) }),
);
/** A result of another version says so before its fields are compared with this one's. */
function requireFormat(content: unknown): unknown {
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

const wholeResult = wire(backtestResult);

const JSON_FILE = "result.json";
const EQUITY_FILE = "equity.parquet";
const TRADES_FILE = "trades.parquet";
const ORDERS_FILE = "orders.parquet";
const CHART_FILE = "chart.parquet";

/** `timeMs` holds the bars' start times, one for each value of the equity. */
export function encodeBacktestResult(result: BacktestResult, timeMs: Float64Array): Uint8Array {
  const { equity, exposure, trades, orders, chart, ...rest } = result;
  const json = canonicalJson(document.encode({ ...rest, chartBarsPerPoint: chart.barsPerPoint }));
  return writeZip({
    [JSON_FILE]: new TextEncoder().encode(json),
    [EQUITY_FILE]: writeParquet(equityTable(new Float64Array(equity), new Float64Array(exposure), timeMs)),
    [TRADES_FILE]: writeParquet(tradesTable(trades)),
    [ORDERS_FILE]: writeParquet(ordersTable(orders)),
    [CHART_FILE]: writeParquet(chartTable(chart)),
  });
}

/**
 * The reverse of `encodeBacktestResult`; also reads the whole result as one JSON document, which `--json` prints and
 * which artefacts were before version 0.2. Throws a `Problem` (`invalid-request`) for anything else.
 */
export function decodeBacktestResult(bytes: Uint8Array): BacktestResult {
  if (!isZip(bytes)) return wholeResult.parse(requireFormat(parseJson(bytes)), "backtest result");
  const files = readZip(bytes);
  const file = (name: string) => {
    const content = files.get(name);
    if (content === undefined) throw incomplete(`it has no ${name}`);
    return content;
  };
  const { chartBarsPerPoint, ...rest } = document.parse(requireFormat(parseJson(file(JSON_FILE))), "backtest result");
  const equity = new Columns(EQUITY_FILE, file(EQUITY_FILE));
  return {
    ...rest,
    equity: equity.list("equity"),
    exposure: equity.list("exposure"),
    trades: tradesOf(new Columns(TRADES_FILE, file(TRADES_FILE))),
    orders: ordersOf(new Columns(ORDERS_FILE, file(ORDERS_FILE))),
    chart: chartOf(new Columns(CHART_FILE, file(CHART_FILE)), chartBarsPerPoint),
  };
}

/** Makes columns of rows; null is NaN there. Plain loops, since `from` with a function takes ten times as long. */
function columnsOf<Row>(rows: readonly Row[]) {
  const filled = <Values extends Float64Array | Int32Array>(values: Values, read: (row: Row) => number | null) => {
    for (let index = 0; index < rows.length; index++) values[index] = read(rows[index]) ?? Number.NaN;
    return values;
  };
  type Read = (row: Row) => number | null;
  return {
    double: (read: Read) => ({ type: "double", values: filled(new Float64Array(rows.length), read) }) as const,
    time: (read: Read) => ({ type: "time", values: filled(new Float64Array(rows.length), read) }) as const,
    int: (read: Read) => ({ type: "int", values: filled(new Int32Array(rows.length), read) }) as const,
    text: (read: (row: Row) => string) => ({ type: "text", values: rows.map(read) }) as const,
  };
}

function equityTable(equity: Float64Array, exposure: Float64Array, timeMs: Float64Array): ParquetTable {
  return {
    time: { type: "time", values: timeMs },
    equity: { type: "double", values: equity },
    drawdown_percent: { type: "double", values: drawdownPercent(equity) },
    exposure: { type: "double", values: exposure },
  };
}

function tradesTable(trades: readonly Trade[]): ParquetTable {
  const { double, int, time, text } = columnsOf(trades);
  return {
    size: double(({ size }) => size),
    entry_bar: int(({ entryBar }) => entryBar),
    exit_bar: int(({ exitBar }) => exitBar),
    entry_time: time(({ entryTimeMs }) => entryTimeMs),
    exit_time: time(({ exitTimeMs }) => exitTimeMs),
    entry_price: double(({ entryPrice }) => entryPrice),
    exit_price: double(({ exitPrice }) => exitPrice),
    pnl: double(({ pnl }) => pnl),
    commission: double(({ commission }) => commission),
    return_percent: double(({ returnPercent }) => returnPercent),
    stop_loss: double(({ stopLoss }) => stopLoss),
    take_profit: double(({ takeProfit }) => takeProfit),
    exit_reason: text(({ exitReason }) => exitReason),
    holding_cost: double(({ holdingCost }) => holdingCost),
    bars_held: int(({ barsHeld }) => barsHeld),
    adverse_excursion: double(({ adverseExcursion }) => adverseExcursion),
    adverse_excursion_percent: double(({ adverseExcursionPercent }) => adverseExcursionPercent),
    favourable_excursion: double(({ favourableExcursion }) => favourableExcursion),
    favourable_excursion_percent: double(({ favourableExcursionPercent }) => favourableExcursionPercent),
  };
}

function tradesOf(columns: Columns): Trade[] {
  const numbers = (name: string) => columns.numbers(name);
  const [size, entryPrice, exitPrice, pnl] = ["size", "entry_price", "exit_price", "pnl"].map(numbers);
  const [entryBar, exitBar, entryTime, exitTime] = ["entry_bar", "exit_bar", "entry_time", "exit_time"].map(numbers);
  const [commission, returnPercent] = ["commission", "return_percent"].map(numbers);
  const [stopLoss, takeProfit] = ["stop_loss", "take_profit"].map(numbers);
  const [holdingCost, barsHeld] = ["holding_cost", "bars_held"].map(numbers);
  const [adverse, adversePercent] = ["adverse_excursion", "adverse_excursion_percent"].map(numbers);
  const [favourable, favourablePercent] = ["favourable_excursion", "favourable_excursion_percent"].map(numbers);
  const reason = z.enum(EXIT_REASONS);
  return columns.texts("exit_reason").map((text, row) => ({
    size: size[row],
    entryBar: entryBar[row],
    exitBar: exitBar[row],
    entryTimeMs: entryTime[row],
    exitTimeMs: exitTime[row],
    entryPrice: entryPrice[row],
    exitPrice: exitPrice[row],
    pnl: pnl[row],
    commission: commission[row],
    returnPercent: returnPercent[row],
    stopLoss: orNull(stopLoss[row]),
    takeProfit: orNull(takeProfit[row]),
    exitReason: reason.parse(text),
    holdingCost: holdingCost[row],
    barsHeld: barsHeld[row],
    adverseExcursion: adverse[row],
    adverseExcursionPercent: adversePercent[row],
    favourableExcursion: favourable[row],
    favourableExcursionPercent: favourablePercent[row],
  }));
}

function ordersTable(orders: readonly OrderRecord[]): ParquetTable {
  const { double, int, time, text } = columnsOf(orders);
  return {
    side: text(({ side }) => side),
    kind: text(({ kind }) => kind),
    placed_bar: int(({ placedBar }) => placedBar),
    placed_time: time(({ placedTimeMs }) => placedTimeMs),
    units: double(({ units }) => units),
    limit_price: double(({ limitPrice }) => limitPrice),
    stop_price: double(({ stopPrice }) => stopPrice),
    status: text(({ status }) => status),
    reason: text(({ reason }) => reason),
    ended_bar: int(({ endedBar }) => endedBar),
    ended_time: time(({ endedTimeMs }) => endedTimeMs),
    filled_units: double(({ filledUnits }) => filledUnits),
    price: double(({ price }) => price),
  };
}

function ordersOf(columns: Columns): OrderRecord[] {
  const numbers = (name: string) => columns.numbers(name);
  const [placedBar, placedTime, endedBar, endedTime] = ["placed_bar", "placed_time", "ended_bar", "ended_time"].map(
    numbers,
  );
  const [units, limit, stop] = ["units", "limit_price", "stop_price"].map(numbers);
  const [filledUnits, price] = ["filled_units", "price"].map(numbers);
  const [kinds, statuses, reasons] = ["kind", "status", "reason"].map((name) => columns.texts(name));
  const schema = { kind: z.enum(ORDER_KINDS), status: z.enum(ORDER_STATUSES), reason: z.enum(ORDER_REASONS) };
  return columns.texts("side").map((side, row) => ({
    side: z.enum(["buy", "sell"]).parse(side),
    kind: schema.kind.parse(kinds[row]),
    placedBar: placedBar[row],
    placedTimeMs: placedTime[row],
    units: orNull(units[row]),
    limitPrice: orNull(limit[row]),
    stopPrice: orNull(stop[row]),
    status: schema.status.parse(statuses[row]),
    reason: schema.reason.parse(reasons[row]),
    endedBar: endedBar[row],
    endedTimeMs: endedTime[row],
    filledUnits: filledUnits[row],
    price: orNull(price[row]),
  }));
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function chartTable(chart: ChartSeries): ParquetTable {
  const double = (values: readonly number[]) => ({ type: "double", values: Float64Array.from(values) }) as const;
  return {
    time: { type: "time", values: Float64Array.from(chart.timeMs) },
    open: double(chart.open),
    high: double(chart.high),
    low: double(chart.low),
    close: double(chart.close),
    equity: double(chart.equity),
    drawdown_percent: double(chart.drawdownPercent),
    ...(chart.benchmark.length > 0 && { benchmark: double(chart.benchmark) }),
  };
}

function chartOf(columns: Columns, barsPerPoint: number): ChartSeries {
  const list = (name: string) => columns.list(name);
  return {
    barsPerPoint,
    timeMs: list("time"),
    open: list("open"),
    high: list("high"),
    low: list("low"),
    close: list("close"),
    equity: list("equity"),
    drawdownPercent: list("drawdown_percent"),
    benchmark: columns.has("benchmark") ? list("benchmark") : [],
  };
}

/** The columns of one file, by name. */
class Columns {
  private readonly file: string;
  private readonly columns: ReadonlyMap<string, ParquetColumn>;

  constructor(file: string, bytes: Uint8Array) {
    this.file = file;
    this.columns = readParquet(bytes);
  }

  has(name: string): boolean {
    return this.columns.has(name);
  }

  list(name: string): number[] {
    const values = this.numbers(name);
    return values instanceof Float64Array ? listOf(values) : Array.from(values);
  }

  numbers(name: string): ArrayLike<number> & Iterable<number> {
    const column = this.columns.get(name);
    if (column === undefined || column.type === "text") throw incomplete(`${this.file} has no numbers "${name}"`);
    return column.values;
  }

  texts(name: string): readonly string[] {
    const column = this.columns.get(name);
    if (column?.type !== "text") throw incomplete(`${this.file} has no texts "${name}"`);
    return column.values;
  }
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
