/** The table of results on a terminal: the same groups as in the HTML report, and the equity in one line. */

import {
  type BacktestResult,
  type FigureForm,
  type FigureGroup,
  type FigureRow,
  figureGroups,
  formatFigure,
  formatNumber,
  formatTime,
  SIDE_ROWS,
  SIDES,
  type StatisticValue,
  unitText,
} from "../../results/index.ts";
import { unusualConventionsText } from "./unusual-conventions.ts";

interface TerminalOptions {
  /** Columns of the terminal. From 72 on, two groups stand beside each other. */
  width: number;
  /** True to write ANSI colours. */
  color: boolean;
}

const LEAST_WIDTH = 36;
const GREATEST_WIDTH = 110;
const TWO_COLUMNS_FROM = 72;
const NARROW_BELOW = 50;
const GAP = 4;
const SPARKS = "▁▂▃▄▅▆▇█";
/** Select graphic rendition, ECMA-48 section 8.3.117. */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
type Style = keyof typeof STYLES;

/**
 * Chooses width and colour for a stream: colour only on a terminal, and never when NO_COLOR is set
 * (https://no-color.org). A stream that is no terminal has 80 columns.
 */
export function terminalOptions(
  stream: { isTTY?: boolean; columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): TerminalOptions {
  const isColourRefused = (environment.NO_COLOR ?? "") !== "" || environment.TERM === "dumb";
  return { width: stream.columns ?? 80, color: stream.isTTY === true && !isColourRefused };
}

/** Lines that end in a newline and are never wider than `width` (at least 36 columns). */
export function renderStatisticsTable(result: BacktestResult, options: TerminalOptions): string {
  const width = Math.max(LEAST_WIDTH, Math.min(GREATEST_WIDTH, Math.floor(options.width)));
  const paint = painter(options.color);
  const lines = [
    ...heading(result, width, paint),
    "",
    ...equityLine(result, width, paint),
    "",
    ...statisticLines(result, width, paint),
    ...sideLines(result, width, paint),
    ...conventionLines(result, width, paint),
    ...warningLines(result, width, paint),
  ];
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

type Painter = (text: string, ...styles: Style[]) => string;

function painter(color: boolean): Painter {
  if (!color) return (text) => text;
  return (text, ...styles) =>
    styles.length === 0 ? text : `\u001b[${styles.map((style) => STYLES[style]).join(";")}m${text}\u001b[0m`;
}

function heading(result: BacktestResult, width: number, paint: Painter): string[] {
  const { startMs, endMs } = result.statistics;
  const bars = `${formatNumber(result.bars, 0)} ${result.bars === 1 ? "bar" : "bars"}`;
  const subject = `${result.symbol} ${result.timeframe}, ${formatTime(startMs)} to ${formatTime(endMs)}, ${bars}`;
  return [paint(shortened(printable(result.strategyName), width), "bold"), ...wrapped(subject, width)];
}

function equityLine(result: BacktestResult, width: number, paint: Painter): string[] {
  if (result.equity.length === 0) return [];
  const label = "Equity  ";
  const figures = `  ${formatFigure(result.statistics.equityFinal, "money")}`;
  const line = sparkline(result.equity, Math.max(8, width - label.length - figures.length));
  return [paint(label, "dim") + line + figures];
}

/**
 * Draws `values` as at most `width` characters, one for the last value of each equal stretch. The lowest bar is the least of
 * these values, the highest the greatest. A constant series is a line at the bottom.
 */
export function sparkline(values: readonly number[], width: number): string {
  const count = Math.min(width, values.length);
  const lasts = Array.from(
    { length: count },
    (_, index) => values[Math.ceil(((index + 1) * values.length) / count) - 1],
  );
  const least = lasts.reduce((left, right) => Math.min(left, right), Infinity);
  const spread = lasts.reduce((left, right) => Math.max(left, right), -Infinity) - least;
  return lasts
    .map((value) => SPARKS[spread > 0 ? Math.round(((value - least) / spread) * (SPARKS.length - 1)) : 0])
    .join("");
}

function statisticLines(result: BacktestResult, width: number, paint: Painter): string[] {
  // The period is in the heading already.
  const groups = figureGroups(result).filter((group) => group.title !== "Period");
  if (width < TWO_COLUMNS_FROM) return groups.flatMap((group) => [...groupLines(group, width, paint), ""]);
  const half = Math.floor((width - GAP) / 2);
  const lines: string[] = [];
  for (let index = 0; index < groups.length; index += 2) {
    const left = groupLines(groups[index], half, paint);
    const right = index + 1 < groups.length ? groupLines(groups[index + 1], half, paint) : [];
    for (let row = 0; row < Math.max(left.length, right.length); row++) {
      lines.push((left[row] ?? " ".repeat(half)) + " ".repeat(GAP) + (right[row] ?? ""));
    }
    lines.push("");
  }
  return lines;
}

/** Each line is exactly `width` columns wide, colours aside. */
function groupLines(group: FigureGroup, width: number, paint: Painter): string[] {
  const title = shortened(printable(group.title), width).padEnd(width);
  return [paint(title, "bold"), ...group.rows.map((row) => rowLine(row, width, paint))];
}

const UNIT_WIDTH = 2;

function rowLine(row: FigureRow, width: number, paint: Painter): string {
  const { value } = row;
  const text = formatFigure(value, row.unit);
  const unit = typeof value === "number" ? unitText(row.unit) : "";
  const space = " ".repeat(Math.max(1, width - UNIT_WIDTH - row.label.length - text.length));
  return row.label + space + paint(text, ...figureStyle(row, value)) + ` ${unit}`.padEnd(UNIT_WIDTH);
}

/** Shows long and short side by side. A narrow terminal leaves out the column of both together. */
function sideLines({ tradeSides, trades }: BacktestResult, width: number, paint: Painter): string[] {
  if (trades.length === 0) return [];
  const sides = width < TWO_COLUMNS_FROM ? SIDES.slice(1) : SIDES;
  const labelWidth = width < NARROW_BELOW ? 12 : Math.max(...SIDE_ROWS.map(({ label }) => label.length));
  const cellWidth = Math.min(18, Math.floor((width - labelWidth) / sides.length));
  const cell = (text: string, styles: Style[]) =>
    " ".repeat(Math.max(1, cellWidth - text.length)) + paint(text, ...styles);
  const head = "".padEnd(labelWidth) + sides.map(({ label }) => cell(label, ["bold"])).join("");
  const rows = SIDE_ROWS.map((row) => {
    const cells = sides.map(({ key }) => {
      const value = tradeSides[key][row.key];
      const unit = typeof value === "number" ? unitText(row.unit) : "";
      return cell(shortened(formatFigure(value, row.unit) + unit, cellWidth - 1), figureStyle(row, value));
    });
    return shortened(row.label, labelWidth).padEnd(labelWidth) + cells.join("");
  });
  return [head, ...rows, ""];
}

function figureStyle(row: FigureForm, value: StatisticValue): Style[] {
  if (value === null) return ["dim"];
  if (row.signed === undefined || Number(value) === 0) return [];
  return [Number(value) < 0 ? "red" : "green"];
}

/** Conventions that are not ktrdr's own. */
function conventionLines({ settings }: BacktestResult, width: number, paint: Painter): string[] {
  const text = unusualConventionsText(settings);
  return text === null ? [] : wrapped(`Conventions: ${text}`, width).map((line) => paint(line, "dim"));
}

function warningLines(result: BacktestResult, width: number, paint: Painter): string[] {
  return result.warnings.flatMap((warning) => {
    const times = warning.count === 1 ? "" : ` (${formatNumber(warning.count, 0)} times)`;
    return wrapped(printable(`Warning: ${warning.message}${times} [${warning.code}]`), width).map((line) =>
      paint(line, "yellow"),
    );
  });
}

/** Replaces control characters by visible ones, so that a name cannot move the cursor or recolour the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}

function shortened(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(shortened(word, width));
  }
  return lines;
}
