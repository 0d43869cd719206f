/** The report of a portfolio as one HTML file that needs nothing else, not even a script. */
import {
  formatExact,
  formatFigure,
  formatNumber,
  formatTime,
  GROUPED_STATISTICS,
  HEADLINE_STATISTICS,
  type PortfolioResult,
  type PortfolioTrade,
  SIDE_ROWS,
  SIDES,
  unitText,
} from "../../results/index.ts";
import { reportDocument, section } from "./document.ts";
import { html, type Markup } from "./markup.ts";
import { monthlyTable } from "./monthly-table.ts";
import { unusualConventionsText } from "./unusual-conventions.ts";

/** A page with more would be slow to open; `trades.parquet` has all of them. */
const SHOWN_TRADES = 2000;
const WIDTH = 1000;

/**
 * One self-contained HTML document: equity beside the benchmark, drawdown, exposure, each symbol's contribution, statistics,
 * months, trades, warnings and hashes. The same result gives the same text. Its policy forbids any script and request.
 */
export function renderPortfolioReport(result: PortfolioResult): string {
  const { strategyName, symbols, statistics } = result;
  const count = `${symbols.length} ${symbols.length === 1 ? "symbol" : "symbols"}`;
  return reportDocument({
    title: `${strategyName} · ${count} · backtest`,
    body: html`<header><h1>${strategyName}</h1><p class="subject"><span>${count}</span><span>${result.timeframe} bars</span><span>${formatTime(statistics.startMs)} to ${formatTime(statistics.endMs)}</span><span>${formatNumber(result.symbolBars, 0)} bars</span></p></header>
<main>
${warnings(result)}
${headlines(result)}
${charts(result)}
${section("contributions", "What each symbol gave", contributions(result))}
${section("statistics", "Statistics", statisticTables(result))}
${section("sides", "Long and short", sides(result))}
${section("months", "Monthly returns", html`<p class="note">In percent of the equity at the month's start.</p>${monthlyTable(result.monthlyReturns)}`)}
${section("trades", "Trades", tradeTable(result))}
${section("hashes", "Reproducing it", hashes(result))}
</main>
<footer><p>Made by ktrdr. A backtest says what would have been, under its costs; not what will be.</p></footer>`,
  });
}

function warnings({ warnings: list }: PortfolioResult): Markup {
  if (list.length === 0) return html``;
  const items = list.map(
    ({ code, message, count }) =>
      html`<li><span>${message}</span> <code>${code}</code> <span class="times">${formatNumber(count, 0)} times</span></li>`,
  );
  return section("warnings", list.length === 1 ? "One warning" : `${list.length} warnings`, html`<ul>${items}</ul>`);
}

function headlines({ statistics }: PortfolioResult): Markup {
  const tiles = HEADLINE_STATISTICS.map(({ key, label, unit }) => {
    const value = statistics[key];
    const behind = typeof value === "number" ? html`<span class="unit"> ${unitText(unit)}</span>` : html``;
    return html`<div><dt>${label}</dt><dd>${formatFigure(value, unit)}${behind}</dd></div>`;
  });
  return html`<section id="headlines" aria-label="At a glance"><dl>${tiles}</dl></section>`;
}

interface Line {
  readonly name: string;
  readonly values: readonly number[];
  readonly color: string;
}

function charts({ chart, accountCurrency }: PortfolioResult): Markup {
  const { timeMs, equity, benchmark, drawdownPercent, exposurePercent } = chart;
  const blue = "#2962ff";
  const grey = "#8a8f98";
  const equityLines = [
    { name: "Equal money in every symbol, held", values: benchmark, color: grey },
    { name: `Equity, ${accountCurrency}`, values: equity, color: blue },
  ];
  return html`${section("equity", "Equity", lineChart(timeMs, equityLines, 300))}
${section("drawdown", "Drawdown", lineChart(timeMs, [{ name: "Drawdown, percent", values: drawdownPercent, color: "#d32f2f" }], 140))}
${section("exposure", "Exposure", lineChart(timeMs, [{ name: "Value of all positions, percent of the equity", values: exposurePercent, color: "#00897b" }], 140))}`;
}

function lineChart(timeMs: readonly number[], lines: readonly Line[], height: number): Markup {
  const values = lines.flatMap((line) => line.values).filter((value) => Number.isFinite(value));
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (timeMs.length === 0 || values.length === 0) return html`<p class="empty">There is nothing to draw.</p>`;
  const [first, last] = [timeMs[0], timeMs[timeMs.length - 1]];
  const x = (time: number) => ((time - first) / Math.max(1, last - first)) * WIDTH;
  const y = (value: number) => 4 + (1 - (value - least) / (most - least || 1)) * (height - 8);
  const paths = lines.map((line) => {
    const points = line.values.map((value, index) => `${x(timeMs[index]).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    return html`<polyline points="${points}" fill="none" stroke="${line.color}" stroke-width="1.5" vector-effect="non-scaling-stroke"><title>${line.name}</title></polyline>`;
  });
  const key = lines.map(
    (line) => html`<li><i class="mark line" style="background:${line.color}"></i>${line.name}</li>`,
  );
  const label = `${lines.map(({ name }) => name).join("; ")}: from ${formatNumber(least, 2)} to ${formatNumber(most, 2)}`;
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}" style="width:100%;height:${height}px;display:block">${paths}</svg>
<ul class="key">${key}</ul><p class="note">${formatTime(first)} to ${formatTime(last)}, from ${formatNumber(least, 2)} to ${formatNumber(most, 2)}.</p>`;
}

function contributions({ symbols }: PortfolioResult): Markup {
  const widest = symbols.reduce((most, { profit }) => Math.max(most, Math.abs(profit)), 0) || 1;
  const rows = symbols
    .toSorted((a, b) => b.profit - a.profit)
    .map((of) => {
      const length = ((Math.abs(of.profit) / widest) * 100).toFixed(1);
      const isLoss = of.profit < 0;
      const bar = html`<span style="display:inline-block;height:.7em;width:${length}%;background:${isLoss ? "#d32f2f" : "#00897b"}"></span>`;
      return html`<tr><th scope="row">${of.symbol}</th><td class="${isLoss ? "loss" : "gain"}">${formatNumber(of.profit, 2)}</td><td>${formatNumber(of.contributionPercent, 2)}</td><td>${formatNumber(of.tradeCount, 0)}</td><td>${formatFigure(of.winRatePercent, "percent")}</td><td>${formatNumber(of.dividends, 2)}</td><td>${formatNumber(of.commission, 2)}</td><td>${formatFigure(of.heldPercent, "percent")}</td><td>${of.currency}</td><td style="width:30%;text-align:left;padding-left:1em">${bar}</td></tr>`;
    });
  return html`<div class="scroller" tabindex="0" role="region" aria-label="Contributions, scrollable"><table class="figures"><caption class="unseen">Contribution of each symbol</caption><thead><tr><th scope="col">Symbol</th>${["Profit", "% of capital", "Trades", "Won %", "Dividends", "Commission", "Held %", "Currency"].map(columnHead)}<th scope="col"></th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function columnHead(name: string): Markup {
  return html`<th scope="col" style="text-align:right">${name}</th>`;
}

function statisticTables({ statistics }: PortfolioResult): Markup {
  const tables = GROUPED_STATISTICS.map(({ title, rows }) => {
    const lines = rows.map(({ key, label, unit }) => {
      const value = statistics[key];
      const behind = typeof value === "number" ? unitText(unit) : "";
      return html`<tr data-statistic="${key}"><th scope="row">${label}</th><td>${formatFigure(value, unit)}</td><td class="unit">${behind}</td></tr>`;
    });
    return html`<table class="figures"><caption>${title}</caption><tbody>${lines}</tbody></table>
`;
  });
  return html`<div class="tables">${tables}</div>`;
}

function sides({ tradeSides, trades }: PortfolioResult): Markup {
  if (trades.length === 0) return html`<p class="empty">The strategy made no trade.</p>`;
  const rows = SIDE_ROWS.map(({ key: figure, label, unit }) => {
    const cells = SIDES.map(({ key }) => {
      const value = tradeSides[key][figure];
      return html`<td>${formatFigure(value, unit)}${typeof value === "number" ? unitText(unit) : ""}</td>`;
    });
    return html`<tr><th scope="row">${label}</th>${cells}</tr>`;
  });
  const heads = SIDES.map(({ label }) => html`<th scope="col">${label}</th>`);
  return html`<div class="scroller whole" tabindex="0" role="region" aria-label="Long and short, scrollable"><table class="figures sides"><caption class="unseen">Trades by their side</caption><thead><tr><td></td>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function tradeTable({ trades }: PortfolioResult): Markup {
  if (trades.length === 0) return html`<p class="empty">The strategy made no trade.</p>`;
  const rows = trades.slice(0, SHOWN_TRADES).map(tradeRow);
  const rest = trades.length - rows.length;
  const note = rest === 0 ? html`` : html`<p class="note">${formatNumber(rest, 0)} more stand in trades.parquet.</p>`;
  return html`<div class="scroller" tabindex="0" role="region" aria-label="Trades, scrollable"><table class="figures" id="portfolio-trades"><caption class="unseen">Trades</caption><thead><tr><th scope="col">Symbol</th>${["Units", "Entry", "Price", "Exit", "Price", "Profit", "Return %", "Reason"].map(columnHead)}</tr></thead><tbody>${rows}</tbody></table></div>${note}`;
}

function tradeRow(trade: PortfolioTrade): Markup {
  const sign = trade.pnl < 0 ? "loss" : "gain";
  return html`<tr><th scope="row">${trade.symbol}</th><td>${formatExact(Number(trade.size.toPrecision(8)))}</td><td>${formatTime(trade.entryTimeMs)}</td><td>${formatExact(Number(trade.entryPrice.toPrecision(8)))}</td><td>${formatTime(trade.exitTimeMs)}</td><td>${formatExact(Number(trade.exitPrice.toPrecision(8)))}</td><td class="${sign}">${formatNumber(trade.pnl, 2)}</td><td class="${sign}">${formatNumber(trade.returnPercent, 2)}</td><td>${trade.exitReason.replaceAll("_", " ")}</td></tr>
`;
}

function hashes({ settings, hashes: { spec, data, engine } }: PortfolioResult): Markup {
  const conventions = unusualConventionsText(settings);
  const told = conventions === null ? html`` : html`<p class="note">Conventions: ${conventions}.</p>`;
  const rows = Object.entries({ Specification: spec, Data: data, Engine: engine }).map(
    ([name, hash]) => html`<tr><th scope="row">${name}</th><td><code>${hash}</code></td></tr>`,
  );
  return html`${told}<p class="note">The same three hashes (SHA-256) give the same result, byte for byte.</p><table class="hashes"><caption class="unseen">Hashes</caption><tbody>${rows}</tbody></table>`;
}
