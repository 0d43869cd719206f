/** `ktrdr strategy validate`: every fault of a strategy file, with its place, before anything runs. */
import type { Command } from "commander";
import type { Problem, ProblemIssue } from "../../protocol/problem.ts";
import { type Context, EXIT, type GetContext } from "../context.ts";

interface FileReport {
  file: string;
  valid: boolean;
  name: string | null;
  errors: readonly ProblemIssue[];
  warnings: readonly ProblemIssue[];
}

export function registerStrategyCommands(program: Command, getContext: GetContext): void {
  const strategy = program.command("strategy").description("strategy files");
  strategy
    .command("validate")
    .description("check strategy files without running them; exit code 1 when one has a fault")
    .argument("<files...>")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ktrdr strategy validate examples/strategies/*.yaml\n  $ ktrdr strategy validate mine.yaml --json",
    )
    .action((files: string[]) => validate(getContext(), files));
}

async function validate(context: Context, files: readonly string[]): Promise<void> {
  const { issueText } = await import("../problem-text.ts");
  const reports: FileReport[] = [];
  for (const file of files) reports.push(await validateFile(file));
  const failed = reports.filter((report) => !report.valid);
  if (failed.length > 0) context.exitCode = EXIT.failed;
  for (const report of context.json ? [] : reports) {
    for (const issue of report.errors) context.note(`error: ${issueText({ file: report.file, ...issue })}`);
    for (const issue of report.warnings) context.note(`warning: ${issueText({ file: report.file, ...issue })}`);
  }
  context.answer({ valid: failed.length === 0, files: reports }, () =>
    reports
      .map((report) => (report.valid ? `${report.file}: ${report.name} is valid` : `${report.file}: not valid`))
      .join("\n"),
  );
}

async function validateFile(file: string): Promise<FileReport> {
  const { loadStrategy } = await import("../strategy-source.ts");
  try {
    const { strategy, warnings } = await loadStrategy(file);
    return { file, valid: true, name: strategy.name, errors: [], warnings };
  } catch (error) {
    const { Problem } = await import("../../protocol/problem.ts");
    if (!(error instanceof Problem) || error.kind === "internal") throw error;
    return { file, valid: false, name: null, errors: faultsOf(error), warnings: [] };
  }
}

/** A problem without issues is its own single fault; either way the cure is kept. */
function faultsOf(problem: Problem): ProblemIssue[] {
  if (problem.issues.length > 0) return [...problem.issues];
  return [{ message: problem.cure === undefined ? problem.message : `${problem.message} (${problem.cure})` }];
}
