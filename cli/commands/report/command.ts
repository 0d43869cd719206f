/** `ktrdr report`: the HTML report of a backtest or a training run, from the fleet or from a file. */
import type { Context } from "../../terminal/context.ts";
import { defineCommand } from "../declare.ts";

export const reportCommand = defineCommand<[source: string], { output?: string }>({
  name: "report",
  description: "write the HTML report of a finished backtest or training run",
  arguments: [
    {
      name: "<operation-id-or-file>",
      description: "an operation, a result file that `ops result` wrote, or a model's file",
    },
  ],
  options: [{ flags: "-o, --output <file>", description: "the file to write (default: reports/ in the ktrdr home)" }],
  examples: ["ktrdr report op_01jd3x0c5k8m2q4r6t8v", "ktrdr report result.zip -o result.html"],
  handle: (context, [source], { output }) => report(context, source, output),
});

async function report(context: Context, source: string, output: string | undefined): Promise<void> {
  const [{ operationId }, { parseAnyResult, readResultFile, reportPath, writeReport }] = await Promise.all([
    import("../../../protocol/index.ts"),
    import("../backtest/backtest-output.ts"),
  ]);
  const isOperation = operationId.safeParse(source).success;
  const bytes = isOperation ? await (await context.client()).operationResult(source) : await readResultFile(source);
  const file = output ?? reportPath(context.home, source);
  const { isModelFile, writeTrainingReport } = await import("../train/training-output.ts");
  if (isModelFile(bytes)) {
    const { decodeModel } = await import("../../../compute-node/models/index.ts");
    await writeTrainingReport(decodeModel(bytes).manifest, file);
  } else await writeReport(parseAnyResult(bytes, source), file);
  context.answer({ report: file }, () => `Report: ${file}`);
}
