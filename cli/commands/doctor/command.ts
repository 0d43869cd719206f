/** `ktrdr doctor`: why this machine does not serve, or does not reach its control plane. */
import type { Command } from "commander";
import type { Finding } from "../../machine/doctor-judgements.ts";
import { type Context, EXIT, type GetContext } from "../../terminal/context.ts";

export function registerDoctorCommand(program: Command, getContext: GetContext): void {
  program
    .command("doctor")
    .description("look for the usual troubles of this machine, and say what to do; exit code 1 when one is found")
    .option("--gpu", "look for a GPU, also where the node is of another type")
    .option("--updates", "ask whether there are newer releases for the nodes that are installed here")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ktrdr doctor\n  $ sudo ktrdr doctor --updates\n  $ ktrdr doctor --gpu --json",
    )
    .action((options: { gpu?: boolean; updates?: boolean }) => doctor(getContext(), options));
}

async function doctor(context: Context, options: { gpu?: boolean; updates?: boolean }): Promise<void> {
  const { examine } = await import("../../machine/doctor.ts");
  const findings = await examine(context, {
    asGpuHost: options.gpu === true,
    withUpdates: options.updates === true,
  });
  const failed = findings.filter((finding) => finding.status === "failed").length;
  const warnings = findings.filter((finding) => finding.status === "warning").length;
  const width = Math.max(...findings.map(({ check }) => check.length));
  if (failed > 0) context.exitCode = EXIT.failed;
  context.answer({ healthy: failed === 0, failed, warnings, findings }, () =>
    [...findings.flatMap((finding) => findingLines(finding, width)), "", summary(failed, warnings)].join("\n"),
  );
}

const MARKS: Readonly<Record<Finding["status"], string>> = {
  ok: "ok     ",
  warning: "WARNING",
  failed: "FAILED ",
  skipped: "-      ",
};

function findingLines({ check, status, detail, cure }: Finding, width: number): string[] {
  const line = `${MARKS[status]}  ${check.padEnd(width)}  ${detail}`;
  return cure === undefined ? [line] : [line, `${" ".repeat(width + 11)}cure: ${cure}`];
}

function summary(failed: number, warnings: number): string {
  if (failed === 0 && warnings === 0) return "Nothing is wrong.";
  return `${failed} failed, ${warnings} warning(s).`;
}
