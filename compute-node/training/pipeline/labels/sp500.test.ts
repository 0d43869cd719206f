/** Every label source on twenty years of real prices, bar by bar as the Python system labels them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadSample } from "../../../market-data/index.ts";
import { cusumEvents, cusumThreshold } from "./cusum.ts";
import { labelConfig } from "./label-config.ts";
import { labelBars } from "./labels.ts";

interface Golden {
  readonly cases: readonly {
    readonly config: Record<string, unknown>;
    readonly counts: Readonly<Record<string, number>>;
    readonly sha256: string;
    readonly meanHolding?: number;
    readonly weights?: Readonly<Record<string, number>>;
  }[];
  readonly cusum: readonly { volSpan?: number; multiplier?: number; threshold?: number; sha256: string }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("golden/sp500.json", import.meta.url), "utf8"));
const { bars } = await loadSample("SP500");

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

describe("labels of the S&P 500", () => {
  it.each(golden.cases)("$config", ({ config, counts, sha256, meanHolding, weights = {} }) => {
    const labels = labelBars(labelConfig.parse(config), bars);
    const text = Array.from(labels.values, (value) => (Number.isNaN(value) ? "." : String(value))).join("");
    const found = Object.fromEntries(Object.keys(counts).map((label) => [label, text.split(label).length - 1]));
    expect(found).toEqual(counts);
    expect(sha256Of(text)).toBe(sha256);
    for (const [row, weight] of Object.entries(weights)) expect(labels.weights?.[Number(row)]).toBeCloseTo(weight, 5);
    if (meanHolding === undefined) return;
    const holdings = [...labels.values].flatMap((value, row) =>
      // The first two deviations of returns are not defined; their labels wait for a later one.
      Number.isNaN(value) || row < 2 ? [] : [labels.settledAt[row] - row],
    );
    const mean = holdings.reduce((sum, holding) => sum + holding, 0) / holdings.length;
    expect(Math.abs(mean - meanHolding)).toBeLessThan(0.005);
  });

  it.each(golden.cusum)("CUSUM events with %j", ({ volSpan = 50, multiplier = 0.5, threshold, sha256 }) => {
    const events = cusumEvents(bars, threshold ?? cusumThreshold(bars, volSpan, multiplier));
    expect(sha256Of(events.join(""))).toBe(sha256);
  });
});
