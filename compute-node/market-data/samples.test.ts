import { describe, expect, it } from "vitest";
import { contentHash } from "./bars-file.ts";
import { reportGaps } from "./gaps.ts";
import { loadSample, SAMPLES } from "./samples.ts";

describe("loadSample", () => {
  // Row counts as the packages' own documentation and the oracle files state them.
  it.each([
    ["SP500", 5105, "2000-01-03", "2020-04-17", [1469.25, 1478, 1438.359985, 1455.219971, 931_800_000]],
    ["AAPL", 1260, "2013-05-13", "2018-05-11", [64.501427, 65.414284, 64.5, 64.96286, 79_237_200]],
  ])("%s has %i daily bars from %s to %s", async (name, rows, first, last, bar) => {
    const { bars, symbol, timeframe, warnings } = await loadSample(name);
    expect({ symbol, timeframe, rows: bars.rows }).toEqual({ symbol: name, timeframe: "1d", rows });
    expect(bars.timeMs[0]).toBe(Date.parse(first));
    expect(bars.timeMs[rows - 1]).toBe(Date.parse(last));
    expect([bars.open, bars.high, bars.low, bars.close, bars.volume].map((column) => column[0])).toEqual(bar);
    expect(warnings.map(({ code }) => code)).toEqual(["adjusted-close-ignored"]);
  });

  it("gives the same bytes each time, so that results can be pinned to their hash", async () => {
    const { bars } = await loadSample("SP500");
    expect(contentHash(bars)).toBe("9b7bba9da019c3d86653fb739632dce429de92dc36897c493169ce5d7ab46fb2");
  });

  it("knows the longest gap of the S&P 500: the four days after 11 September 2001 on which no one traded", async () => {
    const { bars } = await loadSample("SP500");
    const { longest } = reportGaps(bars.timeMs, "1d");
    expect(longest).toEqual({
      afterMs: Date.parse("2001-09-10"),
      beforeMs: Date.parse("2001-09-17"),
      missingBars: 4,
    });
  });

  it("names the samples that there are", async () => {
    await expect(loadSample("GOOG")).rejects.toMatchObject({
      kind: "data-not-found",
      message: "There is no sample 'GOOG'.",
      cure: `Choose one of ${Object.keys(SAMPLES).join(", ")}.`,
    });
  });
});
