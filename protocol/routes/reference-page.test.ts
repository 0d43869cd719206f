import { expect, it } from "vitest";
import { referencePage } from "./reference-page.ts";

it("docs/reference/api.md is what the table of routes says (run vitest run --project unit protocol/routes --update)", async () => {
  await expect(referencePage()).toMatchFileSnapshot("../../docs/reference/api.md");
});
