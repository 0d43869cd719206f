/**
 * Entries and exits of an independent engine (backtesting.py) on real prices, only from signals: a small walk over the
 * signals must enter and leave on the engine's bars. The figures are not part of the project, so this runs only where
 * `../shared` lies beside the repository; the prices come from npm packages.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileRules, parseRuleStrategyFile } from "./index.ts";

const oraclePath = fileURLToPath(new URL("../../../shared/oracles/backtesting-py-open-data.json", import.meta.url));
const present = existsSync(oraclePath);

const PRICES: Readonly<Record<string, string>> = {
  "SP500_1d.csv": "vega-datasets/data/sp500-2000.csv",
  "AAPL_1d.csv": "@observablehq/sample-datasets/aapl.csv",
};

interface Case {
  id: string;
  data: string;
  strategy: string;
  params: Record<string, number>;
  settings: { trade_on_close: boolean };
  trades: { entryBar: number; exitBar: number; size: number }[];
}

const SMA = `
indicators: { fast_sma: { type: sma, period: fast }, slow_sma: { type: sma, period: slow } }
parameters: { fast: 10, slow: 20 }`;
const RSI = `
indicators: { rsi: { type: rsi, period: n } }
parameters: { n: 14, lo: 30, hi: 70 }`;

const STRATEGIES: Readonly<Record<string, string>> = {
  SmaLS: `${SMA}
entries: { long: fast_sma crosses above slow_sma, short: fast_sma crosses below slow_sma }
reverse: true`,
  SmaLong: `${SMA}
entries: { long: fast_sma crosses above slow_sma }
exits: { long: fast_sma crosses below slow_sma }`,
  RsiLS: `${RSI}
entries: { long: rsi < lo, short: rsi > hi }
reverse: true`,
  RsiLong: `${RSI}
entries: { long: rsi < lo }
exits: { long: rsi > hi }`,
  Donchian: `
parameters: { n: 20, m: 10 }
entries: { long: "close > highest(high, n)[1]" }
exits: { long: "close < lowest(low, m)[1]" }`,
};

const cases: Case[] = present
  ? (JSON.parse(readFileSync(oraclePath, "utf8")) as { cases: Case[] }).cases.filter(
      ({ strategy, settings }) => Object.hasOwn(STRATEGIES, strategy) && !settings.trade_on_close,
    )
  : [];

describe.skipIf(!present)(`an independent engine${present ? "" : ` (skipped: ${oraclePath} is not there)`}`, () => {
  it("has the cases that this test is about", () => {
    expect(new Set(cases.map(({ strategy }) => strategy))).toEqual(new Set(Object.keys(STRATEGIES)));
  });

  it.each(cases.map((c) => [c.id, c] as const))("enters and leaves on the same bars in %s", (_, oracle) => {
    const strategy = parseRuleStrategyFile(`name: oracle${STRATEGIES[oracle.strategy]}`, "oracle.yaml");
    const expected = oracle.trades.map(({ entryBar, exitBar, size }) => [entryBar, exitBar, Math.sign(size)]);
    expect(tradesOf(strategy, oracle.params, readPrices(oracle.data))).toEqual(expected);
  });
});

/** [entryBar, exitBar, side], filled at the next open; an open position closes on the last bar. */
function tradesOf(strategy: RuleStrategy, parameters: Record<string, number>, bars: BarColumns): number[][] {
  const signals = compileRules(strategy, parameters).signals(bars);
  const trades: number[][] = [];
  let side = 0;
  let entryBar = 0;
  const move = (to: number, bar: number) => {
    if (side !== 0) trades.push([entryBar, bar, side]);
    side = to;
    entryBar = bar;
  };
  for (let bar = 0; bar < bars.rows - 1; bar++) {
    const wanted = signals.entryLong[bar] ? 1 : signals.entryShort[bar] ? -1 : 0;
    const leaves = side === 1 ? signals.exitLong[bar] : side === -1 ? signals.exitShort[bar] : 0;
    if (leaves) move(0, bar + 1);
    else if (wanted !== 0 && wanted !== side && (side === 0 || signals.reverse)) move(wanted, bar + 1);
  }
  move(0, bars.rows - 1);
  return trades;
}

function readPrices(name: string): BarColumns {
  const path = new URL(`../../node_modules/${PRICES[name]}`, import.meta.url);
  const [header, ...lines] = readFileSync(path, "utf8").trim().split(/\r?\n/);
  const names = header.toLowerCase().split(",");
  const cells = lines.map((line) => line.split(","));
  const column = (wanted: string) => Float64Array.from(cells, (row) => Number(row[names.indexOf(wanted)]));
  return {
    rows: lines.length,
    timeMs: Float64Array.from(cells, (row) => Date.parse(row[0])),
    open: column("open"),
    high: column("high"),
    low: column("low"),
    close: column("close"),
    volume: column("volume"),
  };
}
