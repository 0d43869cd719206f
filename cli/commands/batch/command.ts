/** `ktrdr batch`: many operations from a file, a thousand in one write. */
import type { Context } from "../../terminal/context.ts";
import { defineCommand } from "../declare.ts";

export const batchCommand = defineCommand<[file: string], { key?: string }>({
  name: "batch",
  description: "submit many operations from a file: a JSON array, or one JSON document a line",
  arguments: [{ name: "<file>", description: "the file, or - for stdin" }],
  options: [
    {
      flags: "--key <name>",
      description: "submit under this idempotency key: the same file again submits nothing twice",
    },
  ],
  notes: `Each document is what POST /api/v1/operations takes, such as
  {"spec": {"kind": "sleep", "duration_ms": 100}, "priority": 1}`,
  examples: ["ktrdr batch operations.jsonl --key sunday-1", "generate | ktrdr batch -"],
  handle: (context, [file], { key }) => batch(context, file, key),
});

async function batch(context: Context, file: string, key: string | undefined): Promise<void> {
  const { submitBatch } = await import("./batch-run.ts");
  await submitBatch(context, file, key);
}
