/** Every setting of a node, each in one row: what it may be, where it is said, what holds otherwise, and what it is for. */
import { availableParallelism, homedir, hostname, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { DAY_MS } from "../../protocol/durations.ts";
import { LIMITS, OPERATION_KINDS, OPERATIONS, WORKER_TYPES, type WorkerType, workerId } from "../../protocol/index.ts";
import {
  choiceOf,
  labels,
  listOf,
  port,
  programs,
  type SettingType,
  text,
  updateSource,
  url,
  wholeNumber,
  yesOrNo,
} from "./setting-types.ts";

/** The settings that others follow from; they stand before those in the table. */
export interface KnownSettings {
  readonly workerType: WorkerType;
  readonly slots: number;
}

export interface Setting<Value = unknown> {
  readonly type: SettingType<Value>;
  /** What holds where nothing is said. */
  readonly fallback: (known: KnownSettings) => Value;
  /** The same for people; null for nothing. */
  readonly fallbackText: string | null;
  /** The command line flag, as commander writes it. */
  readonly flag: string;
  /** The flag's name in earlier releases, which goes on working and stays out of the help. */
  readonly formerFlag?: string;
  readonly environment: string;
  /** The key in the file. */
  readonly key: string;
  readonly description: string;
  /** The flag may be given several times. */
  readonly isRepeatable?: true;
}

const KINDS = OPERATION_KINDS.filter((kind) => OPERATIONS[kind].isAllowedByName);
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const MEGABYTE = 1024 * 1024;
/** As many as one run has seeds at most. */
const MOST_TRAINING_THREADS = 256;

/** The port of a node's own health endpoint, by worker type. */
const HEALTH_PORTS: Readonly<Record<WorkerType, number>> = {
  backtesting: 5003,
  cpu_training: 5004,
  gpu_host: 5002,
};

/** In the order in which help lists them. */
export const SETTINGS = {
  url: setting({
    type: url(),
    fallback: () => "http://127.0.0.1:8787",
    fallbackText: "http://127.0.0.1:8787",
    flag: "--url <url>",
    environment: "BACKEND_URL",
    key: "url",
    description: "the control plane",
  }),
  token: setting<string | null>({
    type: text(z.string().min(1), "text"),
    fallback: () => null,
    fallbackText: null,
    flag: "--token <token>",
    environment: "ENROLMENT_TOKEN",
    key: "token",
    description: "enrolment token; needed once",
  }),
  workerId: setting({
    type: text(workerId, "1 to 63 letters, digits, `.`, `_` or `-`"),
    fallback: () => workerIdOfHost(hostname()),
    fallbackText: "the host's",
    flag: "--worker-id <id>",
    environment: "WORKER_ID",
    key: "worker_id",
    description: "this node's name",
  }),
  workerType: setting<WorkerType>({
    type: choiceOf(WORKER_TYPES),
    fallback: () => "backtesting",
    fallbackText: "backtesting",
    flag: "--type <type>",
    environment: "WORKER_TYPE",
    key: "worker_type",
    description: "what the node is for: backtesting, cpu_training or gpu_host",
  }),
  slots: setting({
    type: wholeNumber(1, LIMITS.workerSlots),
    fallback: ({ workerType }) =>
      workerType === "backtesting" ? Math.min(LIMITS.workerSlots, availableParallelism()) : 1,
    fallbackText: "one a processor; one on a node for training",
    flag: "--slots <count>",
    environment: "WORKER_SLOTS",
    key: "slots",
    description: "jobs at once",
  }),
  kinds: setting<readonly string[]>({
    type: listOf(KINDS),
    fallback: () => KINDS,
    fallbackText: KINDS.join(","),
    flag: "--kinds <list>",
    environment: "WORKER_KINDS",
    key: "kinds",
    description: "kinds of operation to allow, with commas",
  }),
  allowScripts: setting({
    type: yesOrNo(),
    fallback: () => false,
    fallbackText: "no",
    flag: "--allow-scripts",
    environment: "KTRDR_ALLOW_SCRIPTS",
    key: "allow_scripts",
    description: "run strategies in TypeScript, which is code that others wrote",
  }),
  programs: setting({
    type: programs(),
    fallback: () => ({}),
    fallbackText: null,
    flag: "--program <name=path>",
    formerFlag: "--command <name=path>",
    environment: "KTRDR_COMMANDS",
    key: "commands",
    description: "a program that people may run here by its name, with `ktrdr run`; repeat for more",
    isRepeatable: true,
  }),
  programTimeLimitMs: setting({
    type: wholeNumber(1),
    fallback: () => DAY_MS,
    fallbackText: "a day",
    flag: "--program-time-limit-ms <ms>",
    formerFlag: "--command-time-limit-ms <ms>",
    environment: "KTRDR_COMMAND_TIME_LIMIT_MS",
    key: "command_time_limit_ms",
    description: "how long one run of such a program may take",
  }),
  allowSoftwareGpu: setting({
    type: yesOrNo(),
    fallback: () => false,
    fallbackText: "no",
    flag: "--allow-software-gpu",
    environment: "KTRDR_ALLOW_SOFTWARE_GPU",
    key: "allow_software_gpu",
    description: "let a gpu_host take an adapter that computes on the CPU, to try it out",
  }),
  labels: setting({
    type: labels(),
    fallback: () => ({}),
    fallbackText: null,
    flag: "--labels <list>",
    environment: "WORKER_LABELS",
    key: "labels",
    description: "labels to be selected by, such as rack=3,owner=kim",
  }),
  home: setting({
    type: {
      schema: z
        .string()
        .min(1)
        .transform((path) => resolve(path)),
      text: "a folder",
    },
    fallback: () => join(homedir(), ".ktrdr"),
    fallbackText: "~/.ktrdr",
    flag: "--home <folder>",
    environment: "KTRDR_HOME",
    key: "home",
    description: "market data and credentials",
  }),
  healthPort: setting({
    type: port(),
    fallback: ({ workerType }) => HEALTH_PORTS[workerType],
    fallbackText: "by type",
    flag: "--health-port <port>",
    environment: "HEALTH_PORT",
    key: "health_port",
    description: "port of GET /health on 127.0.0.1; 0 takes any",
  }),
  jobMemoryMb: setting({
    type: wholeNumber(16),
    fallback: ({ slots }) => Math.max(256, Math.floor((memoryMb() * 0.5) / slots)),
    fallbackText: "half of the memory divided by the slots, at least 256",
    flag: "--job-memory-mb <mb>",
    environment: "WORKER_JOB_MEMORY_MB",
    key: "job_memory_mb",
    description: "heap of one job thread",
  }),
  trainingThreads: setting({
    type: wholeNumber(1, MOST_TRAINING_THREADS),
    fallback: ({ slots }) => Math.min(MOST_TRAINING_THREADS, Math.max(1, Math.floor(availableParallelism() / slots))),
    fallbackText: "the processors divided by the slots",
    flag: "--training-threads <count>",
    environment: "WORKER_TRAINING_THREADS",
    key: "training_threads",
    description: "threads of one training run on the CPU",
  }),
  checkpointIntervalMs: setting({
    type: wholeNumber(0),
    fallback: () => 60_000,
    fallbackText: "60000",
    flag: "--checkpoint-interval-ms <ms>",
    environment: "WORKER_CHECKPOINT_INTERVAL_MS",
    key: "checkpoint_interval_ms",
    description: "how often a training run is saved, to go on elsewhere",
  }),
  dataCacheMb: setting({
    type: wholeNumber(0),
    fallback: () => Math.floor(memoryMb() * 0.25),
    fallbackText: "a quarter of the memory",
    flag: "--data-cache-mb <mb>",
    environment: "WORKER_DATA_CACHE_MB",
    key: "data_cache_mb",
    description: "market data to keep in memory",
  }),
  autoUpdate: setting({
    type: yesOrNo(),
    fallback: () => true,
    fallbackText: "yes",
    flag: "--auto-update <choice>",
    environment: "KTRDR_AUTO_UPDATE",
    key: "auto_update",
    description: "yes or no: a service gets a newer version when the control plane no longer takes this one",
  }),
  updateSource: setting<string | null>({
    type: updateSource(),
    fallback: () => null,
    fallbackText: "the npm registry",
    flag: "--update-source <where>",
    environment: "KTRDR_UPDATE_SOURCE",
    key: "update_source",
    description: "folder or https URL of releases for `ktrdr node update`",
  }),
  logLevel: setting<string>({
    type: choiceOf(LOG_LEVELS),
    fallback: () => "info",
    fallbackText: "info",
    flag: "--log-level <level>",
    environment: "LOG_LEVEL",
    key: "log_level",
    description: `what the log tells at least: ${LOG_LEVELS.join(", ")}`,
  }),
};

export type SettingName = keyof typeof SETTINGS;

/** Each setting's value; a null token means none, and a null health port no endpoint. */
export type NodeSettings = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer Value> ? Value : never;
};

/** A host name with what a worker id does not allow replaced. */
export function workerIdOfHost(host: string): string {
  const name = host.replace(/[^A-Za-z0-9._-]/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name.slice(0, 63) || "node";
}

/** The description with what holds where nothing is said. */
export function settingText({ description, fallbackText }: Pick<Setting, "description" | "fallbackText">): string {
  return fallbackText === null ? description : `${description} (default: ${fallbackText})`;
}

function setting<Value>(row: Setting<Value>): Setting<Value> {
  return row;
}

/** Of this machine. */
function memoryMb(): number {
  return Math.floor(totalmem() / MEGABYTE);
}
