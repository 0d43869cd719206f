/** `ktrdr doctor`: finds out why this machine does not serve, or does not reach its control plane. */
import type { Finding } from "../../machine/doctor-judgements.ts";
import { type Context, EXIT } from "../../terminal/context.ts";
import { defineCommand } from "../declare.ts";

interface DoctorOptions {
  gpu?: boolean;
  updates?: boolean;
}

export const doctorCommand = defineCommand<[], DoctorOptions>({
  name: "doctor",
  description: "look for the usual troubles of this machine, and say what to do; exit code 1 when one is found",
  options: [
    { flags: "--gpu", description: "look for a GPU, also when the node has another type" },
    { flags: "--updates", description: "look for newer releases of the nodes that are installed here" },
  ],
  examples: ["ktrdr doctor", "sudo ktrdr doctor --updates", "ktrdr doctor --gpu --json"],
  handle: (context, _, options) => doctor(context, options),
});

async function doctor(context: Context, options: DoctorOptions): Promise<void> {
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
