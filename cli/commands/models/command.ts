/** `ktrdr models`: the models that training runs made, by name and version. */
import { type DeclaredGroup, defineCommand } from "../declare.ts";

const NAME = { name: "<name[@version]>" };

export const modelCommands: DeclaredGroup = {
  name: "models",
  description: "trained models, by name and version",
  commands: [
    defineCommand<[name?: string], object>({
      name: "list",
      isDefault: true,
      description: "every version, the newest first",
      arguments: [{ name: "[name]", description: "only those of this name" }],
      examples: ["ktrdr models list", "ktrdr models list trend --json"],
      handle: async (context, [name]) => (await import("./models.ts")).listModels(context, name),
    }),
    defineCommand<[name: string], object>({
      name: "show",
      description: "one model: its network, features, data, split and metrics",
      arguments: [NAME],
      examples: ["ktrdr models show trend", "ktrdr models show trend@2 --json"],
      handle: async (context, [name]) => (await import("./models.ts")).showModel(context, name),
    }),
    defineCommand<[name: string], { output?: string; format?: string }>({
      name: "export",
      description: "write a model to a file: ktrdr's own safetensors, or ONNX for other tools",
      arguments: [NAME],
      options: [
        {
          flags: "-o, --output <file>",
          description: "the file to write (default: NAME-VERSION.safetensors or .onnx, here)",
        },
        { flags: "--format <format>", description: "safetensors or onnx (default: by the file's ending)" },
      ],
      examples: ["ktrdr models export trend", "ktrdr models export trend@2 -o trend.onnx"],
      handle: async (context, [name], options) => (await import("./models.ts")).exportModel(context, name, options),
    }),
    defineCommand<[file: string], { name: string; strategy?: string }>({
      name: "import",
      description: "take a file as the next version of a name: a ktrdr model, or an ONNX or safetensors network",
      arguments: [{ name: "<file>" }],
      options: [
        { flags: "--name <name>", description: "the model's name", isRequired: true },
        {
          flags: "--strategy <file>",
          description: "the v3 strategy that says what inputs and outputs mean; for networks from elsewhere",
        },
      ],
      examples: [
        "ktrdr models import trend-2.safetensors --name trend",
        "ktrdr models import net.onnx --strategy trend.yaml --name trend",
      ],
      handle: async (context, [file], options) => (await import("./models.ts")).importModel(context, file, options),
    }),
    defineCommand<[name: string], { all?: boolean }>({
      name: "delete",
      description: "remove one version, or with --all every version of a name",
      arguments: [NAME],
      options: [{ flags: "--all", description: "every version of the name" }],
      examples: ["ktrdr models delete trend@1", "ktrdr models delete trend --all"],
      handle: async (context, [name], { all }) =>
        (await import("./models.ts")).deleteModel(context, name, all === true),
    }),
  ],
};
