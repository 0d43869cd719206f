/**
 * Describes the demands of an operation on its worker. Operations with the same demands share a class, so that workers are
 * compared with each class once, not with each operation.
 */
import {
  allowanceOf,
  COMMAND_KIND_PREFIX,
  type DataRequest,
  type DatasetRef,
  datasetsOf,
  OPERATIONS,
  type OperationSpec,
  type Requirements,
  SCRIPT_KIND,
  type WorkerType,
} from "../../protocol/index.ts";
import type { WorkerRecord } from "./worker-record.ts";

export interface Requirement {
  /** The kind of work that a worker must allow: one of its `capabilities.kinds`. */
  readonly kind: string;
  /** In order of preference. */
  readonly workerTypes: readonly WorkerType[];
  readonly labels: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  /** The time to hold out for the first of `workerTypes`. */
  readonly preferWaitMs: number;
  readonly datasets: readonly DatasetName[];
}

type DatasetName = Pick<DataRequest, "symbol" | "timeframe" | "sha256">;

/** The store's version of each of a requirement's datasets; undefined for those that it lacks. */
export type StoredDatasets = readonly (DatasetRef | undefined)[];

/** Completes the caller's requirements with the defaults of the operation's kind. */
export function completeRequirements(spec: OperationSpec, asked: Partial<Requirements>): Requirements {
  return {
    workerTypes: asked.workerTypes ?? [...OPERATIONS[spec.kind].workerTypes],
    labels: asked.labels ?? {},
    memoryBytes: asked.memoryBytes ?? 0,
    preferWaitMs: asked.preferWaitMs ?? 0,
  };
}

export function requirementOf(spec: OperationSpec, requirements: Requirements): Requirement {
  return { kind: allowanceOf(spec), ...requirements, datasets: datasetsOf(spec).map(nameOf) };
}

function nameOf({ symbol, timeframe, sha256 }: DataRequest): DatasetName {
  return { symbol, timeframe, ...(sha256 === undefined ? {} : { sha256 }) };
}

/** Equal requirements give equal text: keys in a fixed order, labels sorted. */
export function requirementKey(requirement: Requirement): string {
  const labels = Object.entries(requirement.labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const datasets = requirement.datasets.map(({ symbol, timeframe, sha256 }) => [symbol, timeframe, sha256 ?? null]);
  return JSON.stringify([
    requirement.kind,
    requirement.workerTypes,
    labels,
    requirement.memoryBytes,
    requirement.preferWaitMs,
    // One dataset stands as it did when there could be no more.
    datasets.length > 1 ? datasets : (datasets[0] ?? null),
  ]);
}

export function parseRequirementKey(key: string): Requirement {
  const [kind, workerTypes, labels, memoryBytes, preferWaitMs, data] = JSON.parse(key);
  const datasets: [string, string, string | null][] = data === null ? [] : Array.isArray(data[0]) ? data : [data];
  return {
    kind,
    workerTypes,
    labels: Object.fromEntries(labels),
    memoryBytes,
    preferWaitMs,
    datasets: datasets.map(([symbol, timeframe, sha256]) => ({
      symbol,
      timeframe,
      ...(sha256 === null ? {} : { sha256 }),
    })),
  };
}

/** Tells whether the worker, when free, could run operations of this class. `stored` has the store's versions of its datasets. */
export function fits(requirement: Requirement, worker: WorkerRecord, stored: StoredDatasets): boolean {
  const { capabilities } = worker;
  if (!requirement.workerTypes.includes(worker.workerType)) return false;
  if (!capabilities.kinds.includes(requirement.kind)) return false;
  if (requirement.memoryBytes > (capabilities.memoryBytes ?? Number.POSITIVE_INFINITY)) return false;
  for (const [label, value] of Object.entries(requirement.labels)) {
    if (capabilities.labels[label] !== value) return false;
  }
  return requirement.datasets.every(
    (dataset, index) => stored[index] !== undefined || holds(worker, dataset, stored[index]),
  );
}

/** Tells whether the worker could start without a download. */
export function holdsData({ datasets }: Requirement, worker: WorkerRecord, stored: StoredDatasets): boolean {
  return datasets.every((dataset, index) => holds(worker, dataset, stored[index]));
}

/** Only the store's version counts for a dataset that the store has. */
function holds(worker: WorkerRecord, dataset: DatasetName, stored: DatasetRef | undefined): boolean {
  const held = heldKeys(worker.capabilities.datasets);
  if (stored !== undefined) return held.has(stored.sha256);
  const name = `${dataset.symbol} ${dataset.timeframe}`;
  return held.has(dataset.sha256 === undefined ? name : `${name} ${dataset.sha256}`);
}

const keysOfLists = new WeakMap<readonly DatasetRef[], ReadonlySet<string>>();

/** Indexes a list of datasets, once a list: by name, by name and version, by version. */
function heldKeys(datasets: readonly DatasetRef[]): ReadonlySet<string> {
  let keys = keysOfLists.get(datasets);
  if (keys === undefined) {
    keys = new Set(
      datasets.flatMap(({ symbol, timeframe, sha256 }) => {
        const name = `${symbol} ${timeframe}`;
        return [name, `${name} ${sha256}`, sha256];
      }),
    );
    keysOfLists.set(datasets, keys);
  }
  return keys;
}

/** Says why nothing of this class is handed out now, with the cure. The reason is the first condition that no worker meets. */
export function waitingReason(
  requirement: Requirement,
  stored: StoredDatasets,
  workers: readonly WorkerRecord[],
  canTake: (worker: WorkerRecord) => boolean,
  reachable: (worker: WorkerRecord) => boolean,
): string {
  const types = requirement.workerTypes.join(" or ");
  const ofType = workers.filter((worker) => requirement.workerTypes.includes(worker.workerType));
  if (ofType.length === 0) {
    const lastType = requirement.workerTypes.at(-1);
    return `no worker of type ${types} is registered; start one with \`ktrdr node start --type ${lastType}\``;
  }
  const connected = ofType.filter(reachable);
  if (connected.length === 0) {
    const refused = ofType.find(({ refusal }) => refusal !== null);
    const why = refused === undefined ? "" : `; ${refused.workerId} was refused: ${refused.refusal}`;
    return `no worker of type ${types} is connected; ${ofType.length} registered${why}`;
  }
  const ofKind = connected.filter((worker) => worker.capabilities.kinds.includes(requirement.kind));
  if (ofKind.length === 0) return refusalOfKind(requirement);
  const unstored = requirement.datasets.filter((_, index) => stored[index] === undefined);
  const missing = unstored.find((dataset) => !ofKind.some((worker) => holds(worker, dataset, undefined)));
  if (missing !== undefined) {
    const version = missing.sha256 === undefined ? "" : ` (sha256 ${missing.sha256.slice(0, 12)}…)`;
    const name = `${missing.symbol} ${missing.timeframe}`;
    return `no connected worker has ${name}${version}; load it with \`ktrdr data load\` on a node, or give it to all with \`ktrdr data push ${name}\``;
  }
  const withData = ofKind.filter((worker) => unstored.every((dataset) => holds(worker, dataset, undefined)));
  if (withData.length === 0) {
    const example = unstored.slice(0, 1).map(({ symbol, timeframe }) => `${symbol} ${timeframe}`);
    return `no connected worker has all of the ${unstored.length} datasets; give them to all with \`ktrdr data push\`, such as ${example}`;
  }
  const fitting = withData.filter((worker) => fits(requirement, worker, stored));
  if (fitting.length === 0) {
    const who = withData.length < ofKind.length ? "no connected worker that has the data" : "no connected worker";
    return `${who} has the labels or the memory that it requires`;
  }
  if (fitting.every((worker) => worker.draining)) return "every fitting worker is draining";
  if (!fitting.some(canTake)) return `all busy: ${fitting.length} fitting worker(s), no free slot`;
  return "waiting for its turn";
}

function refusalOfKind({ kind, workerTypes }: Requirement): string {
  if (kind === SCRIPT_KIND)
    return "no connected worker allows strategies in TypeScript; start one with `ktrdr node start --allow-scripts`";
  if (!kind.startsWith(COMMAND_KIND_PREFIX)) return `no connected worker allows operations of kind ${kind}`;
  const program = kind.slice(COMMAND_KIND_PREFIX.length);
  const start = `ktrdr node start --type ${workerTypes.at(-1)} --program ${program}=/path/to/program`;
  return `no connected worker allows the program ${program}; its operator allows it with \`${start}\``;
}
