import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { REFERENCE_PAGE_URL, referencePage } from "./reference-page.ts";

it("docs/reference/indicators.md matches the table (run node compute-node/indicators/reference-page.ts)", () => {
  expect(readFileSync(REFERENCE_PAGE_URL, "utf8")).toBe(referencePage());
});
