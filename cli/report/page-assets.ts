/** Reads the assets that the report embeds: the style sheet, the chart library and the page's own script. */
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

/** Ordered so that each module comes after those that it uses. */
const PAGE_MODULES = ["figures.js", "trade-lines.js", "chart.js", "trade-table.js", "main.js"];

/** Ordered so that later sheets refine earlier ones. */
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
 * Joins the modules into one scope, since modules of a page opened from disk cannot import one another. Imports and
 * `export` words are removed, so top-level names must differ. A bundler would do the same, and be one more dependency.
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
