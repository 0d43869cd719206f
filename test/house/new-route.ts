/** A route that nobody knows yet: it counts the workspace's models. */
import type { Addition } from "./places.ts";

const ROW = `  countModels: {
    method: "GET",
    path: \`\${API_PREFIX}/models:count\`,
    role: "viewer",
    summary: "Counts the versions of every model.",
    answer: jsonAnswer(z.strictObject({ versionCount: z.number().int() })),
    example: { answer: { version_count: 3 } },
  },
`;
const HANDLER = `  async countModels({ var: { registry, tokenHash } }) {
    return { versionCount: (await opened(registry.listModels(tokenHash, null))).length };
  },
`;
/** Does what `vitest --update` does with the page, without its start. */
const PRINT = `
  import { writeFileSync } from "node:fs";
  import { referencePage } from "./protocol/routes/reference-page.ts";
  writeFileSync("docs/reference/api.md", referencePage());
`;

export const NEW_ROUTE: Addition = {
  what: "a route",
  compiledBy: "tsconfig.worker.json",
  tests: ["protocol/routes/", "test/worker/routes.test.ts"],
  parts: [
    {
      name: "its row in protocol/routes/models.ts",
      add: (copy) => copy.insert("protocol/routes/models.ts", { "  showModel: {": ROW }),
      missing: /src\/routes\/models\.ts.* 'countModels' does not exist in type 'Handlers</,
    },
    {
      name: "its handler in src/routes/models.ts",
      add: (copy) => copy.insert("src/routes/models.ts", { "  showModel(": HANDLER }),
      missing: /src\/routes\/models\.ts.* Property 'countModels' is missing/,
    },
    {
      name: "its paragraph in docs/reference/api.md, which is printed",
      add: (copy) => copy.print("docs/reference/api.md", PRINT),
      foundBy: ["protocol/routes/"],
      missing: /docs\/reference\/api\.md is what the table of routes says/,
    },
  ],
};
