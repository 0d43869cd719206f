/** `ktrdr models`: what training runs left, by name and version. */
import type { Command } from "commander";
import type { GetContext } from "../../terminal/context.ts";

export function registerModelCommands(program: Command, getContext: GetContext): void {
  const models = program.command("models").description("trained models, by name and version");
  models
    .command("list", { isDefault: true })
    .description("every version, the newest first")
    .argument("[name]", "only those of this name")
    .addHelpText("after", "\nExamples:\n  $ ktrdr models list\n  $ ktrdr models list trend --json")
    .action(async (name?: string) => (await import("./models.ts")).listModels(getContext(), name));
  models
    .command("show")
    .description("one model: its network, features, data, split and metrics")
    .argument("<name[@version]>")
    .addHelpText("after", "\nExamples:\n  $ ktrdr models show trend\n  $ ktrdr models show trend@2 --json")
    .action(async (name: string) => (await import("./models.ts")).showModel(getContext(), name));
  models
    .command("export")
    .description("write a model to a file: ktrdr's own safetensors, or ONNX for other tools")
    .argument("<name[@version]>")
    .option("-o, --output <file>", "where to (default: NAME-VERSION.safetensors or .onnx, here)")
    .option("--format <format>", "safetensors or onnx (default: by the file's ending)")
    .addHelpText("after", "\nExamples:\n  $ ktrdr models export trend\n  $ ktrdr models export trend@2 -o trend.onnx")
    .action(async (name: string, options: { output?: string; format?: string }) =>
      (await import("./models.ts")).exportModel(getContext(), name, options),
    );
  models
    .command("import")
    .description("take a file as the next version of a name: a ktrdr model, or an ONNX or safetensors network")
    .argument("<file>")
    .requiredOption("--name <name>", "the model's name")
    .option("--strategy <file>", "the v3 strategy that says what inputs and outputs mean; for networks from elsewhere")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ktrdr models import trend-2.safetensors --name trend\n  $ ktrdr models import net.onnx --strategy trend.yaml --name trend",
    )
    .action(async (file: string, options: { name: string; strategy?: string }) =>
      (await import("./models.ts")).importModel(getContext(), file, options),
    );
  models
    .command("delete")
    .description("remove one version, or with --all every version of a name")
    .argument("<name[@version]>")
    .option("--all", "every version of the name")
    .addHelpText("after", "\nExamples:\n  $ ktrdr models delete trend@1\n  $ ktrdr models delete trend --all")
    .action(async (name: string, options: { all?: boolean }) =>
      (await import("./models.ts")).deleteModel(getContext(), name, options.all === true),
    );
}
