/** Rearranged code gives the same results: `bytes.json` was made before the rearrangement began. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOUSE_CASES, House, type ResultHashes } from "./cases.ts";

const ROWS = JSON.parse(readFileSync(new URL("bytes.json", import.meta.url), "utf8")) as Record<
  string,
  ResultHashes & { made_with: string }
>;

describe("bytes of results", () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house[Symbol.asyncDispose]());

  it("holds fifty results, each with its origin", () => {
    expect(HOUSE_CASES).toHaveLength(50);
    expect(Object.keys(ROWS)).toEqual(HOUSE_CASES.map(({ name }) => name));
    for (const row of Object.values(ROWS)) expect(row.made_with).toMatch(/\w/);
  });

  it("holds fifty results of which no two are the same", () => {
    expect(new Set(Object.values(ROWS).map((row) => row.sha256)).size).toBe(50);
  });

  it.each(HOUSE_CASES)("keeps the bytes of $name", async (asked) => {
    const { made_with: _madeWith, ...kept } = ROWS[asked.name];
    expect(await house.hashesOf(asked), asked.name).toEqual(kept);
  });
});
