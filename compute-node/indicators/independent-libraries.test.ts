/** Against TA-Lib and technicalindicators on daily prices of AAPL; the origin stands in the golden file. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { computeIndicator } from "./compute-indicator.ts";
import { findIndicator } from "./find-indicator.ts";

/** Relative to the value, or to the scale of the column; both sides round differently, and 13 digits were kept. */
const TOLERANCE = 1e-9;

interface Case {
  readonly library: string;
  readonly function: string;
  readonly indicator: string;
  readonly parameters: Record<string, number>;
  readonly values: Record<string, (number | null)[]>;
}

const golden = JSON.parse(readFileSync(new URL("./golden/independent-libraries.json", import.meta.url), "utf8")) as {
  readonly cases: Record<string, Case>;
};

const prices = readPrices();

describe("independent libraries", () => {
  it.each(Object.entries(golden.cases))("agree on %s", (_key, { indicator, parameters, values }) => {
    const declaration = findIndicator(indicator)!;
    const outputs = declaration.outputs.map(() => new Float64Array(250));
    computeIndicator(
      declaration,
      declaration.inputs.map((name) => prices[name]),
      parameters,
      outputs,
    );
    for (const [name, wanted] of Object.entries(values)) {
      const k = declaration.outputs.findIndex((output) => output.name === name);
      const scale = Math.max(...wanted.map((value) => Math.abs(value ?? 0)));
      for (const [i, value] of wanted.entries()) {
        if (value === null) continue;
        expect(Math.abs(outputs[k][i] - value) / scale, `${name} at bar ${i}`).toBeLessThan(TOLERANCE);
      }
    }
  });
});

function readPrices(): Record<string, Float64Array> {
  const path = createRequire(import.meta.url).resolve("@observablehq/sample-datasets/aapl.csv");
  const rows = readFileSync(path, "utf8").trim().split(/\r?\n/).slice(1, 251);
  const cells = rows.map((row) => row.split(","));
  const column = (k: number) => Float64Array.from(cells, (row) => Number(row[k]));
  return {
    open: column(1),
    high: column(2),
    low: column(3),
    close: column(4),
    volume: column(6),
    timeMs: Float64Array.from(cells, (row) => Date.parse(row[0])),
  };
}
