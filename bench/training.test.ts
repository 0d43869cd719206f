import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the training benchmark runs without PyTorch, and its variants do the same work", () => {
  const script = fileURLToPath(new URL("training.ts", import.meta.url));
  const output = execFileSync(process.execPath, [script, "--rounds", "1", "--batches", "1", "--json"], {
    encoding: "utf8",
    env: { ...process.env, KTRDR_BENCH_PYTHON: "no-such-python" },
  });
  const { peer, results } = JSON.parse(output);
  expect(peer).toBe("PyTorch is not installed");
  expect(results.length).toBe(7);
  for (const { losses, rates } of results) {
    expect(rates.ktrdr).toBeGreaterThan(0);
    for (const loss of Object.values<number>(losses)) expect(loss).toBeCloseTo(losses.ktrdr, 4);
  }
  expect(Object.keys(results[0].losses)).toEqual(["ktrdr", "ktrdr --fast", "plain JavaScript"]);
});
