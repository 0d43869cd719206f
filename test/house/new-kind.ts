/** A kind of operation that nobody knows yet: it counts the bars of one symbol. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Addition } from "./places.ts";

function text(name: string): string {
  return readFileSync(join(import.meta.dirname, "new-kind", `${name}.ts.txt`), "utf8");
}

export const NEW_KIND: Addition = {
  what: "a kind of operation",
  compiledBy: "tsconfig.json",
  tests: ["protocol/operations/", "compute-node/jobs/", "cli/commands/operations/kinds.test.ts"],
  parts: [
    {
      name: "its specification in protocol/operations",
      add: (copy) => copy.create("protocol/operations/count.ts", text("specification")),
      missing: /protocol\/operations\/index\.ts.* Cannot find module '\.\/count\.ts'/,
    },
    {
      name: "its row in protocol/operations/index.ts",
      add: (copy) =>
        copy.insert("protocol/operations/index.ts", {
          'import type { DataRequest } from "./data-request.ts";': 'import { countOperation } from "./count.ts";\n',
          "  sleep: sleepOperation,": "  count: countOperation,\n",
        }),
      missing: /each file that declares a kind of operation has its row in protocol\/operations\/index\.ts/,
    },
    {
      name: "its text in protocol/specification-text.ts",
      add: (copy) =>
        copy.insert("protocol/specification-text.ts", {
          "  sleep: (spec) =>": "  count: (spec) => canonicalJson(spec),\n",
        }),
      missing: /protocol\/specification-text\.ts.* Property 'count' is missing/,
    },
    {
      name: "its job in compute-node/jobs",
      add: (copy) => copy.create("compute-node/jobs/count.ts", text("job")),
      missing: /compute-node\/jobs\/index\.ts.* Cannot find module '\.\/count\.ts'/,
    },
    {
      name: "its row in compute-node/jobs/index.ts",
      add: (copy) =>
        copy.insert("compute-node/jobs/index.ts", {
          "import type { Job, ": 'import { countJob } from "./count.ts";\n',
          "  sleep: sleepJob,": "  count: countJob,\n",
        }),
      missing: /compute-node\/jobs\/index\.ts.* Property 'count' is missing/,
    },
    {
      name: "its words in cli/commands/operations/kinds.ts",
      add: (copy) =>
        copy.insert("cli/commands/operations/kinds.ts", {
          "  sleep: {": '  count: { command: "count", asksFor: ({ data }) => [["asks for", data.symbol]] },\n',
        }),
      missing: /cli\/commands\/operations\/kinds\.ts.* Property 'count' is missing/,
    },
    {
      name: "its command in cli/commands",
      add: (copy) => copy.create("cli/commands/count/command.ts", text("command")),
      missing: /cli\/program\.ts.* Cannot find module '\.\/commands\/count\/command\.ts'/,
    },
    {
      name: "its command's row in cli/program.ts",
      add: (copy) =>
        copy.insert("cli/program.ts", {
          "import { dataCommands }": 'import { countCommand } from "./commands/count/command.ts";\n',
          "  configCommands,\n]": "  countCommand,\n",
        }),
      missing: /the command that submits an operation of kind count is in cli\/program\.ts/,
    },
  ],
};
