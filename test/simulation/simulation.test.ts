import { describe, expect, it } from "vitest";
import type { Canary } from "./canary.ts";
import { addTally, newTally } from "./tally.ts";
import { World } from "./world.ts";

/** Each seed is a world of its own, with its number of nodes, its faults and their rates (`rates.ts`). */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const EVENTS = 100_000;
const total = newTally();

/** A rare bug shows in another world after every change to the code, so the worlds are tried in turn. */
const CANARY_SEEDS = 30;
const CANARY_EVENTS = 15_000;

describe("registry and nodes in a simulated world", () => {
  for (const seed of SEEDS) {
    it(`keep every promise through ${EVENTS} events under the faults of seed ${seed}, and end all that was accepted once healed`, () => {
      const tally = new World({ seed, events: EVENTS }).run();
      addTally(total, tally);
      expect(tally.events).toBeGreaterThanOrEqual(EVENTS);
      expect(tally.completed + tally.failed + tally.cancelled).toBe(tally.submitted);
      expect(tally.completed).toBeGreaterThan(0);
    });
  }

  it("met a million events, every kind of fault, and attempts that had to be fenced off", () => {
    expect(total.events).toBeGreaterThanOrEqual(SEEDS.length * EVENTS);
    const faults = ["drops", "repeats", "cuts", "crashes", "freezes", "restarts", "hibernations", "jumps"] as const;
    for (const fault of faults) expect(total[fault], fault).toBeGreaterThan(0);
    expect(total.fencedOff).toBeGreaterThan(0);
    expect(total.resumed).toBeGreaterThan(0);
    expect(total.executions).toBeGreaterThan(total.completed);
    const bytes = ["published", "fetched", "uploadsInParts", "uploadsResumed", "joinedAgain", "damaged"] as const;
    for (const course of [...bytes, "abandoned", "collected"] as const)
      expect(total[course], course).toBeGreaterThan(0);
  });

  it("do the same again with the same seed, and something else with another", () => {
    const hashes = [11, 11, 12].map((seed) => {
      const world = new World({ seed, events: 20_000 });
      world.run();
      return world.trace.hash;
    });
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).not.toBe(hashes[2]);
  });
});

describe("the simulation finds a planted bug", () => {
  const planted: readonly { canary: Canary; broken: RegExp; bug: string }[] = [
    { canary: "ignore-attempt", broken: /^invariant 4: the result/, bug: "attempt numbers that count for nothing" },
    { canary: "send-before-write", broken: /^invariant 4:/, bug: "messages that go out before the write" },
    {
      canary: "forget-lease-on-disconnect",
      broken: /^invariant 1: \d+ operations run under \d+ leases/,
      bug: "leases forgotten with the connection",
    },
    { canary: "double-assign", broken: /^invariant 1: .* alone/, bug: "one attempt given to two workers" },
    {
      canary: "forget-heartbeats",
      broken: /^invariant 8: .* was heard of/,
      bug: "heartbeats forgotten in hibernation",
    },
    {
      canary: "unreferenced-datasets",
      broken: /^invariant 4: .* is a dataset, and is not deleted/,
      bug: "datasets that count as unused",
    },
    {
      canary: "record-before-joining",
      broken: /^invariant 4: the bytes of .* are in the store/,
      bug: "uploads that count as stored before their parts are joined",
    },
  ];
  for (const { canary, broken, bug } of planted) {
    it(`${bug} (${canary}) in one of ${CANARY_SEEDS} worlds of ${CANARY_EVENTS} events, and says how to see it again`, () => {
      const report = firstViolation(canary);
      expect(report).toMatch(broken);
      expect(report).toMatch(/make simulate SEED=\d+ STEPS=\d+/);
      expect(report.split("\n").length).toBeGreaterThan(20);
    });
  }
});

function firstViolation(canary: Canary): string {
  for (let seed = 1; seed <= CANARY_SEEDS; seed++) {
    try {
      new World({ seed, events: CANARY_EVENTS, canary }).run();
    } catch (error) {
      return (error as Error).message;
    }
  }
  return "nothing was found";
}
