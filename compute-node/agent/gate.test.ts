import { describe, expect, it } from "vitest";
import { Gate } from "./gate.ts";

const never = new AbortController().signal;

describe("a gate", () => {
  it("lets as many through as it may, and the others in their order", async () => {
    const gate = new Gate(2);
    const doors = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
    const entered: number[] = [];
    const passes = doors.map(({ promise }, index) =>
      gate.pass(never, () => {
        entered.push(index);
        return promise;
      }),
    );
    await Promise.resolve();
    expect(entered).toEqual([0, 1]);
    doors[1]!.resolve();
    await expect.poll(() => entered).toEqual([0, 1, 2]);
    for (const { resolve } of doors) resolve();
    await Promise.all(passes);
    expect(entered).toEqual([0, 1, 2, 3]);
  });

  it("gives its place on when the work fails, and forgets who gave up waiting", async () => {
    const gate = new Gate(1);
    const door = Promise.withResolvers<void>();
    const failing = gate.pass(never, () => door.promise);
    const impatient = new AbortController();
    const gaveUp = gate.pass(impatient.signal, async () => "entered");
    const patient = gate.pass(never, async () => "entered");
    impatient.abort(new Error("cancelled"));
    await expect(gaveUp).rejects.toThrow("cancelled");
    door.reject(new Error("broken"));
    await expect(failing).rejects.toThrow("broken");
    expect(await patient).toBe("entered");
    expect(await gate.pass(never, async () => "again")).toBe("again");
  });
});
