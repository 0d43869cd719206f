/** Shows the result of any backtest: a table, a report, the bytes in a file, one JSON document. */
import { writeFile } from "node:fs/promises";
import { wire } from "../../../protocol/index.ts";
import { backtestResult } from "../../../results/index.ts";
import type { Finished } from "../../api/fleet-run.ts";
import type { Context } from "../../terminal/context.ts";
import { parseResult, reportPath, writeReport } from "./backtest-output.ts";
import type { BacktestOptions } from "./options.ts";

export async function showBacktest(
  context: Context,
  { bytes, operationId }: Finished,
  options: BacktestOptions,
): Promise<void> {
  const result = parseResult(bytes, operationId ?? "the local run");
  if (options.output !== undefined) await writeFile(options.output, bytes);
  let report: string | null = null;
  if (options.report !== undefined) {
    const name = operationId ?? `local-${result.hashes.spec.slice(0, 12)}-${result.hashes.data.slice(0, 12)}`;
    report = await writeReport(result, options.report === true ? reportPath(context.home, name) : options.report);
  }
  const { renderStatisticsTable } = await import("../../report/index.ts");
  if (context.json) {
    const document = wire(backtestResult).encode(result);
    context.stdout.write(`${JSON.stringify({ operation_id: operationId, report, result: document })}\n`);
    return;
  }
  context.say(renderStatisticsTable(result, { width: context.width, color: context.color }));
  if (options.output !== undefined) context.say(`Result: ${options.output}`);
  if (report !== null) context.say(`Report: ${report}`);
}
