/** Shows a training run's metrics on a terminal. */
import type { ModelManifest } from "../../compute-node/models/index.ts";
import { factsText, tableText } from "../terminal/table.ts";
import { sparkline } from "./terminal.ts";
import { type FigureTable, lossCurves, trainingFacts, trainingTables } from "./training-figures.ts";

const LEAST_WIDTH = 60;
const GREATEST_WIDTH = 110;
const CURVE_LABEL = 17;
const CURVE_FIGURES = 22;

/** Lines that end in a newline. */
export function renderTrainingTable(manifest: ModelManifest, terminalWidth: number): string {
  const width = Math.max(LEAST_WIDTH, Math.min(GREATEST_WIDTH, Math.floor(terminalWidth)));
  const sections = [
    `${manifest.name}\n\n${factsText(trainingFacts(manifest))}`,
    curveLines(manifest, width),
    ...trainingTables(manifest).map(tableLines),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function curveLines(manifest: ModelManifest, width: number): string {
  return lossCurves(manifest)
    .filter(({ values }) => values.length > 0)
    .map(({ name, values }) => {
      const figures = `${values[0].toPrecision(4)} to ${values[values.length - 1].toPrecision(4)}`;
      return `${name.padEnd(CURVE_LABEL)}${sparkline(values, width - CURVE_LABEL - CURVE_FIGURES)}  ${figures}`;
    })
    .join("\n");
}

function tableLines({ title, headings, rows }: FigureTable): string {
  const columns = headings.map((heading, index) => ({
    heading: heading.toUpperCase(),
    align: index === 0 ? ("left" as const) : ("right" as const),
    text: (row: readonly string[]) => row[index],
  }));
  return `${title}\n${tableText(columns, rows)}`;
}
