/** `ktrdr batch`: many operations from a file, a thousand in one write. */
import type { Command } from "commander";
import type { Context, GetContext } from "../../terminal/context.ts";

export function registerBatchCommand(program: Command, getContext: GetContext): void {
  program
    .command("batch")
    .description("submit many operations from a file: a JSON array, or one JSON document a line")
    .argument("<file>", "the file, or - for stdin")
    .option("--key <name>", "submit under this idempotency key: the same file again submits nothing twice")
    .addHelpText(
      "after",
      `
Each document is what POST /api/v1/operations takes, such as
  {"spec": {"kind": "sleep", "duration_ms": 100}, "priority": 1}

Examples:
  $ ktrdr batch operations.jsonl --key sunday-1
  $ generate | ktrdr batch -`,
    )
    .action((file: string, options: { key?: string }) => batch(getContext(), file, options.key));
}

async function batch(context: Context, file: string, key: string | undefined): Promise<void> {
  const { submitBatch } = await import("./batch-run.ts");
  await submitBatch(context, file, key);
}
