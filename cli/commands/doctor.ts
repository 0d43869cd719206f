/** `ktrdr doctor`: why this machine does not serve, or does not reach its control plane. */
import type { Command } from "commander";
import { type Context, EXIT, type GetContext } from "../context.ts";
import type { Finding } from "../doctor.ts";

export function registerDoctorCommand(program: Command, getContext: GetContext): void {
  program
    .command("doctor")
    .description("look for the usual troubles of this machine, and say what to do; exit code 1 when one is found")
    .option("--gpu", "look for a GPU, also where the node is of another type")
    .addHelpText("after", "\nExamples:\n  $ ktrdr doctor\n  $ ktrdr doctor --gpu --json")
    .action((options: { gpu?: boolean }) => doctor(getContext(), options.gpu === true));
}

async function doctor(context: Context, asGpuHost: boolean): Promise<void> {
  const { examine } = await import("../doctor.ts");
  const findings = await examine(context, asGpuHost);
  const failed = findings.filter((finding) => finding.status === "failed").length;
  const warnings = findings.filter((finding) => finding.status === "warning").length;
  if (failed > 0) context.exitCode = EXIT.failed;
  context.answer({ healthy: failed === 0, failed, warnings, findings }, () =>
    [...findings.flatMap(findingLines), "", summary(failed, warnings)].join("\n"),
  );
}

const MARKS: Readonly<Record<Finding["status"], string>> = {
  ok: "ok     ",
  warning: "WARNING",
  failed: "FAILED ",
  skipped: "-      ",
};

function findingLines({ check, status, detail, cure }: Finding): string[] {
  const line = `${MARKS[status]}  ${check.padEnd(13)}  ${detail}`;
  return cure === undefined ? [line] : [line, `${" ".repeat(24)}cure: ${cure}`];
}

function summary(failed: number, warnings: number): string {
  if (failed === 0 && warnings === 0) return "Nothing is wrong.";
  return `${failed} failed, ${warnings} warning(s).`;
}
