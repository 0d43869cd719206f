/** Tables of the page about results, in Markdown, each printed from what declares it. */
import { z } from "zod";
import { toSnakeCase, WARNING_SOURCES, WARNINGS } from "../protocol/index.ts";
import { BACKTESTING_PY, type Column, type ColumnUnit, type Figure, type FigureUnit } from "./declaration/index.ts";
import { BAR_FIGURES, BENCHMARK_FIGURES, REFUSAL_FIGURES, SIDE_FIGURES, STATISTICS } from "./figures/index.ts";
import { CHART_COLUMNS } from "./tables/chart.ts";
import { EQUITY_COLUMNS } from "./tables/equity.ts";
import { ORDER_COLUMNS } from "./tables/orders.ts";
import { TRADE_COLUMNS } from "./tables/trades.ts";

const UNITS: Readonly<Record<FigureUnit | ColumnUnit, string>> = {
  percent: "percent",
  money: "money",
  ratio: "",
  bars: "bars",
  count: "",
  duration: "milliseconds",
  date: "milliseconds since 1970",
  units: "units",
  price: "price",
  fraction: "fraction",
  time: "UTC",
  none: "",
};

/** Keyed by the name in the page's marks. */
const TABLES: Readonly<Record<string, () => string>> = {
  "equity columns": () => columnTable(EQUITY_COLUMNS),
  "trade columns": () => columnTable(TRADE_COLUMNS),
  "order columns": () => columnTable(ORDER_COLUMNS),
  "chart columns": () => columnTable(CHART_COLUMNS),
  statistics: statisticTable,
  "bar statistics": () => figureTable(BAR_FIGURES),
  "side statistics": () => figureTable(SIDE_FIGURES),
  "benchmark figures": () => figureTable(BENCHMARK_FIGURES),
  refusals: () => figureTable(REFUSAL_FIGURES),
};

/** Prints the text between each `<!-- printed: NAME -->` and `<!-- end -->` of `page` anew. Throws for an unknown name. */
export function withPrintedTables(page: string): string {
  return page.replace(/(<!-- printed: ([a-z ]+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name, end) => {
    const table = TABLES[name];
    if (table === undefined)
      throw new Error(`there is no table "${name}"; there are ${Object.keys(TABLES).join(", ")}`);
    return `${begin}\n${table()}\n${end}`;
  });
}

function columnTable(columns: readonly Column[]): string {
  const rows = columns.map(({ name, unit, schema, about }) => [`\`${name}\``, UNITS[unit], about || wordsOf(schema)]);
  return table(["column", "unit", ""], rows);
}

function wordsOf(schema: z.ZodType): string {
  return schema instanceof z.ZodEnum ? schema.options.map((word) => `\`${word}\``).join(", ") : "";
}

function figureTable(figures: readonly Figure[]): string {
  return table(
    ["figure", "unit", ""],
    figures.map(({ key, unit, label, formula }) => [code(key), UNITS[unit], formula || lowerFirst(label)]),
  );
}

function statisticTable(): string {
  return table(
    ["figure", "unit", "", "no value where"],
    STATISTICS.map(({ key, unit, formula, source, undefinedWhen }) => {
      // The page names the source of most definitions once.
      const origin = source === BACKTESTING_PY ? "" : ` (${source})`;
      return [code(key), UNITS[unit], formula + origin, undefinedWhen ?? ""];
    }),
  );
}

function code(key: string): string {
  return `\`${toSnakeCase(key)}\``;
}

function lowerFirst(label: string): string {
  return label.charAt(0).toLowerCase() + label.slice(1);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return line(heads) + line(heads.map(() => "---")) + rows.map(line).join("");
}

/** The text of `docs/reference/warnings.md`. */
export function warningsPage(): string {
  const codes = Object.entries(WARNINGS);
  const sections = Object.entries(WARNING_SOURCES).map(([source, title]) => {
    const listed = codes.filter(([, { from }]) => (from as readonly string[]).includes(source));
    const rows = listed.map(([name, { about }]) => [`\`${name}\``, about]);
    return `## ${title}\n\n${table(["code", ""], rows)}`;
  });
  return `# Warnings

A warning tells what the reader must know and what stopped nothing. \`result.json\` and \`ktrdr data show\` have each with its
\`code\`, a \`message\` with the figures, and the \`count\` of what it is about. Results from before the present format
write codes with underscores; ktrdr reads them as the ones here. What a training run finds in its data stands in
[training-data.md](training-data.md).

This page is printed from \`protocol/warnings.ts\` by \`node compute-node/backtest/results-page.ts\`.

${sections.join("\n")}`;
}
