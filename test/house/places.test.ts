/** Whoever adds something writes it in few places, and learns of one that was left out. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { patience } from "../support/patience.ts";
import { NEW_KIND } from "./new-kind.ts";
import { NEW_ROUTE } from "./new-route.ts";
import { type Addition, ProjectCopy } from "./places.ts";

const ADDITIONS: readonly Addition[] = [NEW_KIND, NEW_ROUTE];

let copy: ProjectCopy;
beforeAll(() => {
  copy = new ProjectCopy();
});
afterEach(() => copy.restore());
afterAll(() => copy.remove());

describe.each(ADDITIONS)("the place of $what", ({ parts, tests, compiledBy }) => {
  it(
    "is complete with the parts that are listed: types and tables agree",
    () => {
      for (const part of parts) part.add(copy);
      expect(copy.types()).toBe("");
      expect(copy.tests(tests)).toBe("");
    },
    patience(300_000),
  );

  it.each(parts)(
    "without $name is refused, and the refusal names it",
    (left) => {
      for (const part of parts) if (part !== left) part.add(copy);
      const types = copy.productTypes(compiledBy);
      expect(left.missing.test(types) ? types : copy.tests(left.foundBy ?? tests)).toMatch(left.missing);
    },
    patience(300_000),
  );
});
