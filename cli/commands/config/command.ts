/** `ktrdr config`: the fleet that the operator describes, as it is understood. */
import type { Command } from "commander";
import type { ResolvedFleet } from "../../machine/fleet-config-file.ts";
import type { Context, GetContext } from "../../terminal/context.ts";

interface ConfigOptions {
  file?: string;
  set: string[];
}

export function registerConfigCommands(program: Command, getContext: GetContext): void {
  const config = program
    .command("config")
    .description("the fleet's configuration: deploy/config/workers.<KTRDR_ENV>.yaml");
  const add = (name: string, description: string, examples: string, act: typeof show): void => {
    config
      .command(name)
      .description(description)
      .option("--file <file>", "a file in the place of the one that KTRDR_ENV picks (dev by default)")
      .option("--set <path=value>", "a field, before the environment and the file; repeatable", collect, [])
      .addHelpText("after", `${OVERRIDES}\n\nExamples:\n${examples}`)
      .action((options: ConfigOptions) => act(getContext(), options));
  };
  add(
    "show",
    "every field, its value, and where the value came from",
    "  $ ktrdr config show\n  $ ktrdr config show --file deploy/config/workers.prod.yaml --set workers.backtesting.count=4",
    show,
  );
  add(
    "plan",
    "the containers of a fleet on Proxmox, one a line: what provision-fleet.sh and deploy-to-workers.sh read",
    "  $ ktrdr config plan --file deploy/config/workers.prod.yaml > workers.prod.txt",
    plan,
  );
  add(
    "registry",
    "the control plane's numbers as JSON, for its KTRDR_REGISTRY_CONFIG",
    "  $ ktrdr config registry --set health_check.interval_seconds=5",
    registry,
  );
}

const OVERRIDES = `
Each field can be set by an environment variable too: health_check.interval_seconds by
KTRDR_HEALTH_CHECK_INTERVAL_SECONDS. Flags come before the environment, the environment before the file.`;

function collect(text: string, before: string[]): string[] {
  return [...before, text];
}

async function resolved(context: Context, { file, set }: ConfigOptions): Promise<ResolvedFleet> {
  const { resolveFleetConfig } = await import("../../machine/fleet-config-file.ts");
  return resolveFleetConfig({ file, assignments: set, environment: context.environment });
}

async function show(context: Context, options: ConfigOptions): Promise<void> {
  const { file, fields, config } = await resolved(context, options);
  const [{ tableText }, { fleetConfigJson }] = await Promise.all([
    import("../../terminal/table.ts"),
    import("../../machine/fleet-config.ts"),
  ]);
  const sources = Object.fromEntries(fields.map(({ path, source }) => [path, source]));
  context.answer({ file, config: fleetConfigJson(config), sources }, () =>
    tableText<(typeof fields)[number]>(
      [
        { heading: "FIELD", text: ({ path }) => path },
        { heading: "VALUE", text: ({ value }) => String(value) },
        { heading: "FROM", text: ({ source }) => source },
      ],
      fields,
    ),
  );
}

async function plan(context: Context, options: ConfigOptions): Promise<void> {
  const { config } = await resolved(context, options);
  const { planFleet } = await import("../../machine/fleet-config.ts");
  const { deployment, backendUrl, workers } = planFleet(config);
  const { templateId, storage, bridge, network } = deployment;
  const rows = workers.map((worker) => ({
    worker_id: worker.workerId,
    ip: worker.ip,
    worker_type: worker.workerType,
    cores: worker.cores,
    memory_mb: worker.memoryMb,
    template_id: templateId,
    storage,
    bridge,
    subnet: network.subnet,
    gateway: network.gateway,
    backend_url: backendUrl,
  }));
  context.answer(rows, () =>
    [
      "# worker_id,ip,worker_type,cores,memory_mb,template_id,storage,bridge,subnet,gateway,backend_url",
      ...rows.map((row) => Object.values(row).join(",")),
    ].join("\n"),
  );
}

async function registry(context: Context, options: ConfigOptions): Promise<void> {
  const { config } = await resolved(context, options);
  const { registryNumbers } = await import("../../machine/fleet-config.ts");
  const numbers = registryNumbers(config);
  context.answer(numbers, () => JSON.stringify(numbers));
}
