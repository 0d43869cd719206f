import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { answersOf, BACKTESTING_PY_CONVENTIONS, CONVENTION_NAMES } from "../../protocol/conventions.ts";
import { CONVENTIONS_PAGE, withConventionsTable } from "./conventions-page.ts";

const page = readFileSync(CONVENTIONS_PAGE, "utf8");

describe("the page about conventions", () => {
  it("has the table that is declared (run node compute-node/backtest/conventions-page.ts)", () => {
    expect(page).toBe(withConventionsTable(page));
  });

  it("has a row for each convention, with every answer and that of backtesting.py", () => {
    for (const name of CONVENTION_NAMES) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\`: `));
      const [, , answers, backtestingPy, ...others] = row?.split(" | ") ?? [];
      const [first, ...rest] = answersOf(name);
      expect(row, name).toContain(` | **\`${first}\`**: `);
      for (const answer of rest) expect(row, name).toContain(`<br>\`${answer}\`: `);
      expect(row, name).toContain(` | \`${BACKTESTING_PY_CONVENTIONS[name]}\`. `);
      expect(
        [answers, backtestingPy, ...others].every((cell) => (cell ?? "").trim() !== ""),
        name,
      ).toBe(true);
    }
  });

  it("is refused without the marks", () => {
    expect(() => withConventionsTable("# Conventions")).toThrow(/no marks/);
  });
});
