/** `ktrdr config`: shows how ktrdr understands the fleet that the operator describes. */
import type { ResolvedFleet } from "../../machine/fleet-config-file.ts";
import type { Context } from "../../terminal/context.ts";
import { collectTexts } from "../../terminal/option-values.ts";
import { type DeclaredGroup, defineCommand } from "../declare.ts";

interface ConfigOptions {
  file?: string;
  set: string[];
}

const OVERRIDES = `Each field can be set by an environment variable too: health_check.interval_seconds by
KTRDR_HEALTH_CHECK_INTERVAL_SECONDS. Flags come before the environment, the environment before the file.`;

const SHARED = {
  options: [
    {
      flags: "--file <file>",
      description: "a file instead of the one that KTRDR_ENV picks (dev by default)",
    },
    {
      flags: "--set <path=value>",
      description: "a field, before the environment and the file; repeatable",
      parse: collectTexts,
      default: [],
    },
  ],
  notes: OVERRIDES,
};

export const configCommands: DeclaredGroup = {
  name: "config",
  description: "the fleet's configuration: deploy/config/workers.<KTRDR_ENV>.yaml",
  commands: [
    defineCommand<[], ConfigOptions>({
      ...SHARED,
      name: "show",
      description: "every field, its value, and where the value came from",
      examples: [
        "ktrdr config show",
        "ktrdr config show --file deploy/config/workers.prod.yaml --set workers.backtesting.count=4",
      ],
      handle: (context, _, options) => show(context, options),
    }),
    defineCommand<[], ConfigOptions>({
      ...SHARED,
      name: "plan",
      description:
        "the containers of a fleet on Proxmox, one a line: what provision-fleet.sh and deploy-to-workers.sh read",
      examples: ["ktrdr config plan --file deploy/config/workers.prod.yaml > workers.prod.txt"],
      handle: (context, _, options) => plan(context, options),
    }),
    defineCommand<[], ConfigOptions>({
      ...SHARED,
      name: "registry",
      description: "the control plane's numbers as JSON, for its KTRDR_REGISTRY_CONFIG",
      examples: ["ktrdr config registry --set health_check.interval_seconds=5"],
      handle: (context, _, options) => registry(context, options),
    }),
  ],
};

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
