/** Counts the pixels on the chart's canvases by colour. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";

const PANES = ["price", "equity", "drawdown"] as const;
type Pane = (typeof PANES)[number];

interface DrawnPixels<Name extends string> {
  panes: number;
  /** Pixels of the colour in the pane. */
  count(pane: Pane, name: Name): number;
  /** The share of the pane's pixel columns, 0 to 1, in which the colour occurs: near 1 for a line across it. */
  columns(pane: Pane, name: Name): number;
}

interface Hits {
  count: number;
  columns: number;
}

/** Runs in the page, so it is JavaScript; `cli/report/page/tsconfig.json` checks its types. */
const COUNT_PIXELS = readFileSync(new URL("count-pixels.js", import.meta.url), "utf8").replace(/^export /m, "");

/** Per channel, 0 to 255: pixels under half-transparent or smoothed edges do not count, opaque ones do. */
const CHANNEL_TOLERANCE = 14;

/** Counts the pixels of each named colour (a custom property of the page, such as `--gain`) in each pane. */
export async function drawnPixels<Name extends string>(
  page: Page,
  colours: Record<Name, string>,
): Promise<DrawnPixels<Name>> {
  const request = JSON.stringify({ properties: colours, tolerance: CHANNEL_TOLERANCE });
  const found = await page.evaluate<Record<string, Hits>[]>(`${COUNT_PIXELS}\ncountPixels(${request})`);
  const hitsIn = (pane: Pane, name: Name) => found[PANES.indexOf(pane)]?.[name] ?? { count: 0, columns: 0 };
  return {
    panes: found.length,
    count: (pane, name) => hitsIn(pane, name).count,
    columns: (pane, name) => hitsIn(pane, name).columns,
  };
}
