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

it("patience waits as much longer as the run was told to", async () => {
  expect((await patienceWith("2.5"))(1_000)).toBe(2_500);
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
