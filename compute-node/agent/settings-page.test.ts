import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { SETTINGS_PAGE_URL, settingsPage } from "./settings-page.ts";

it("docs/reference/node-settings.md is as the table prints it (run node compute-node/agent/settings-page.ts)", () => {
  expect(readFileSync(SETTINGS_PAGE_URL, "utf8")).toBe(settingsPage());
});
