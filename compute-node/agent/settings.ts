/** A node's settings: flags before environment before file before defaults, each checked, each with where it came from. */
import { readFileSync } from "node:fs";
import { availableParallelism, homedir, hostname, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import {
  LIMITS,
  OPERATION_KINDS,
  OPERATIONS,
  Problem,
  type ProblemIssue,
  type WorkerType,
  workerId,
  workerType,
} from "../../protocol/index.ts";
import { programsSchema } from "../command/index.ts";
import { suggestion } from "../strategy/closest-name.ts";

const KINDS = OPERATION_KINDS.filter((kind) => OPERATIONS[kind].isAllowedByName);
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const MEGABYTE = 1024 * 1024;
/** As many as one run has seeds at most. */
const MOST_TRAINING_THREADS = 256;

/** The port of a node's own health endpoint, by worker type. */
export const HEALTH_PORTS: Readonly<Record<WorkerType, number>> = {
  backtesting: 5003,
  cpu_training: 5004,
  gpu_host: 5002,
};

const url = z
  .url({ protocol: /^https?$/, error: "an http:// or https:// URL, such as http://127.0.0.1:8787" })
  .transform((text) => text.replace(/\/+$/, ""));
const healthPort = z.union([z.literal(false), wholeNumber(0, 65_535)], {
  error: "a port from 0 to 65535, or false for none",
});

export interface Setting {
  readonly schema: z.ZodType;
  /** The command line flag, as commander writes it. */
  readonly flag: string;
  readonly environment: string;
  /** The key in the file. */
  readonly key: string;
  readonly description: string;
  /** The flag may be given several times. */
  readonly isRepeatable?: true;
}

/** Every setting of a node, in the order in which help lists them. */
export const SETTINGS = {
  url: {
    schema: url,
    flag: "--url <url>",
    environment: "BACKEND_URL",
    key: "url",
    description: "the control plane",
  },
  token: {
    schema: z.string().min(1),
    flag: "--token <token>",
    environment: "ENROLMENT_TOKEN",
    key: "token",
    description: "enrolment token; needed once",
  },
  workerId: {
    schema: workerId,
    flag: "--worker-id <id>",
    environment: "WORKER_ID",
    key: "worker_id",
    description: "this node's name (default: the host's)",
  },
  workerType: {
    schema: workerType,
    flag: "--type <type>",
    environment: "WORKER_TYPE",
    key: "worker_type",
    description: "backtesting, cpu_training or gpu_host",
  },
  slots: {
    schema: wholeNumber(1, LIMITS.workerSlots),
    flag: "--slots <count>",
    environment: "WORKER_SLOTS",
    key: "slots",
    description: "jobs at once (default: one a processor; one on a node for training)",
  },
  kinds: {
    schema: listOf(z.enum(KINDS)),
    flag: "--kinds <list>",
    environment: "WORKER_KINDS",
    key: "kinds",
    description: `kinds of operation to allow, with commas (default: ${KINDS.join(",")})`,
  },
  allowScripts: {
    schema: yesOrNo(),
    flag: "--allow-scripts",
    environment: "KTRDR_ALLOW_SCRIPTS",
    key: "allow_scripts",
    description: "run strategies in TypeScript, which is code that others wrote (default: no)",
  },
  commands: {
    schema: programsSchema(),
    flag: "--command <name=path>",
    environment: "KTRDR_COMMANDS",
    key: "commands",
    description: "a program that people may run here by its name, with `ktrdr run`; repeat for more",
    isRepeatable: true,
  },
  commandTimeLimitMs: {
    schema: wholeNumber(1),
    flag: "--command-time-limit-ms <ms>",
    environment: "KTRDR_COMMAND_TIME_LIMIT_MS",
    key: "command_time_limit_ms",
    description: "how long one run of such a program may take (default: a day)",
  },
  allowSoftwareGpu: {
    schema: yesOrNo(),
    flag: "--allow-software-gpu",
    environment: "KTRDR_ALLOW_SOFTWARE_GPU",
    key: "allow_software_gpu",
    description: "let a gpu_host take an adapter that computes on the CPU, to try it out (default: no)",
  },
  labels: {
    schema: labelsSchema(),
    flag: "--labels <list>",
    environment: "WORKER_LABELS",
    key: "labels",
    description: "labels to be selected by, such as rack=3,owner=kim",
  },
  home: {
    schema: z.string().min(1),
    flag: "--home <folder>",
    environment: "KTRDR_HOME",
    key: "home",
    description: "market data and credentials (default: ~/.ktrdr)",
  },
  healthPort: {
    schema: healthPort,
    flag: "--health-port <port>",
    environment: "HEALTH_PORT",
    key: "health_port",
    description: "port of GET /health on 127.0.0.1; 0 takes any (default: by type)",
  },
  jobMemoryMb: {
    schema: wholeNumber(16),
    flag: "--job-memory-mb <mb>",
    environment: "WORKER_JOB_MEMORY_MB",
    key: "job_memory_mb",
    description: "heap of one job thread",
  },
  trainingThreads: {
    schema: wholeNumber(1, MOST_TRAINING_THREADS),
    flag: "--training-threads <count>",
    environment: "WORKER_TRAINING_THREADS",
    key: "training_threads",
    description: "threads of one training run on the CPU (default: the processors divided by the slots)",
  },
  checkpointIntervalMs: {
    schema: wholeNumber(0),
    flag: "--checkpoint-interval-ms <ms>",
    environment: "WORKER_CHECKPOINT_INTERVAL_MS",
    key: "checkpoint_interval_ms",
    description: "how often a training run is saved, to go on elsewhere (default: 60000)",
  },
  dataCacheMb: {
    schema: wholeNumber(0),
    flag: "--data-cache-mb <mb>",
    environment: "WORKER_DATA_CACHE_MB",
    key: "data_cache_mb",
    description: "market data to keep in memory",
  },
  autoUpdate: {
    schema: yesOrNo(),
    flag: "--auto-update <choice>",
    environment: "KTRDR_AUTO_UPDATE",
    key: "auto_update",
    description:
      "yes or no: a service gets a newer version when the control plane no longer takes this one (default: yes)",
  },
  updateSource: {
    schema: updateSource(),
    flag: "--update-source <where>",
    environment: "KTRDR_UPDATE_SOURCE",
    key: "update_source",
    description: "folder or https URL of releases for `ktrdr node update` (default: the npm registry)",
  },
  logLevel: {
    schema: z.enum(LOG_LEVELS),
    flag: "--log-level <level>",
    environment: "LOG_LEVEL",
    key: "log_level",
    description: LOG_LEVELS.join(", "),
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

export interface NodeSettings {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: string | null;
  readonly workerId: string;
  readonly workerType: WorkerType;
  readonly slots: number;
  readonly kinds: readonly string[];
  /** Backtests of strategies that are code may run here. */
  readonly allowScripts: boolean;
  /** Programs that may run here: by name, the executable and its first arguments. */
  readonly commands: Readonly<Record<string, readonly string[]>>;
  readonly commandTimeLimitMs: number;
  /** A `gpu_host` may take an adapter that computes on the CPU. */
  readonly allowSoftwareGpu: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly home: string;
  /** 0 for any, null for no endpoint. */
  readonly healthPort: number | null;
  readonly jobMemoryMb: number;
  /** What one training run on the CPU may use. */
  readonly trainingThreads: number;
  readonly checkpointIntervalMs: number;
  readonly dataCacheMb: number;
  readonly autoUpdate: boolean;
  /** Null for the npm registry. */
  readonly updateSource: string | null;
  readonly logLevel: string;
}

export interface ResolvedSettings {
  readonly settings: NodeSettings;
  /** Such as `flag --url`, `environment BACKEND_URL`, `file /home/kim/.ktrdr/node.yaml` or `default`. */
  readonly sources: Readonly<Record<SettingName, string>>;
}

export interface SettingsInput {
  /** By setting name, as commander gives them; `health: false` for `--no-health`, `config` for the file's path. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Settles every setting. Without `--config`, `<home>/node.yaml` is read where it exists.
 * Throws `invalid-request` for a value that does not fit (naming where it stands), an unknown key in the file (naming
 * the nearest one), and a `--config` file that cannot be read.
 */
export function resolveSettings({ flags, environment }: SettingsInput): ResolvedSettings {
  const given: Given = { flags: { ...flags }, environment, file: {}, fileName: "" };
  if (flags.health === false) given.flags.healthPort = false;
  const home = resolve(pick("home", given)?.value?.toString() ?? join(homedir(), ".ktrdr"));
  Object.assign(given, readSettingsFile(flags.config?.toString(), join(home, "node.yaml")));
  const issues: ProblemIssue[] = [];
  const values: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const found = pick(name, given);
    sources[name] = found?.source ?? "default";
    if (found === undefined) continue;
    const parsed = SETTINGS[name].schema.safeParse(found.value);
    if (parsed.success) values[name] = parsed.data;
    else issues.push({ path: found.source, message: describeFault(parsed.error, found.value) });
  }
  if (issues.length > 0) throw invalidSettings(issues);
  return { settings: withDefaults(values), sources: sources as Record<SettingName, string> };
}

interface Given {
  flags: Record<string, unknown>;
  environment: SettingsInput["environment"];
  file: Record<string, unknown>;
  fileName: string;
}

function pick(name: SettingName, given: Given): { value: unknown; source: string } | undefined {
  const { flag, environment, key } = SETTINGS[name];
  if (given.flags[name] !== undefined) {
    return { value: given.flags[name], source: `flag ${flag.split(" ")[0]}` };
  }
  const variable = given.environment[environment];
  if (variable !== undefined && variable !== "") return { value: variable, source: `environment ${environment}` };
  if (given.file[key] !== undefined) return { value: given.file[key], source: `file ${given.fileName}: ${key}` };
  return undefined;
}

/** `values` were checked, each by its own schema. */
function withDefaults(values: Record<string, unknown>): NodeSettings {
  const checked = values as Partial<Omit<NodeSettings, "healthPort">> & { healthPort?: number | false };
  const type = checked.workerType ?? "backtesting";
  const usualSlots = type === "backtesting" ? Math.min(LIMITS.workerSlots, availableParallelism()) : 1;
  const slots = checked.slots ?? usualSlots;
  const memoryMb = Math.floor(totalmem() / MEGABYTE);
  return {
    url: checked.url ?? "http://127.0.0.1:8787",
    token: checked.token ?? null,
    workerId: checked.workerId ?? workerIdOfHost(hostname()),
    workerType: type,
    slots,
    kinds: checked.kinds ?? KINDS,
    allowScripts: checked.allowScripts ?? false,
    commands: checked.commands ?? {},
    commandTimeLimitMs: checked.commandTimeLimitMs ?? 86_400_000,
    allowSoftwareGpu: checked.allowSoftwareGpu ?? false,
    labels: checked.labels ?? {},
    home: resolve(checked.home ?? join(homedir(), ".ktrdr")),
    healthPort: checked.healthPort === false ? null : (checked.healthPort ?? HEALTH_PORTS[type]),
    jobMemoryMb: checked.jobMemoryMb ?? Math.max(256, Math.floor((memoryMb * 0.5) / slots)),
    trainingThreads: checked.trainingThreads ?? threadsOfOneSlot(slots),
    checkpointIntervalMs: checked.checkpointIntervalMs ?? 60_000,
    dataCacheMb: checked.dataCacheMb ?? Math.floor(memoryMb * 0.25),
    autoUpdate: checked.autoUpdate ?? true,
    updateSource: checked.updateSource ?? null,
    logLevel: checked.logLevel ?? "info",
  };
}

/** What is left of the processors for each when all slots are taken. */
function threadsOfOneSlot(slots: number): number {
  return Math.min(MOST_TRAINING_THREADS, Math.max(1, Math.floor(availableParallelism() / slots)));
}

/** A host name with what a worker id does not allow replaced. */
export function workerIdOfHost(host: string): string {
  const name = host.replace(/[^A-Za-z0-9._-]/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, 63) || "node";
}

function readSettingsFile(asked: string | undefined, usual: string): Pick<Given, "file" | "fileName"> {
  const fileName = asked === undefined ? usual : resolve(asked);
  let text: string;
  try {
    text = readFileSync(fileName, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (asked === undefined && missing) return { file: {}, fileName };
    throw new Problem("invalid-request", `The settings file ${fileName} cannot be read: ${(error as Error).message}`, {
      cure: "Correct the path after --config.",
      cause: error,
    });
  }
  return { file: settingsOf(text, fileName), fileName };
}

/** YAML, and with it JSON. */
function settingsOf(text: string, fileName: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (error) {
    throw new Problem("invalid-request", `The settings file ${fileName} is not YAML: ${(error as Error).message}`, {
      cure: "Correct it at the place that the message names.",
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem("invalid-request", `The settings file ${fileName} holds no settings.`, {
      cure: "Write one setting a line, such as url: http://127.0.0.1:8787",
    });
  }
  const keys: string[] = Object.values(SETTINGS).map(({ key }) => key);
  const unknown = Object.keys(value).filter((key) => !keys.includes(key));
  if (unknown.length > 0) {
    throw new Problem("invalid-request", `The settings file ${fileName} has an unknown setting: ${unknown[0]}.`, {
      cure: suggestion(unknown[0], keys, "settings"),
      issues: unknown.map((key) => ({ file: fileName, path: key, message: "unknown setting" })),
    });
  }
  return value as Record<string, unknown>;
}

function invalidSettings(issues: readonly ProblemIssue[]): Problem {
  const [first] = issues;
  return new Problem("invalid-request", `A setting does not fit: ${first.path}: ${first.message}`, {
    issues: [...issues],
    cure: "Correct it there; --help lists every setting.",
  });
}

function describeFault(error: z.ZodError, value: unknown): string {
  return `${JSON.stringify(value)}: ${error.issues.map(({ message }) => message).join("; ")}`;
}

/** A number in the file, its digits elsewhere; nothing else counts as one. */
function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  const digits = (value: unknown) => (typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value);
  return z.preprocess(digits, z.int().min(least).max(most));
}

/** A boolean from a flag or the file; yes, true, 1 and their opposites elsewhere. */
function yesOrNo() {
  const words: Readonly<Record<string, boolean>> = {
    yes: true,
    true: true,
    1: true,
    no: false,
    false: false,
    0: false,
  };
  return z.preprocess((value) => words[String(value).toLowerCase()], z.boolean({ error: "yes or no" }));
}

/** What comes over plain http could be anybody's program. */
function updateSource() {
  const isSafe = (text: string): boolean => /^(\/|https:\/\/|http:\/\/(127\.0\.0\.1|localhost)([:/]|$))/.test(text);
  return z.string().refine(isSafe, "a folder such as /srv/ktrdr/releases, or a URL with https://");
}

/** A list in the file, a text with commas elsewhere. */
function listOf<T extends z.ZodType>(item: T) {
  return z.preprocess((value) => (typeof value === "string" ? splitList(value) : value), z.array(item).min(1).max(20));
}

/** A mapping in the file, `name=value,name=value` elsewhere. */
function labelsSchema() {
  const labels = z.record(z.string().min(1).max(63), z.string().max(200));
  return z.preprocess((value) => {
    if (typeof value !== "string") return value;
    const pairs = splitList(value).map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
    });
    return Object.fromEntries(pairs);
  }, labels);
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
