import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import type { BarColumns } from "../../compute-node/market-data/bars.ts";
import { loadSample, parseCsv } from "../../compute-node/market-data/index.ts";
import { differences, type OracleCase, oracleCases, uncheckedStatistics } from "./oracle-cases.ts";

const openCases = oracleCases(new URL("backtesting-py-open-data.json", import.meta.url));
const samples: Record<string, BarColumns> = {
  "SP500_1d.csv": (await loadSample("SP500")).bars,
  "AAPL_1d.csv": (await loadSample("AAPL")).bars,
};

describe("the engine reproduces backtesting.py on prices that npm packages ship", () => {
  it("has all 22 cases, and each of their statistics has a counterpart", () => {
    expect(openCases).toHaveLength(22);
    expect(openCases.flatMap(uncheckedStatistics)).toEqual([]);
  });

  it.each(openCases.map((oracle) => [oracle.id, oracle] as const))("%s", (_, oracle) => {
    expect(differences(oracle, samples[oracle.data])).toEqual({});
  });
});

/** Prices that may not be copied into the project lie beside it on the machines that have them. */
const sibling = new URL("../../../shared/", import.meta.url);
const siblingCases = new URL("oracles/backtesting-py.json", sibling);

if (existsSync(siblingCases)) {
  describe("the engine reproduces backtesting.py on the prices in ../shared/data", () => {
    const loaded = new Map<string, BarColumns>();
    const barsOf = ({ data }: OracleCase): BarColumns => {
      const known = loaded.get(data);
      if (known !== undefined) return known;
      const file = new URL(data.replace(/^shared\//, ""), sibling);
      const { bars } = parseCsv(readFileSync(file), basename(data));
      loaded.set(data, bars);
      return bars;
    };

    it.each(oracleCases(siblingCases).map((oracle) => [oracle.id, oracle] as const))("%s", (_, oracle) => {
      expect(differences(oracle, barsOf(oracle))).toEqual({});
    });
  });
} else {
  it.skip("the engine reproduces backtesting.py on ../shared/data (skipped: that folder is not on this machine)");
}
