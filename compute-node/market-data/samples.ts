/** Real prices that npm packages ship, so that the demo and the tests need no download of their own. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Problem } from "../../protocol/index.ts";
import { installationCure } from "../installed-package.ts";
import { type LoadedBars, parseCsv } from "./csv.ts";

interface Sample {
  readonly symbol: string;
  readonly timeframe: string;
  readonly title: string;
  readonly source: string;
  readonly package: string;
  readonly path: () => string;
}

const require = createRequire(import.meta.url);

export const SAMPLES = {
  SP500: {
    symbol: "SP500",
    timeframe: "1d",
    title: "S&P 500 index, daily, 2000 to 2020",
    source: "npm vega-datasets, data/sp500-2000.csv (BSD-3-Clause)",
    package: "vega-datasets",
    path: () => join(dirname(require.resolve("vega-datasets")), "..", "data", "sp500-2000.csv"),
  },
  AAPL: {
    symbol: "AAPL",
    timeframe: "1d",
    title: "Apple shares, daily, 2013 to 2018",
    source: "npm @observablehq/sample-datasets, aapl.csv (ISC)",
    package: "@observablehq/sample-datasets",
    path: () => require.resolve("@observablehq/sample-datasets/aapl.csv"),
  },
} as const satisfies Record<string, Sample>;

export type SampleName = keyof typeof SAMPLES;

interface LoadedSample extends LoadedBars {
  readonly symbol: string;
  readonly timeframe: string;
  readonly source: string;
}

/** Throws `data-not-found` for a name that is no sample, or when its package is not installed. */
export async function loadSample(name: string): Promise<LoadedSample> {
  if (!Object.hasOwn(SAMPLES, name)) {
    throw new Problem("data-not-found", `There is no sample '${name}'.`, {
      cure: `Choose one of ${Object.keys(SAMPLES).join(", ")}.`,
    });
  }
  const { symbol, timeframe, source, package: packageName, path } = SAMPLES[name as SampleName];
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path());
  } catch (error) {
    throw new Problem(
      "data-not-found",
      `The sample ${name} is in the package ${packageName}, which is not installed.`,
      {
        cure: installationCure(packageName),
        cause: error,
      },
    );
  }
  return { ...parseCsv(bytes, `${symbol}_${timeframe}.csv`), symbol, timeframe, source };
}
