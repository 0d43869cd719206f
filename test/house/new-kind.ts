/** A kind of operation that nobody knows yet: it counts the bars of one symbol. */
import type { Addition } from "./places.ts";

const SPECIFICATION = `import { z } from "zod";
import { dataRequest } from "./data-request.ts";
import type { OperationDeclaration } from "./declaration.ts";

const countSpec = z.strictObject({ kind: z.literal("count"), data: dataRequest });
export type CountSpec = z.infer<typeof countSpec>;

export const countOperation = {
  spec: countSpec,
  datasets: ({ data }) => [data],
  allowance: ({ kind }) => kind,
  isAllowedByName: true,
  isCheckpointed: false,
  workerTypes: ["backtesting"],
} satisfies OperationDeclaration<CountSpec>;
`;

const JOB = `import type { CountSpec } from "../../protocol/operations/count.ts";
import type { JobDataset, ThreadJob } from "./job.ts";

interface CountInput {
  readonly kind: "count";
  readonly spec: CountSpec;
  readonly dataset: JobDataset;
}

export const countJob: ThreadJob<CountSpec, CountInput> = {
  place: "thread",
  input: (spec, { datasets: [dataset] }) => ({ kind: "count", spec, dataset }),
  async run({ dataset }) {
    const summary = { bars: dataset.bars.rows };
    return { bytes: null, result: { sha256: null, bytes: 0, mediaType: "application/json", summary } };
  },
};
`;

const COMMAND = `import { SUBMISSION_OPTIONS } from "../../api/placement-options.ts";
import type { SubmitOptions } from "../../api/fleet-run.ts";
import { defineCommand } from "../declare.ts";

export const countCommand = defineCommand<[symbol: string], SubmitOptions>({
  name: "count",
  description: "count the bars of a symbol",
  arguments: [{ name: "<symbol>", description: "such as SP500" }],
  options: SUBMISSION_OPTIONS,
  examples: ["ktrdr count SP500"],
  async handle(context, [symbol], options) {
    const { followOnFleet } = await import("../../api/fleet-run.ts");
    const spec = { kind: "count", data: { symbol, timeframe: "1d" } } as const;
    const ended = await followOnFleet(context, await context.client(), spec, options, \`count \${symbol}\`);
    context.say(JSON.stringify(ended?.result?.summary));
  },
});
`;

export const NEW_KIND: Addition = {
  what: "a kind of operation",
  tests: ["protocol/operations/", "compute-node/jobs/", "cli/commands/operations/kinds.test.ts"],
  parts: [
    {
      name: "its specification in protocol/operations",
      add: (copy) => copy.create("protocol/operations/count.ts", SPECIFICATION),
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
      name: "its job in compute-node/jobs",
      add: (copy) => copy.create("compute-node/jobs/count.ts", JOB),
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
      add: (copy) => copy.create("cli/commands/count/command.ts", COMMAND),
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
