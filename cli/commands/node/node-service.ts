/** `ktrdr node install`, `status`, `drain` and `uninstall`: this machine as a node under systemd. */
import { extname, join, resolve } from "node:path";
import type { WorkerType } from "../../../protocol/workers.ts";
import type { InstallPlan, InstallRequest, Machine, ServiceStatus } from "../../machine/node-service.ts";
import { UNIT_CODE, UNIT_NODE } from "../../machine/unit-paths.ts";
import type { Context } from "../../terminal/context.ts";
import { collectTexts } from "../../terminal/option-values.ts";
import { defineCommand } from "../declare.ts";

const TYPES = ["backtesting", "cpu_training", "gpu_host"];
const ONE_TYPE = {
  flags: "--type <type>",
  description: "this one alone, where several are installed",
  choices: TYPES,
};

interface InstallOptions {
  type: WorkerType;
  workerId?: string;
  slots?: string;
  labels?: string;
  memoryMax?: string;
  cpuQuota?: string;
  allowScripts?: boolean;
  program?: string[];
  updateSource?: string;
  dryRun?: boolean;
  root?: string;
}

interface ServiceOptions {
  type?: WorkerType;
  root?: string;
  off?: boolean;
  purge?: boolean;
}

export const installCommand = defineCommand<[], InstallOptions>({
  name: "install",
  description: "make this machine a node that systemd keeps running; --url and --token name its fleet",
  options: [
    { flags: "--type <type>", description: "its type", choices: TYPES, default: "backtesting" },
    { flags: "--worker-id <id>", description: "its name (default: the host's)" },
    { flags: "--slots <count>", description: "jobs at once" },
    { flags: "--labels <list>", description: "labels to be selected by, such as rack=3" },
    { flags: "--allow-scripts", description: "run strategies in TypeScript, which is code that others wrote" },
    {
      flags: "--program <name=path>",
      formerFlags: "--command <name=path>",
      description: "a program that people may run here by its name; repeat for more",
      parse: collectTexts,
    },
    { flags: "--memory-max <size>", description: "the most memory, such as 8G or 75% (default: 90%)" },
    {
      flags: "--cpu-quota <percent>",
      description: "the most processor time, such as 400% for four (default: all, after everything else)",
    },
    {
      flags: "--update-source <where>",
      description: "folder or https URL of releases for updates (default: the npm registry)",
    },
    { flags: "--dry-run", description: "print the files and commands, and do nothing" },
    { flags: "--root <folder>", description: "install into a tree that will be a machine, and start nothing" },
  ],
  notes:
    "The token is an enrolment token (ktrdr enrol prints one); in ENROLMENT_TOKEN it stays out of the list of processes.",
  examples: [
    "ktrdr node install --url https://ktrdr.example --token <enrolment token>",
    "ktrdr node install --url https://ktrdr.example --type cpu_training --memory-max 24G --dry-run",
  ],
  handle: (context, _, options) => installNode(context, options),
});

export const statusCommand = defineCommand<[], ServiceOptions>({
  name: "status",
  description: "the nodes that systemd keeps on this machine, with their states",
  options: [ONE_TYPE],
  examples: ["ktrdr node status --type backtesting"],
  handle: (context, _, options) => showStatus(context, options),
});

export const drainCommand = defineCommand<[], ServiceOptions>({
  name: "drain",
  description: "let a node finish its jobs, and leave",
  options: [ONE_TYPE, { flags: "--off", description: "undo the drain, while the node is still there" }],
  examples: ["ktrdr node drain --type backtesting"],
  handle: (context, _, options) => drain(context, options),
});

export const uninstallCommand = defineCommand<[], ServiceOptions>({
  name: "uninstall",
  description: "stop a node and remove its service",
  options: [
    ONE_TYPE,
    { flags: "--purge", description: "remove its market data and its credential too" },
    { flags: "--root <folder>", description: "from a tree that will be a machine" },
  ],
  examples: ["ktrdr node uninstall --type backtesting"],
  handle: (context, _, options) => uninstallNode(context, options),
});

function machineOf(context: Context, root: string | undefined): Machine {
  return {
    prefix: root === undefined ? "" : resolve(root),
    isImage: root !== undefined,
    environment: context.environment,
  };
}

async function installNode(context: Context, options: InstallOptions): Promise<void> {
  const { install, planInstall } = await import("../../machine/node-service.ts");
  const machine = machineOf(context, options.root);
  const request = {
    flags: settingFlags(context, options),
    limits: { memoryMax: options.memoryMax, cpuQuota: options.cpuQuota },
    ...(await programPaths(machine, options.type)),
  };
  let plan = planInstall(machine, request);
  if (options.dryRun === true) {
    answerPlan(context, machine, plan);
    return;
  }
  if (plan.resolved.settings.token === null && !plan.isEnrolled) {
    request.flags = { ...request.flags, token: await makeToken(context, plan) };
    plan = planInstall(machine, request);
  }
  await requireRoot(machine);
  await install(machine, plan, request);
  const { workerId, workerType, url } = plan.resolved.settings;
  const document = { worker_id: workerId, worker_type: workerType, url, files: plan.files.map(({ path }) => path) };
  context.answer(document, () =>
    machine.isImage
      ? `${workerId} (${workerType}) is installed in ${machine.prefix}; it joins ${url} when that machine starts.`
      : `${workerId} (${workerType}) runs under systemd and is connected to ${url}.`,
  );
}

/**
 * The Node and the code that the service runs. For a package these are links, which an update switches; a tree that will
 * become a machine must have them. For a checkout it is the checkout's own path.
 */
async function programPaths(
  { isImage, prefix }: Machine,
  type: WorkerType,
): Promise<Pick<InstallRequest, "nodePath" | "codePath" | "links">> {
  if (isImage) return { nodePath: UNIT_NODE, codePath: UNIT_CODE };
  const packagePath = join(import.meta.dirname, "..", "..", "..");
  const nodePath = process.execPath;
  const isPackage = extname(import.meta.filename) === ".js";
  if (!isPackage) return { nodePath, codePath: packagePath };
  const { missingLinks } = await import("../../machine/service-links.ts");
  return {
    ...{ nodePath: UNIT_NODE, codePath: UNIT_CODE },
    links: missingLinks(prefix, type, { nodePath, packagePath }),
  };
}

function settingFlags(context: Context, options: InstallOptions): Record<string, unknown> {
  const { workerId, slots, labels, allowScripts, program: programs, updateSource, type } = options;
  const { url, token } = context.options;
  const flags: Record<string, unknown> = {
    url,
    token,
    workerId,
    workerType: type,
    slots,
    labels,
    allowScripts,
    programs,
    updateSource,
  };
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

/** On a machine that may enrol nodes, nobody has to paste a token. */
async function makeToken(context: Context, { resolved }: InstallPlan): Promise<string> {
  const { url, workerId } = resolved.settings;
  const [{ findConnection }, { createClient }, { Problem }] = await Promise.all([
    import("../../../client/credentials.ts"),
    import("../../../client/client.ts"),
    import("../../../protocol/problem.ts"),
  ]);
  try {
    const connection = findConnection({ url }, context.environment, context.home);
    return (await createClient(connection).createEnrolment({ name: `node ${workerId}`, maxUses: 1 })).token;
  } catch (error) {
    throw new Problem("unauthenticated", `${workerId} has no enrolment token for ${url}`, {
      cure: "Make one with `ktrdr enrol` where you are admin, and pass it with --token or ENROLMENT_TOKEN.",
      cause: error,
    });
  }
}

async function requireRoot({ isImage }: Machine): Promise<void> {
  if (isImage || process.getuid?.() === 0) return;
  const { Problem } = await import("../../../protocol/problem.ts");
  throw new Problem("forbidden", "A service is installed by root", {
    cure: "Use sudo, look at what it would do with --dry-run, or run a node as yourself with: ktrdr node start",
  });
}

function answerPlan(context: Context, { prefix }: Machine, plan: InstallPlan): void {
  const { token } = plan.resolved.settings;
  const hidden = (text: string): string =>
    token === null ? text : text.replace(`token: ${token}`, "token: <the enrolment token>");
  const files = plan.files.map(({ path, text, isPrivate }) => ({
    path: `${prefix}${path}`,
    mode: isPrivate ? "0640" : "0644",
    text: isPrivate ? hidden(text) : text,
  }));
  const links = plan.links.map(({ path, target }) => ({ path: `${prefix}${path}`, target }));
  const commands = plan.commands.map((words) => words.join(" "));
  const needsToken = token === null && !plan.isEnrolled;
  context.answer({ files, links, commands, needs_token: needsToken }, () =>
    [
      ...files.map(({ path, mode, text }) => `would write ${path} (${mode}):\n${text.replace(/^(?=.)/gm, "  ")}`),
      ...links.map(({ path, target }) => `would link ${path} to ${target}`),
      ...commands.map((command) => `would run ${command}`),
      ...(needsToken ? ["would need an enrolment token: pass --token, or ENROLMENT_TOKEN"] : []),
    ].join("\n"),
  );
}

async function chosenTypes(machine: Machine, type: WorkerType | undefined): Promise<WorkerType[]> {
  const [{ installedTypes }, { Problem }] = await Promise.all([
    import("../../machine/node-service.ts"),
    import("../../../protocol/problem.ts"),
  ]);
  const installed = installedTypes(machine);
  if (type === undefined && installed.length > 0) return installed;
  if (type !== undefined && installed.includes(type)) return [type];
  throw new Problem(
    "not-found",
    `No node ${type === undefined ? "" : `of type ${type} `}is installed on this machine`,
    {
      cure:
        installed.length > 0
          ? `Here are: ${installed.join(", ")}.`
          : "Install one with: ktrdr node install --url <url> --token <token>",
    },
  );
}

async function oneType(machine: Machine, type: WorkerType | undefined): Promise<WorkerType> {
  const types = await chosenTypes(machine, type);
  const [first, ...others] = types;
  if (first !== undefined && others.length === 0) return first;
  const { Problem } = await import("../../../protocol/problem.ts");
  throw new Problem("invalid-request", `Several nodes are installed: ${types.join(", ")}`, {
    cure: `Say which, such as --type ${first}.`,
  });
}

async function showStatus(context: Context, { type }: ServiceOptions): Promise<void> {
  const machine = machineOf(context, undefined);
  const types = await chosenTypes(machine, type);
  const [{ serviceStatus }, { tableText }] = await Promise.all([
    import("../../machine/node-service.ts"),
    import("../../terminal/table.ts"),
  ]);
  const statuses = await Promise.all(types.map((each) => serviceStatus(machine, each)));
  const isWell = ({ state, health }: ServiceStatus): boolean => state === "active" && health?.connected !== false;
  if (!statuses.every(isWell)) context.exitCode = 1;
  const rows = statuses.map(({ workerType, workerId, url, state, restarts, health }) => ({
    ...{ worker_id: workerId, worker_type: workerType, url, state, restarts, health },
  }));
  context.answer(rows, () =>
    tableText<ServiceStatus>(
      [
        { heading: "NODE", text: ({ workerId }) => workerId },
        { heading: "TYPE", text: ({ workerType }) => workerType },
        { heading: "SERVICE", text: ({ state }) => state },
        {
          heading: "CONNECTED",
          text: ({ health }) => (health === null ? "no answer" : health.connected ? "yes" : "no"),
        },
        { heading: "STATUS", text: ({ health }) => health?.worker_status ?? "-" },
        {
          heading: "SLOTS",
          align: "right",
          text: ({ health }) => (health ? `${health.slots_used}/${health.slots}` : "-"),
        },
        { heading: "RESTARTS", align: "right", text: ({ restarts }) => String(restarts) },
        { heading: "VERSION", text: ({ health }) => health?.version ?? "-" },
        { heading: "CONTROL PLANE", text: ({ url }) => url },
      ],
      statuses,
    ),
  );
}

async function drain(context: Context, options: ServiceOptions): Promise<void> {
  const machine = machineOf(context, undefined);
  const type = await oneType(machine, options.type);
  const { drainService, undrainService } = await import("../../machine/node-service.ts");
  if (options.off === true) {
    undrainService(machine, type);
    context.answer({ worker_type: type, draining: false }, () => `The ${type} node takes work again.`);
    return;
  }
  drainService(machine, type);
  context.answer(
    { worker_type: type, draining: true },
    () => `The ${type} node finishes what it runs, then leaves. To have it back: systemctl start ktrdr-worker@${type}`,
  );
}

async function uninstallNode(context: Context, options: ServiceOptions): Promise<void> {
  const machine = machineOf(context, options.root);
  const type = await oneType(machine, options.type);
  await requireRoot(machine);
  const { installedSettings, uninstall } = await import("../../machine/node-service.ts");
  const { workerId } = installedSettings(machine, type).settings;
  const removed = uninstall(machine, type, options.purge === true);
  context.answer({ worker_id: workerId, worker_type: type, removed }, () =>
    [
      ...removed.map((path) => `removed ${path}`),
      `The registry forgets it with: ktrdr workers remove ${workerId}`,
    ].join("\n"),
  );
}
