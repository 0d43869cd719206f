import { expect, it } from "vitest";
import { benchMarketData, describeMarketDataBench, makeCsv } from "./market-data.ts";

it("the market data bench runs, on bars that both ways of parsing agree about", async () => {
  const bench = await benchMarketData(2000, 1);
  expect(bench).toMatchObject({ rows: 2000, fileBytes: makeCsv(2000).length });
  expect(describeMarketDataBench(bench)).toMatch(/parse a CSV.*MB\/s/);
});
