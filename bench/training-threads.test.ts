import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the benchmark of several threads trains the same bits in one thread and in two", () => {
  const script = fileURLToPath(new URL("training-threads.ts", import.meta.url));
  const output = execFileSync(process.execPath, [script, "--seconds", "0", "--json"], { encoding: "utf8" });
  const { threads, results } = JSON.parse(output);
  expect(threads).toBe(2);
  expect(results).toHaveLength(9);
});
