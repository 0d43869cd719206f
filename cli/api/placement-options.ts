/** The options that say where and by when an operation may run; every command that submits one has them. */
import { InvalidArgumentError } from "commander";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../protocol/durations.ts";
import type { SubmitRequest } from "../../protocol/operation.ts";
import type { WorkerType } from "../../protocol/workers.ts";
import type { OptionDeclaration } from "../commands/declare.ts";
import { parseAmount } from "../terminal/option-values.ts";

export interface PlacementOptions {
  workerType?: WorkerType[];
  preferWait?: number;
  require?: Readonly<Record<string, string>>;
  memory?: number;
  deadline?: number;
  attempts?: number;
}

/** Spelled out, since the protocol's schemas are loaded only by commands that need them. */
const WORKER_TYPES: readonly WorkerType[] = ["backtesting", "cpu_training", "gpu_host"];
const UNITS_MS: Readonly<Record<string, number>> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };
const BYTES_PER_MB = 1024 * 1024;

export const PLACEMENT_OPTIONS: readonly OptionDeclaration[] = [
  {
    flags: "--worker-type <types>",
    description: "in order of preference, such as gpu_host,cpu_training",
    parse: parseWorkerTypes,
  },
  {
    flags: "--prefer-wait <span>",
    description: "time to hold out for the first type, such as 10m",
    parse: parseSpan,
  },
  {
    flags: "--require <label=value>",
    description: "only nodes with this label; repeat for more",
    parse: parseLabel,
  },
  { flags: "--memory <mb>", description: "only nodes with this much memory", parse: parseMemory },
  { flags: "--deadline <span>", description: "fail when it has not ended by then, such as 2h", parse: parseSpan },
  {
    flags: "--attempts <count>",
    description: "attempts that may be lost before it fails (3)",
    parse: parseAttempts,
  },
];

/** The last options of every command that submits one operation. */
export const SUBMISSION_OPTIONS: readonly OptionDeclaration[] = [
  { flags: "--detach", description: "submit and do not wait" },
  { flags: "--priority <number>", description: "higher goes first", parse: parseAmount, default: 0 },
  { flags: "--name <name>", description: "the name that lists show" },
];

/** Turns the options into requirements. The registry's defaults fill absent ones. `now` is milliseconds since the epoch. */
export function placementOf(
  options: PlacementOptions,
  now: number,
): Pick<Partial<SubmitRequest>, "requirements" | "deadlineMs" | "maxAttempts"> {
  const requirements = {
    ...(options.workerType === undefined ? {} : { workerTypes: options.workerType }),
    ...(options.preferWait === undefined ? {} : { preferWaitMs: options.preferWait }),
    ...(options.require === undefined ? {} : { labels: { ...options.require } }),
    ...(options.memory === undefined ? {} : { memoryBytes: options.memory }),
  };
  return {
    ...(Object.keys(requirements).length === 0 ? {} : { requirements }),
    ...(options.deadline === undefined ? {} : { deadlineMs: now + options.deadline }),
    ...(options.attempts === undefined ? {} : { maxAttempts: options.attempts }),
  };
}

/** `90s`, `10m`, `2h`, `3d` → milliseconds. */
export function parseSpan(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text.trim()) ?? [];
  if (digits !== undefined && unit !== undefined) return Math.round(Number(digits) * UNITS_MS[unit]!);
  throw new InvalidArgumentError("It is a number and a unit: 90s, 10m, 2h or 3d.");
}

function parseWorkerTypes(text: string): WorkerType[] {
  const types = text.split(",").map((name) => name.trim());
  const unknown = types.find((name) => !(WORKER_TYPES as readonly string[]).includes(name));
  if (unknown === undefined) return types as WorkerType[];
  throw new InvalidArgumentError(`${unknown} is not a worker type; they are ${WORKER_TYPES.join(", ")}.`);
}

function parseLabel(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { ...before, [name]: value };
  throw new InvalidArgumentError("It is a label and its value, such as rack=3.");
}

function parseMemory(text: string): number {
  const megabytes = Number(text);
  if (Number.isInteger(megabytes) && megabytes >= 0) return megabytes * BYTES_PER_MB;
  throw new InvalidArgumentError("It is a whole number of megabytes.");
}

function parseAttempts(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 20) return count;
  throw new InvalidArgumentError("It is a whole number from 1 to 20.");
}
