/** Installs, inspects, drains and uninstalls a node of this machine under systemd. */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ResolvedSettings, resolveSettings } from "../../compute-node/agent/index.ts";
import { Problem } from "../../protocol/problem.ts";
import { WORKER_TYPES, type WorkerType } from "../../protocol/workers.ts";
import { mainProgram, type ServiceFile, type ServiceLimits, serviceFiles } from "./service-files.ts";
import { makeLink, type ServiceLink, throughLinks } from "./service-links.ts";
import {
  cachePath,
  codeLink,
  dropInFolder,
  SYSUSERS_PATH,
  settingsPath,
  statePath,
  UNIT_CODE,
  UNIT_TEMPLATE_PATH,
  UPDATE_UNIT_PATH,
  unitName,
} from "./unit-paths.ts";

const HEALTHY_WITHIN_MS = 30_000;
const POLL_MS = 200;
const PROBE_TIMEOUT_MS = 2000;

/** The places of a machine's files, and the way to call its programs. */
export interface Machine {
  /** Prefix of every path; empty for the machine itself. */
  readonly prefix: string;
  /** A folder that will become a machine, such as a container's: nothing runs there yet. */
  readonly isImage: boolean;
  readonly environment: NodeJS.ProcessEnv;
  /** Returns a file's permissions as `stat` does, instead of the file system's own. */
  readonly modeOf?: (path: string) => number;
}

export interface InstallRequest {
  /** Values of the command line, by the names of the node's settings. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly limits: ServiceLimits;
  readonly nodePath: string;
  readonly codePath: string;
  /** Links among these paths that have to be made. */
  readonly links?: readonly ServiceLink[];
}

export interface InstallPlan {
  readonly resolved: ResolvedSettings;
  readonly files: readonly ServiceFile[];
  readonly links: readonly ServiceLink[];
  /** Commands to run in order, after the files and links are made. */
  readonly commands: readonly (readonly string[])[];
  /** True when this machine has joined before and needs no enrolment token. */
  readonly isEnrolled: boolean;
}

/**
 * Plans an installation. Settings of an earlier installation stay unless a flag or the environment changes them. Throws `invalid-request` for settings, limits or paths that do not fit.
 */
export function planInstall(machine: Machine, request: InstallRequest): InstallPlan {
  checkWords(request);
  const type = request.flags.workerType === undefined ? "backtesting" : String(request.flags.workerType);
  const flags: Record<string, unknown> = { ...request.flags, workerType: type, home: `/var/lib/ktrdr/${type}` };
  const earlier = `${machine.prefix}/etc/ktrdr/${type}.yaml`;
  if (existsSync(earlier)) flags.config = earlier;
  const resolved = resolveSettings({ flags, environment: machine.environment });
  const { workerType, workerId } = resolved.settings;
  const image = machine.isImage ? [`--root=${machine.prefix}`] : [];
  const unit = unitName(workerType);
  return {
    resolved,
    files: serviceFiles({ ...request, resolved }),
    links: request.links ?? [],
    commands: [
      ["systemd-sysusers", ...image],
      ...(machine.isImage ? [] : [["systemctl", "daemon-reload"]]),
      ["systemctl", ...image, "enable", unit],
      ...(machine.isImage ? [] : [["systemctl", "restart", unit]]),
    ],
    isEnrolled: existsSync(`${machine.prefix}${statePath(workerType)}/nodes/${workerId}/credential.json`),
  };
}

function checkWords({ limits, nodePath, codePath, links = [] }: InstallRequest): void {
  const { memoryMax, cpuQuota } = limits;
  const faults = [
    ...(memoryMax === undefined || /^\d+([KMGT]|%)?$/.test(memoryMax)
      ? []
      : [["--memory-max", memoryMax, "8G or 75%"]]),
    ...(cpuQuota === undefined || /^\d+%$/.test(cpuQuota)
      ? []
      : [["--cpu-quota", cpuQuota, "400% for four processors"]]),
  ];
  for (const [flag, value, example] of faults) {
    throw new Problem("invalid-request", `${flag} ${value} is no limit`, { cure: `Write it as ${example}.` });
  }
  const paths = [nodePath, codePath, ...links.map(({ target }) => target)];
  const odd = paths.find((path) => path !== UNIT_CODE && !/^\/[A-Za-z0-9._/@+-]+$/.test(path));
  if (odd === undefined) return;
  throw new Problem("invalid-request", `A unit cannot name the path ${odd}`, {
    cure: "Put ktrdr in a folder whose path has letters, digits, '.', '_' and '-', such as /opt/ktrdr.",
  });
}

/** Writes the files and runs the commands; resolves when the node answers as connected (at once for an image). */
export async function install(machine: Machine, plan: InstallPlan, request: InstallRequest): Promise<void> {
  if (!machine.isImage) checkReadable(machine, plan, request);
  const type = plan.resolved.settings.workerType;
  // Remove a limit of an earlier installation that is no longer given.
  rmSync(`${machine.prefix}${dropInFolder(type)}`, { recursive: true, force: true });
  for (const file of plan.files) write(machine, file);
  for (const link of plan.links) makeLink(machine.prefix, link);
  for (const [program = "", ...words] of plan.commands) {
    run(machine, program, words);
    if (program === "systemd-sysusers") shareSettings(machine, type);
  }
  if (!machine.isImage) await becomesHealthy(plan);
}

/** Checks that the service's own user can read the code. A checkout in a private home would not start, without saying why. */
function checkReadable(
  { prefix, modeOf = (path) => statSync(path).mode }: Machine,
  { resolved, links }: InstallPlan,
  { nodePath, codePath }: InstallRequest,
): void {
  const code = codePath.replace("%i", resolved.settings.workerType);
  for (const named of [nodePath, join(code, mainProgram(codePath))]) {
    const linked = throughLinks(named, links);
    // A path that exists may be a link of an earlier installation.
    const file = linked === named && existsSync(`${prefix}${named}`) ? realpathSync(`${prefix}${named}`) : linked;
    for (let path = file; path !== "/"; path = dirname(path)) {
      const needed = path === file ? 0o004 : 0o001;
      if ((modeOf(path) & needed) !== 0) continue;
      throw new Problem("invalid-request", `The user ktrdr may not read ${file}: ${path} is closed to others`, {
        cure: "Put ktrdr where everyone may read it, such as /opt/ktrdr, and run ktrdr from there.",
      });
    }
  }
}

function write({ prefix }: Machine, { path, text, isPrivate }: ServiceFile): void {
  const target = `${prefix}${path}`;
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  writeFileSync(`${target}.new`, text, { mode: isPrivate ? 0o600 : 0o644 });
  chmodSync(`${target}.new`, isPrivate ? 0o600 : 0o644);
  renameSync(`${target}.new`, target);
}

/** Lets the service's group read the settings, now that the group exists. */
function shareSettings({ prefix }: Machine, type: WorkerType): void {
  const group = groupId(`${prefix}/etc/group`);
  const target = `${prefix}${settingsPath(type)}`;
  if (group !== null && process.getuid?.() === 0) chownSync(target, 0, group);
  else if (prefix === "") {
    throw new Problem("internal", `The group ktrdr is missing, so the service could not read ${target}`, {
      cure: "Run systemd-sysusers as root and look at what it says.",
    });
  }
  chmodSync(target, 0o640);
}

function groupId(file: string): number | null {
  const line = existsSync(file) ? /^ktrdr:[^:]*:(\d+):/m.exec(readFileSync(file, "utf8")) : null;
  return line === null ? null : Number(line[1]);
}

function run({ environment }: Machine, program: string, words: readonly string[]): string {
  const { error, status, stdout, stderr } = spawnSync(program, [...words], { env: environment, encoding: "utf8" });
  if (error === undefined && status === 0) return stdout;
  const said = error === undefined ? stderr.trim() || `it ended with ${status}` : error.message;
  throw new Problem("unavailable", `${[program, ...words].join(" ")} failed: ${said}`, {
    cure: "A node under systemd needs systemd and root; elsewhere, run: ktrdr node start",
  });
}

async function becomesHealthy({ resolved }: InstallPlan): Promise<void> {
  const { healthPort, workerType } = resolved.settings;
  if (healthPort === null) return;
  const deadline = performance.now() + HEALTHY_WITHIN_MS;
  while (performance.now() < deadline) {
    if ((await probe(healthPort))?.connected === true) return;
    await sleep(POLL_MS);
  }
  throw new Problem(
    "unavailable",
    `${unitName(workerType)} runs, but is not connected after ${HEALTHY_WITHIN_MS / 1000} s`,
    {
      cure: `Its log says why: journalctl -u ${unitName(workerType)} -n 50`,
    },
  );
}

interface Health {
  readonly connected: boolean;
  readonly worker_id: string;
  readonly worker_status: string;
  readonly slots: number;
  readonly slots_used: number;
  readonly version: string;
}

async function probe(port: number): Promise<Health | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return (await response.json()) as Health;
  } catch {
    return null; // Nothing listens, or not a node: the caller shows or waits.
  }
}

/** The types whose settings are on this machine. */
export function installedTypes(machine: Machine): WorkerType[] {
  return WORKER_TYPES.filter((type) => existsSync(settingsFile(machine, type)));
}

/** `KTRDR_ETC` overrides the folder, as for update-code.sh. */
function settingsFile({ prefix, environment }: Machine, type: WorkerType): string {
  const folder = environment.KTRDR_ETC;
  return folder ? join(folder, `${type}.yaml`) : `${prefix}${settingsPath(type)}`;
}

export interface ServiceStatus {
  readonly workerType: WorkerType;
  readonly workerId: string;
  readonly url: string;
  /** The state by systemd: `active`, `inactive`, `failed`, `activating`. */
  readonly state: string;
  readonly restarts: number;
  /** Null when the node does not answer. */
  readonly health: Health | null;
}

export async function serviceStatus(machine: Machine, type: WorkerType): Promise<ServiceStatus> {
  const properties = ["ActiveState", "NRestarts"].map((name) => `--property=${name}`);
  const shown = run(machine, "systemctl", ["show", unitName(type), ...properties]);
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(shown)?.[1] ?? "";
  const { settings } = installedSettings(machine, type);
  return {
    workerType: type,
    workerId: settings.workerId,
    url: settings.url,
    state: value("ActiveState") || "unknown",
    restarts: Number(value("NRestarts")) || 0,
    health: settings.healthPort === null ? null : await probe(settings.healthPort),
  };
}

export function installedSettings(machine: Machine, type: WorkerType): ResolvedSettings {
  const file = settingsFile(machine, type);
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new Problem("forbidden", `${file} cannot be read: ${(error as Error).message}`, {
      cure: "It may hold a token, so only root and the group ktrdr read it. Use sudo.",
      cause: error,
    });
  }
  return resolveSettings({ flags: { config: file }, environment: {} });
}

/** Asks the node to finish its jobs, take no new ones, and leave. It stays down until it is started again. */
export function drainService(machine: Machine, type: WorkerType): void {
  signal(machine, type, "SIGUSR2");
}

/** Undoes the drain, while the node is still there. */
export function undrainService(machine: Machine, type: WorkerType): void {
  signal(machine, type, "SIGCONT");
}

function signal(machine: Machine, type: WorkerType, name: string): void {
  run(machine, "systemctl", ["kill", "--kill-who=main", `--signal=${name}`, unitName(type)]);
}

/**
 * Stops and removes one type, and with the last one the unit itself. Market data and the node's credential stay unless
 * `purge`. Answers the paths that were removed.
 */
export function uninstall(machine: Machine, type: WorkerType, purge: boolean): string[] {
  const unit = unitName(type);
  run(
    machine,
    "systemctl",
    machine.isImage ? [`--root=${machine.prefix}`, "disable", unit] : ["disable", "--now", unit],
  );
  const isLast = installedTypes(machine).every((installed) => installed === type);
  const paths = [
    settingsPath(type),
    dropInFolder(type),
    ...(isLast ? [UNIT_TEMPLATE_PATH, UPDATE_UNIT_PATH] : []),
    // The user stays with its files, and with a control plane that runs as it.
    ...(isLast && purge && !existsSync(`${machine.prefix}/etc/systemd/system/ktrdr-control-plane.service`)
      ? [SYSUSERS_PATH]
      : []),
    ...(purge ? [statePath(type), cachePath(type), codeLink(type), `${codeLink(type)}.previous`] : []),
  ];
  const removed = paths.filter(
    (path) => lstatSync(`${machine.prefix}${path}`, { throwIfNoEntry: false }) !== undefined,
  );
  for (const path of removed) rmSync(`${machine.prefix}${path}`, { recursive: true });
  if (!machine.isImage) run(machine, "systemctl", ["daemon-reload"]);
  return removed;
}
