/** A portfolio's result on a terminal: the figures, the equity in one line, and each symbol's contribution. */
import {
  formatFigure,
  formatNumber,
  formatTime,
  GROUPED_STATISTICS,
  type PortfolioResult,
  unitText,
} from "../../results/index.ts";
import { sparkline } from "./terminal.ts";
import { unusualConventionsText } from "./unusual-conventions.ts";

const LEAST_WIDTH = 60;
const GREATEST_WIDTH = 110;
const LABEL_WIDTH = 26;
/** With more symbols than this, only the best and the worst are shown, with the number between them. */
const SHOWN_SYMBOLS = 24;

/** Lines that end in a newline. Names are symbols and the strategy's, without control characters. */
export function renderPortfolioTable(result: PortfolioResult, terminalWidth: number): string {
  const width = Math.max(LEAST_WIDTH, Math.min(GREATEST_WIDTH, Math.floor(terminalWidth)));
  const { statistics, symbols, warnings } = result;
  const count = `${symbols.length} ${symbols.length === 1 ? "symbol" : "symbols"}`;
  const range = `${formatTime(statistics.startMs)} to ${formatTime(statistics.endMs)}`;
  const final = `  ${formatFigure(statistics.equityFinal, "money")} ${result.accountCurrency}`;
  const conventions = unusualConventionsText(result.settings);
  const lines = [
    printable(result.strategyName),
    `${count} ${result.timeframe}, ${range}, ${formatNumber(result.bars, 0)} moments, ${formatNumber(result.symbolBars, 0)} bars`,
    "",
    `Equity  ${sparkline(result.equity, Math.max(8, width - 8 - final.length))}${final}`,
    "",
    ...figureLines(result, width),
    ...contributionLines(result),
    "",
    ...(conventions === null ? [] : [`Conventions: ${conventions}`]),
    ...warnings.map(({ code, message, count: times }) => `Warning: ${printable(message)} (${times} times) [${code}]`),
  ];
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

/** Two figures a line, without the period, which is in the heading. */
function figureLines({ statistics, grossExposure }: PortfolioResult, width: number): string[] {
  const figures = GROUPED_STATISTICS.filter(({ title }) => title !== "Period").flatMap(({ rows }) =>
    rows.map(({ key, label, unit }) => ({ label, unit, value: statistics[key] })),
  );
  const all = [
    ...figures,
    { label: "Average gross exposure", unit: "percent" as const, value: grossExposure.averagePercent },
    { label: "Highest gross exposure", unit: "percent" as const, value: grossExposure.maxPercent },
  ];
  const cellWidth = Math.floor((width - 4) / 2);
  const cells = all.map(({ label, unit, value }) => {
    const behind = typeof value === "number" ? unitText(unit) : "";
    return `${label.padEnd(LABEL_WIDTH)}${`${formatFigure(value, unit)} ${behind}`.padStart(cellWidth - LABEL_WIDTH)}`;
  });
  const half = Math.ceil(cells.length / 2);
  return [...cells.slice(0, half).map((left, row) => `${left}    ${cells[half + row] ?? ""}`), ""];
}

function contributionLines({ symbols }: PortfolioResult): string[] {
  const best = symbols.toSorted((a, b) => b.profit - a.profit);
  const hidden = Math.max(0, best.length - SHOWN_SYMBOLS);
  const top = Math.ceil((SHOWN_SYMBOLS - 1) / 2);
  const shown = hidden === 0 ? best : [...best.slice(0, top), ...best.slice(top + hidden)];
  const row = (name: string, profit: string, part: string, trades: string, dividends: string, held: string) =>
    [
      name.padEnd(14),
      profit.padStart(16),
      part.padStart(12),
      trades.padStart(8),
      dividends.padStart(14),
      held.padStart(9),
    ].join("");
  const lines = shown.map((of) =>
    row(
      of.symbol,
      formatNumber(of.profit, 2),
      `${formatNumber(of.contributionPercent, 2)} %`,
      formatNumber(of.tradeCount, 0),
      formatNumber(of.dividends, 2),
      `${formatFigure(of.heldPercent, "percent")} %`,
    ),
  );
  if (hidden > 0) lines.splice(top, 0, `… ${hidden} more`);
  return [row("Symbol", "Profit", "Of return", "Trades", "Dividends", "Held"), ...lines];
}

/** Replaces control characters by visible ones, so that a name cannot move the cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "\uFFFD");
}
