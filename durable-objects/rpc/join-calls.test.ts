import { describe, expect, it } from "vitest";
import { joinCalls } from "./join-calls.ts";

describe("the registry's calls", () => {
  it("are joined into one table", () => {
    const joined = joinCalls({ list: () => 1 }, { show: () => "two", remove: () => null }, {});
    expect(Object.keys(joined)).toEqual(["list", "show", "remove"]);
    const answers: [number, string, null] = [joined.list(), joined.show(), joined.remove()];
    expect(answers).toEqual([1, "two", null]);
  });

  it("are refused where two resources name the same call", () => {
    const datasets = { list: () => 1, publish: () => 2 };
    const models = { show: () => 3, publish: () => 4 };
    expect(() => joinCalls(datasets, models)).toThrow("one resource alone names the call publish");
  });
});
