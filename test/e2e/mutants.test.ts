/** `make mutants` as people run it: a fault that a property test finds, and one whose name nobody knows. */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { ROOT } from "../support/source-tree.ts";

function mutants(words: string): { status: number | null; out: string } {
  const { status, stdout } = spawnSync("make", ["mutants", `FAULT=${words}`], { cwd: ROOT, encoding: "utf8" });
  return { status, out: stdout };
}

it("make mutants plants a fault, and says that its property test found it", () => {
  const { status, out } = mutants("lots are products");
  expect(out).toMatch(
    /^caught +\d+\.\d s {2}sizes: lots are products with rounding errors {2}\[lot-rules\.test\.ts\]$/m,
  );
  expect(out).toMatch(/^1 caught, 0 missed$/m);
  expect(status).toBe(0);
});

it("make mutants for an unknown fault is an error", () => {
  const { status, out } = mutants("no such fault");
  expect(out).toContain('No fault has the words "no such fault".');
  expect(status).not.toBe(0);
});
