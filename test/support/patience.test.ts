import { afterEach, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

async function patienceWith(handedDown: string): Promise<(deadlineMs: number) => number> {
  vi.resetModules();
  vi.stubEnv("KTRDR_PATIENCE", handedDown);
  return (await import("./patience.ts")).patience;
}

it("patience waits at least as much longer as the run was told to, and more where the machine has become busier", async () => {
  const said = vi.spyOn(console, "log").mockImplementation(() => {});
  const waits = (await patienceWith("2.5"))(1_000);
  expect(waits).toBeGreaterThanOrEqual(2_500);
  expect(said).toHaveBeenCalledTimes(waits > 2_500 ? 1 : 0);
  expect((await patienceWith("4"))(1_000)).toBe(4_000);
});

it.each(["", "0.5", "9", "often"])(
  "patience measures the machine when it is told %j, and waits at most four times as long",
  async (told) => {
    const said = vi.spyOn(console, "log").mockImplementation(() => {});
    const patience = await patienceWith(told);
    const first = patience(1_000);
    expect(first).toBeGreaterThanOrEqual(1_000);
    expect(first).toBeLessThanOrEqual(4_000);
    expect(said).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^Node starts in \d+ ms here: .* [1-4](\.\d+)? times/),
    );
    expect(patience(1_000)).toBe(first);
    expect(process.env.KTRDR_PATIENCE).toBe(String(first / 1_000));
  },
);
