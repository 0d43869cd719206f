/** `ktrdr ops`: lists, follows, cancels and retries the operations of the fleet. */
import { InvalidArgumentError } from "commander";
import type { Operation } from "../../../protocol/operation.ts";
import { type Context, EXIT } from "../../terminal/context.ts";
import { type DeclaredGroup, defineCommand } from "../declare.ts";

const STATUSES = ["queued", "running", "completed", "failed", "cancelled"];
const DEFAULT_LIMIT = 20;
const MOST_IN_A_PAGE = 500;

interface ListOptions {
  status?: string;
  kind?: string;
  limit: number;
  cursor?: string;
}

const OPERATION_ID = { name: "<operation-id>" };

export const operationCommands: DeclaredGroup = {
  name: "ops",
  description: "the operations of the fleet, and their results",
  commands: [
    defineCommand<[], ListOptions>({
      name: "list",
      isDefault: true,
      description: "the newest operations",
      options: [
        { flags: "--status <status>", description: "only those in this status", choices: STATUSES },
        { flags: "--kind <kind>", description: "only those of this kind, such as backtest" },
        {
          flags: "--limit <count>",
          description: `number of operations, at most ${MOST_IN_A_PAGE}`,
          parse: pageSize,
          default: DEFAULT_LIMIT,
        },
        { flags: "--cursor <cursor>", description: "go on where an earlier list ended" },
      ],
      examples: ["ktrdr ops", "ktrdr ops list --status failed --limit 5 --json"],
      handle: (context, _, options) => list(context, options),
    }),
    defineCommand<[id: string], object>({
      name: "show",
      description: "one operation in full",
      arguments: [OPERATION_ID],
      examples: ["ktrdr ops show op_01jd3x0c5k8m2q4r6t8v"],
      handle: (context, [id]) => show(context, id),
    }),
    defineCommand<[id: string], object>({
      name: "watch",
      description: "follow an operation until it ends; exit code 1 when it did not complete",
      arguments: [OPERATION_ID],
      examples: ["ktrdr ops watch op_01jd3x0c5k8m2q4r6t8v"],
      handle: (context, [id]) => watch(context, id),
    }),
    defineCommand<[id: string], { follow?: boolean }>({
      name: "logs",
      description: "the output of its job; at most the newest thousand lines are kept",
      arguments: [OPERATION_ID],
      options: [{ flags: "-f, --follow", description: "go on with its output until it ends" }],
      examples: ["ktrdr ops logs -f op_01jd3x0c5k8m2q4r6t8v"],
      async handle(context, [id], { follow }) {
        const { showLogs } = await import("./follow-log.ts");
        await showLogs(context, id, follow === true);
      },
    }),
    defineCommand<[id: string], { follow?: boolean }>({
      name: "events",
      description: "its events: queued, assigned, requeued, …",
      arguments: [OPERATION_ID],
      options: [{ flags: "-f, --follow", description: "go on with its events until it ends" }],
      examples: ["ktrdr ops events op_01jd3x0c5k8m2q4r6t8v --json"],
      async handle(context, [id], { follow }) {
        const { showEvents } = await import("./follow-log.ts");
        await showEvents(context, id, follow === true);
      },
    }),
    defineCommand<[id: string], object>({
      name: "cancel",
      description: "stop an operation, whether it waits or runs",
      arguments: [OPERATION_ID],
      examples: ["ktrdr ops cancel op_01jd3x0c5k8m2q4r6t8v"],
      handle: (context, [id]) => cancel(context, id),
    }),
    defineCommand<[id: string], object>({
      name: "retry",
      description: "queue a failed or cancelled operation again",
      arguments: [OPERATION_ID],
      examples: ["ktrdr ops retry op_01jd3x0c5k8m2q4r6t8v"],
      handle: (context, [id]) => retry(context, id),
    }),
    defineCommand<[id: string], { output?: string }>({
      name: "result",
      description: "the result's bytes, to stdout or to a file",
      arguments: [OPERATION_ID],
      options: [{ flags: "-o, --output <file>", description: "write there instead of to stdout" }],
      examples: ["ktrdr ops result op_01jd3x0c5k8m2q4r6t8v -o result.zip"],
      handle: (context, [id], { output }) => result(context, id, output),
    }),
  ],
};

function pageSize(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MOST_IN_A_PAGE) return count;
  throw new InvalidArgumentError(`It is a whole number from 1 to ${MOST_IN_A_PAGE}.`);
}

async function list(context: Context, options: ListOptions): Promise<void> {
  const client = await context.client();
  const page = await client.listOperations({ ...options });
  const [{ tableText }, { agoText, durationText }, { operationList, wire }] = await Promise.all([
    import("../../terminal/table.ts"),
    import("../../terminal/duration.ts"),
    import("../../../protocol/index.ts"),
  ]);
  const now = Date.now();
  const took = (operation: Operation): string =>
    operation.startedAt === null ? "-" : durationText((operation.finishedAt ?? now) - operation.startedAt);
  context.answer(wire(operationList).encode(page), () => {
    if (page.operations.length === 0) return "No operations. Submit one with: ktrdr backtest <strategy.yaml>";
    const table = tableText<Operation>(
      [
        { heading: "OPERATION", text: (operation) => operation.operationId },
        { heading: "KIND", text: (operation) => operation.kind },
        { heading: "STATUS", text: (operation) => operation.status },
        { heading: "WORKER", text: (operation) => operation.workerId ?? "-" },
        { heading: "CREATED", text: (operation) => agoText(operation.createdAt, now) },
        { heading: "TOOK", align: "right", text: took },
        { heading: "NAME", text: (operation) => operation.name ?? "-" },
      ],
      page.operations,
    );
    if (page.nextCursor === null) return table;
    return `${table}\n${page.operations.length} of ${page.total}. More: ktrdr ops list --cursor ${page.nextCursor}`;
  });
}

async function show(context: Context, operationId: string): Promise<void> {
  const client = await context.client();
  const found = await client.showOperation(operationId);
  await answerOperation(context, found);
}

async function answerOperation(
  context: Context,
  found: Awaited<ReturnType<Awaited<ReturnType<Context["client"]>>["showOperation"]>>,
): Promise<void> {
  const [{ operationFacts }, { operationDetail, wire }] = await Promise.all([
    import("./operation-text.ts"),
    import("../../../protocol/index.ts"),
  ]);
  context.answer(wire(operationDetail).encode(found), () => operationFacts(found));
}

async function watch(context: Context, operationId: string): Promise<void> {
  const [client, { createProgressView }, { watchOperation }, { watchInterrupts }] = await Promise.all([
    context.client(),
    import("../../terminal/progress.ts"),
    import("../../api/watch.ts"),
    import("../../terminal/interrupt.ts"),
  ]);
  const found = await watchInterrupts(context, operationId, (signal) =>
    watchOperation({ client, operationId, view: createProgressView(context.stderr), signal }),
  );
  if (found === null) return;
  await answerOperation(context, found);
  if (found.status !== "completed") context.exitCode = EXIT.failed;
}

async function cancel(context: Context, operationId: string): Promise<void> {
  const client = await context.client();
  const answer = await client.cancelOperation(operationId);
  const { operation, wire } = await import("../../../protocol/index.ts");
  context.answer(wire(operation).encode(answer), () =>
    answer.status === "cancelled"
      ? `${operationId} is cancelled.`
      : `${operationId} is ${answer.status}; ${answer.cancelRequested ? "its worker is told to stop." : "there is nothing to cancel."}`,
  );
}

async function retry(context: Context, operationId: string): Promise<void> {
  const client = await context.client();
  const answer = await client.retryOperation(operationId);
  const { operation, wire } = await import("../../../protocol/index.ts");
  context.answer(wire(operation).encode(answer), () => `${operationId} is ${answer.status} again.`);
}

async function result(context: Context, operationId: string, output: string | undefined): Promise<void> {
  const client = await context.client();
  const bytes = await client.operationResult(operationId);
  if (output === undefined) {
    context.stdout.write(new TextDecoder().decode(bytes));
    return;
  }
  const { writeFile } = await import("node:fs/promises");
  await writeFile(output, bytes);
  context.answer(
    { operation_id: operationId, file: output, bytes: bytes.byteLength },
    () => `${output}: ${bytes.byteLength} bytes`,
  );
}
