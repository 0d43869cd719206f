import { describe, expect, it } from "vitest";
import { levelExit } from "./level-exit.ts";

/** Long from 100: stop 95, target 105. */
const levels = { stop: 95, target: 105 };
const mirror = ({ open, high, low }: { open: number; high: number; low: number }) => ({
  open: 200 - open,
  high: 200 - low,
  low: 200 - high,
});

describe("a bar at a stop of 95 and a target of 105", () => {
  it.each([
    ["opens beyond the target and falls to the stop", { open: 107, high: 108, low: 94 }, 107, "take_profit", false],
    ["opens beyond the target", { open: 107, high: 108, low: 106 }, 107, "take_profit", false],
    ["opens beyond the stop and rises to the target", { open: 93, high: 106, low: 92 }, 93, "stop_loss", false],
    ["opens at the stop and rises to the target", { open: 95, high: 105, low: 95 }, 95, "stop_loss", false],
    ["touches both after its open", { open: 100, high: 105, low: 95 }, 95, "stop_loss", true],
    ["touches the target", { open: 100, high: 105, low: 96 }, 105, "take_profit", false],
    ["touches the stop", { open: 100, high: 104, low: 95 }, 95, "stop_loss", false],
  ] as const)("%s", (_, bar, price, reason, isAmbiguous) => {
    expect(levelExit(1, bar, levels, "open")).toEqual({ price, reason, isAmbiguous });
    const upsideDown = { stop: 105, target: 95 };
    expect(levelExit(-1, mirror(bar), upsideDown, "open")).toEqual({ price: 200 - price, reason, isAmbiguous });
  });

  it("touches neither", () => {
    expect(levelExit(1, { open: 100, high: 104, low: 96 }, levels, "open")).toBeNull();
  });

  it("opens beyond the target and falls to the stop: under gappedTarget stop it ends there", () => {
    const gapped = { open: 107, high: 108, low: 94 };
    expect(levelExit(1, gapped, levels, "stop")).toEqual({ price: 95, reason: "stop_loss", isAmbiguous: false });
  });
});
