/** What the report carries in itself: the style sheet, the chart library and the page's own script. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { installationCure } from "../../compute-node/installed-package.ts";
import { Problem } from "../../protocol/index.ts";

interface PageAssets {
  style: string;
  /** The page's modules joined into one classic script. */
  script: string;
  /** The standalone build, with its licence notice at the top. */
  chartLibrary: string;
  chartLicence: string;
}

/** In the order in which one uses the other. */
const PAGE_MODULES = ["figures.js", "trade-lines.js", "chart.js", "trade-table.js", "main.js"];

/** In the order in which the later ones refine the earlier. */
const STYLE_SHEETS = ["page.css", "tables.css"];

let loaded: PageAssets | undefined;

/** Read once a process. Throws Problem `internal` when the chart library is not installed. */
export function pageAssets(): PageAssets {
  loaded ??= {
    style: STYLE_SHEETS.map((name) => readFileSync(new URL(`page/${name}`, import.meta.url), "utf8")).join(""),
    script: joinedModules(PAGE_MODULES.map((name) => readFileSync(new URL(`page/${name}`, import.meta.url), "utf8"))),
    ...chartLibrary(),
  };
  return loaded;
}

/**
 * Modules cannot import one another from a page opened from disk, so they are joined into one scope: their imports
 * and `export` words go, their top-level names must differ. A bundler would do no more, and would be needed to run.
 */
function joinedModules(sources: readonly string[]): string {
  const bodies = sources.map((source) =>
    source.replace(/^import [^;]*;\n/gm, "").replace(/^export (?=(async )?function|const|class)/gm, ""),
  );
  return `(() => {\n"use strict";\n${bodies.join("\n")}\n})();`;
}

function chartLibrary(): Pick<PageAssets, "chartLibrary" | "chartLicence"> {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("lightweight-charts/package.json"));
    return {
      chartLibrary: readFileSync(join(folder, "dist/lightweight-charts.standalone.production.js"), "utf8"),
      chartLicence: readFileSync(join(folder, "LICENSE"), "utf8"),
    };
  } catch (cause) {
    throw new Problem("internal", "The chart library lightweight-charts cannot be read, so no report can be made.", {
      cure: installationCure("lightweight-charts"),
      cause,
    });
  }
}
