/** The faults of `make mutants` still fit the code; whether each is caught is told by `make mutants` itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../support/source-tree.ts";
import { MUTANTS, type PropertyTest } from "./mutants.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** The body of a test by its group's name and its own. */
function bodyOf({ file, name }: PropertyTest): string | null {
  const [group, title] = name.split(" > ");
  const text = read(file);
  const [, ...groups] = text.split(/^describe\("/m);
  const body = groups.find((part) => part.startsWith(`${group}"`));
  const [, ...tests] = body?.split(/^ {2}it\(\s*"/m) ?? [];
  return tests.find((part) => part.startsWith(`${title}"`)) ?? null;
}

describe("the faults that are planted", () => {
  it("are at least twenty, each with a name of its own", () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
    expect(new Set(MUTANTS.map(({ fault }) => fault)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS.map((mutant) => [mutant.fault, mutant] as const))("still fits the code: %s", (_, mutant) => {
    expect(new Set(mutant.changes.map(({ file }) => file)).size).toBe(mutant.changes.length);
    for (const { file, search, replace } of mutant.changes) {
      expect(read(file).split(search)).toHaveLength(2);
      expect(replace).not.toBe(search);
    }
  });

  it("are each looked for by a property test", () => {
    const tests = new Set(MUTANTS.map(({ caughtBy }) => caughtBy));
    for (const test of tests) expect(bodyOf(test), test.name).toMatch(/fc\.assert\(/);
  });
});
