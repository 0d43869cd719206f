/**
 * Prints the texts made from the declared tables of results: the list of `results/statistics`, the tables of
 * `docs/reference/results.md`, and `docs/reference/warnings.md`. Run it after adding a statistic, a figure or a column: `node compute-node/backtest/results-page.ts`.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const STATISTICS_FOLDER = new URL("../../results/statistics/", import.meta.url);
export const STATISTICS_DOOR = new URL("index.ts", STATISTICS_FOLDER);
export const RESULTS_PAGE = new URL("../../docs/reference/results.md", import.meta.url);
export const WARNINGS_PAGE = new URL("../../docs/reference/warnings.md", import.meta.url);

/** The file of each statistic, without its ending, sorted. */
export function statisticFiles(): string[] {
  return readdirSync(STATISTICS_FOLDER)
    .filter((name) => name.endsWith(".ts") && name !== "index.ts")
    .map((name) => name.slice(0, -".ts".length))
    .sort();
}

/** The text of the statistics' door. */
export function statisticsDoor(): string {
  const files = statisticFiles();
  const name = (file: string) => file.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const imports = files.map((file) => `import { ${name(file)} } from "./${file}.ts";\n`).join("");
  const list = files.map((file) => `  ${name(file)},\n`).join("");
  const declaration = `export const DECLARED_STATISTICS = [\n${list}] as const;\n`;
  return `/** One file a statistic. Printed from the folder by \`node compute-node/backtest/results-page.ts\`; a test holds it. */
${imports}
${declaration}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(STATISTICS_DOOR, statisticsDoor());
  // Loaded after the door is written, which it reads.
  const { warningsPage, withPrintedTables } = await import("../../results/reference-tables.ts");
  writeFileSync(RESULTS_PAGE, withPrintedTables(readFileSync(RESULTS_PAGE, "utf8")));
  writeFileSync(WARNINGS_PAGE, warningsPage());
}
