/** The report of a backtest as one HTML file that needs nothing else: no server, no network, no second file. */

import { createHash } from "node:crypto";
import { CONVENTION_NAMES } from "../../protocol/conventions.ts";
import type { BacktestSettings, ResultWarning } from "../../protocol/index.ts";
import {
  type BacktestResult,
  type FigureForm,
  type FigureGroup,
  type FigureRow,
  figureGroups,
  formatExact,
  formatFigure,
  formatNumber,
  formatTime,
  HEADLINE_STATISTICS,
  SIDE_ROWS,
  SIDES,
  type StatisticValue,
  UNDEFINED_FIGURE,
  unitText,
} from "../../results/index.ts";
import { reportDocument, section } from "./document.ts";
import { excursionChart } from "./excursion-chart.ts";
import { embeddedJson, html, type Insertable, inlineScript, type Markup } from "./markup.ts";
import { monthlyTable } from "./monthly-table.ts";
import { pageAssets } from "./page-assets.ts";
import { reportData } from "./report-data.ts";
import { unusualConvention } from "./unusual-conventions.ts";

interface ReportOptions {
  /** The heading; the strategy's name when it is not given. */
  title?: string;
}

/**
 * One self-contained HTML document: chart with trades, equity and drawdown, statistics, monthly returns, trade list,
 * settings, hashes and warnings. The same result gives the same text.
 * A Content-Security-Policy within it forbids any request and any script but its own two, whatever a name contains.
 * @throws Problem `internal` when the chart library is not installed.
 */
export function renderBacktestReport(result: BacktestResult, options: ReportOptions = {}): string {
  const title = options.title ?? result.strategyName;
  const assets = pageAssets();
  const library = inlineScript(assets.chartLibrary);
  const script = inlineScript(assets.script);
  return reportDocument({
    title: `${title} · ${result.symbol} · backtest`,
    scripts: `${scriptHash(library)} ${scriptHash(script)}`,
    body: html`${pageHeader(title, result)}
<main>
${warnings(result.warnings)}
${headlines(result)}
${chartSection(result)}
${statisticsSection(result)}
${sidesSection(result)}
${excursionsSection(result)}
${section("months", "Monthly returns", html`<p class="note">In percent of the equity at the month's start.</p>${monthlyTable(result.monthlyReturns)}`)}
${tradesSection(result)}
${setUpSection(result)}
${hashesSection(result)}
</main>
${pageFooter(assets.chartLicence)}
<script type="application/json" id="report-data">${embeddedJson(reportData(result))}</script>
<script>${library}</script>
<script>${script}</script>`,
  });
}

function scriptHash(script: Markup): string {
  return `'sha256-${createHash("sha256").update(script.text).digest("base64")}'`;
}

function pageHeader(title: string, result: BacktestResult): Markup {
  const { startMs, endMs } = result.statistics;
  const strategy = title === result.strategyName ? "" : html`<span>${result.strategyName}</span>`;
  return html`<header><h1>${title}</h1><p class="subject">${strategy}<span>${result.symbol}</span><span>${result.timeframe} bars</span><span>${formatTime(startMs)} to ${formatTime(endMs)}</span><span>${formatNumber(result.bars, 0)} ${result.bars === 1 ? "bar" : "bars"}</span></p></header>`;
}

function warnings(list: readonly ResultWarning[]): Markup {
  if (list.length === 0) return html``;
  const items = list.map(
    (warning) =>
      html`<li><span>${warning.message}</span> <code>${warning.code}</code>${warning.count === 1 ? "" : html` <span class="times">${formatNumber(warning.count, 0)} times</span>`}</li>`,
  );
  const heading = list.length === 1 ? "One warning" : `${list.length} warnings`;
  return html`<section id="warnings" aria-labelledby="warnings-heading"><h2 id="warnings-heading">${heading}</h2><ul>${items}</ul></section>`;
}

function headlines(result: BacktestResult): Markup {
  const tiles = HEADLINE_STATISTICS.map((row) => {
    const value = result.statistics[row.key];
    return html`<div><dt>${row.label}</dt><dd class="${signClass(row, value)}">${figure(row, value)}${withUnit(row, value)}</dd></div>`;
  });
  return html`<section id="headlines" aria-label="At a glance"><dl>${tiles}</dl></section>`;
}

function figure(row: FigureForm, value: StatisticValue): Markup {
  const text = formatFigure(value, row.unit);
  return value === null
    ? html`<span title="Not defined for this result" aria-label="not defined">${UNDEFINED_FIGURE}</span>`
    : html`<data value="${value}">${text}</data>`;
}

function withUnit(row: FigureForm, value: StatisticValue): Markup {
  const unit = unitText(row.unit);
  const hasNumber = typeof value === "number";
  return unit === "" || !hasNumber ? html`` : html`<span class="unit"> ${unit}</span>`;
}

function signClass(row: FigureForm, value: StatisticValue): string {
  const amount = Number(value ?? 0);
  if (row.signed === undefined || amount === 0) return "";
  return amount < 0 ? "loss" : "gain";
}

function chartSection(result: BacktestResult): Markup {
  if (result.chart.timeMs.length === 0) {
    return section("chart", "Price, equity and drawdown", html`<p class="empty">There are no bars to draw.</p>`);
  }
  const { barsPerPoint } = result.chart;
  const sums = barsPerPoint === 1 ? "" : html` Each candle sums up ${formatNumber(barsPerPoint, 0)} bars.`;
  return section(
    "chart",
    "Price, equity and drawdown",
    html`<div class="toolbar">
<p><output id="visible-range"></output></p>
<div class="group" role="group" aria-label="Trade on the chart"><button type="button" id="previous-trade">Previous trade</button><button type="button" id="next-trade">Next trade</button></div>
<div class="group" role="group" aria-label="Chart"><button type="button" id="whole-range">Whole range</button><button type="button" id="logarithmic" aria-pressed="false">Log scale</button></div>
</div>
<p id="selected-trade" role="status"></p>
<p id="legend"></p>
<div id="chart-canvas" tabindex="0" role="group" aria-label="Chart of price with trades, equity and drawdown. Arrow keys move it, plus and minus zoom, Home shows everything. The figures stand in the tables below."></div>
<div id="chart-print" aria-hidden="true"></div>
<ul class="key"><li><i class="mark up-arrow"></i>Long entry</li><li><i class="mark down-arrow"></i>Short entry</li><li><i class="mark dot gain"></i>Exit with a gain</li><li><i class="mark dot loss"></i>Exit with a loss</li><li><i class="mark line"></i>Equity</li><li><i class="mark line pale"></i>Buy and hold</li></ul>
<p class="note">All times are UTC.${sums} Click a mark to select its trade; Ctrl and the wheel zoom.</p>
<noscript><p class="empty">The chart and the trade list need JavaScript; everything else is here without it.</p></noscript>`,
  );
}

function statisticsSection(result: BacktestResult): Markup {
  const tables = figureGroups(result).map(statisticsTable);
  return section("statistics", "Statistics", html`<div class="tables">${tables}</div>`);
}

function hintOf(row: FigureForm): Insertable {
  return row.hint === undefined ? "" : html`<small>${row.hint}</small>`;
}

function statisticsTable(group: FigureGroup): Markup {
  const rows = group.rows.map((row: FigureRow) => {
    const { value, statistic } = row;
    const name = statistic === undefined ? "" : html` data-statistic="${statistic}"`;
    return html`<tr${name}><th scope="row">${row.label}${hintOf(row)}</th><td class="${signClass(row, value)}">${figure(row, value)}</td><td class="unit">${withUnit(row, value)}</td></tr>`;
  });
  return html`<table class="figures"><caption>${group.title}</caption><tbody>${rows}</tbody></table>
`;
}

/** Long and short beside each other. */
function sidesSection({ tradeSides, trades }: BacktestResult): Markup {
  if (trades.length === 0) return html``;
  const rows = SIDE_ROWS.map((row) => {
    const cells = SIDES.map(({ key }) => {
      const value = tradeSides[key][row.key];
      return html`<td class="${signClass(row, value)}">${figure(row, value)}${withUnit(row, value)}</td>`;
    });
    return html`<tr><th scope="row">${row.label}${hintOf(row)}</th>${cells}</tr>`;
  });
  const heads = SIDES.map(({ label }) => html`<th scope="col">${label}</th>`);
  return section(
    "sides",
    "Long and short",
    html`<div class="scroller whole" tabindex="0" role="region" aria-label="Long and short, scrollable"><table class="figures sides"><caption class="unseen">Trades by their side</caption><thead><tr><td></td>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`,
  );
}

function excursionsSection({ trades }: BacktestResult): Markup {
  if (trades.length === 0) return html``;
  return section(
    "excursions",
    "Excursions",
    html`<p class="note">How far the price went against each trade, and with it, while it was open; in percent of the entry price. Losers that first went far with the trade, and winners that first went far against it, speak of the stops.</p><div class="scatters">${excursionChart(trades, "adverse")}${excursionChart(trades, "favourable")}</div>`,
  );
}

function tradesSection(result: BacktestResult): Markup {
  if (result.trades.length === 0) {
    return section("trades", "Trades", html`<p class="empty">The strategy made no trade.</p>`);
  }
  return section(
    "trades",
    "Trades",
    html`<div class="toolbar"><p class="note">Choose a trade to see it on the chart.</p><button type="button" id="save-trades">Save as CSV</button></div>
<div class="scroller" tabindex="0" role="region" aria-label="Trades, scrollable">
<table id="trade-table"><caption class="unseen">Trades, sortable by each column</caption><thead></thead><tbody></tbody></table></div>
<nav id="trade-pages" aria-label="Pages of trades"></nav>`,
  );
}

/** Formats each setting for the report; null for one that is not in force. Rates are fractions on the wire and percent here. */
const SETTING_ROWS: readonly {
  key: keyof BacktestSettings;
  label: string;
  text: (settings: BacktestSettings) => string | null;
}[] = [
  { key: "initialCapital", label: "Initial capital", text: (settings) => formatNumber(settings.initialCapital, 2) },
  {
    key: "commissionRate",
    label: "Commission",
    text: (settings) => `${percent(settings.commissionRate)} of each side`,
  },
  {
    key: "commissionFixed",
    label: "Commission, fixed",
    text: (settings) => `${formatExact(settings.commissionFixed)} per order`,
  },
  {
    key: "commissionPerUnit",
    label: "Commission, by unit",
    text: ({ commissionPerUnit }) => (commissionPerUnit === 0 ? null : `${formatExact(commissionPerUnit)} per unit`),
  },
  {
    key: "commissionMinimum",
    label: "Commission, least",
    text: ({ commissionMinimum }) => (commissionMinimum === 0 ? null : `${formatExact(commissionMinimum)} per order`),
  },
  {
    key: "makerCommissionRate",
    label: "Commission of limit orders",
    text: (settings) => rate(settings.makerCommissionRate),
  },
  { key: "spreadRate", label: "Spread", text: (settings) => percent(settings.spreadRate) },
  { key: "slippageRate", label: "Slippage", text: (settings) => `${percent(settings.slippageRate)} of each fill` },
  { key: "margin", label: "Margin", text: (settings) => percent(settings.margin) },
  {
    key: "maintenanceMargin",
    label: "Maintenance margin",
    text: (settings) => rate(settings.maintenanceMargin),
  },
  { key: "shortBorrowRate", label: "Short borrow, a year", text: (settings) => rate(settings.shortBorrowRate) },
  { key: "financingRate", label: "Financing, a year", text: (settings) => rate(settings.financingRate) },
  {
    key: "tickSize",
    label: "Tick size",
    text: ({ tickSize }) => (tickSize === undefined ? null : formatExact(tickSize)),
  },
  {
    key: "lotSize",
    label: "Lot size",
    text: ({ lotSize }) => (lotSize === 0 ? null : `${formatExact(lotSize)} units`),
  },
  { key: "fractionalUnits", label: "Units", text: (settings) => (settings.fractionalUnits ? "Fractional" : "Whole") },
  {
    key: "fillAt",
    label: "Orders fill at",
    text: (settings) => (settings.fillAt === "close" ? "The same close" : "The next open"),
  },
  {
    key: "finalizeTrades",
    label: "Open trades at the end",
    text: (settings) => (settings.finalizeTrades ? "Closed" : "Left open"),
  },
  ...CONVENTION_NAMES.map((name) => ({
    key: name,
    label: `Convention ${name}`,
    text: (settings: BacktestSettings) => unusualConvention(settings, name),
  })),
];

/** Null for a rate that was not given. */
function rate(fraction: number | undefined): string | null {
  return fraction === undefined ? null : percent(fraction);
}

function percent(rate: number): string {
  return `${formatExact(Number((rate * 100).toPrecision(12)))} %`;
}

function setUpSection(result: BacktestResult): Markup {
  const parameters = Object.entries(result.parameters);
  const parameterTable =
    parameters.length === 0
      ? html`<p class="empty">The strategy has no parameters.</p>`
      : html`<table class="figures" id="parameters"><caption>Parameters</caption><tbody>${parameters.map(([name, value]) => html`<tr><th scope="row"><code>${name}</code></th><td>${formatExact(value)}</td></tr>`)}</tbody></table>`;
  const settings = SETTING_ROWS.flatMap((row) => {
    const text = row.text(result.settings);
    return text === null ? [] : html`<tr><th scope="row">${row.label}</th><td>${text}</td></tr>`;
  });
  return section(
    "set-up",
    "Parameters and settings",
    html`<div class="tables">${parameterTable}<table class="figures" id="settings"><caption>Settings</caption><tbody>${settings}</tbody></table></div>`,
  );
}

function hashesSection(result: BacktestResult): Markup {
  const { spec, data, engine } = result.hashes;
  const rows = [
    { name: "Specification", hash: spec },
    { name: "Data", hash: data },
    { name: "Engine", hash: engine },
  ].map(
    (row) =>
      html`<tr><th scope="row">${row.name}</th><td><code>${row.hash}</code></td><td><button type="button" class="copy" data-copy="${row.hash}" aria-label="Copy the hash of the ${row.name.toLowerCase()}">Copy</button></td></tr>`,
  );
  return section(
    "hashes",
    "Reproducing it",
    html`<p class="note">The same three hashes (SHA-256) give the same result, byte for byte.</p><table class="hashes"><caption class="unseen">Hashes</caption><tbody>${rows}</tbody></table><p id="copied" role="status" class="unseen"></p>`,
  );
}

function pageFooter(chartLicence: string): Markup {
  return html`<footer><p>Made by ktrdr. A backtest says what would have been, under the costs above; not what will be.</p>
<p>Charts by TradingView Lightweight Charts™, Copyright © TradingView, Inc. <a href="https://www.tradingview.com/" rel="noreferrer">https://www.tradingview.com/</a></p>
<details><summary>Licence of the chart library</summary><pre>${chartLicence}</pre></details></footer>`;
}
