import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { commanderOption } from "../commands/declare.ts";
import { PLACEMENT_OPTIONS, type PlacementOptions, parseSpan, placementOf } from "./placement-options.ts";

function parsed(...words: string[]): PlacementOptions {
  const command = new Command().exitOverride();
  for (const option of PLACEMENT_OPTIONS) command.addOption(commanderOption(option));
  command.configureOutput({ writeErr: () => {} });
  return command.parse(words, { from: "user" }).opts<PlacementOptions>();
}

describe("placement options", () => {
  it("become requirements, a deadline and a number of attempts", () => {
    const options = parsed(
      ..."--worker-type gpu_host,cpu_training --prefer-wait 10m --require rack=3 --require zone=a".split(" "),
      ..."--memory 512 --deadline 2h --attempts 5".split(" "),
    );
    expect(placementOf(options, 1_000)).toEqual({
      requirements: {
        workerTypes: ["gpu_host", "cpu_training"],
        preferWaitMs: 600_000,
        labels: { rack: "3", zone: "a" },
        memoryBytes: 512 * 1024 * 1024,
      },
      deadlineMs: 7_201_000,
      maxAttempts: 5,
    });
  });

  it("leave everything to the registry when none is given", () => {
    expect(placementOf(parsed(), 0)).toEqual({});
  });

  it.each([
    ["--worker-type", "gpu"],
    ["--require", "rack"],
    ["--memory", "lots"],
    ["--deadline", "tomorrow"],
    ["--attempts", "0"],
  ])("refuse %s %s", (flag, value) => {
    expect(() => parsed(flag, value)).toThrow(/argument '.*' is invalid/);
  });

  it("read spans with their unit", () => {
    expect(["90s", "1.5m", "2h", "3d"].map(parseSpan)).toEqual([90_000, 90_000, 7_200_000, 259_200_000]);
  });
});
