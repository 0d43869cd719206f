/**
 * What an operation asks of a worker. Operations that ask the same share a class; whether a worker fits is decided once
 * a class, not once an operation.
 */
import {
  allowanceOf,
  type DataRequest,
  type DatasetRef,
  type OperationSpec,
  type Requirements,
  SCRIPT_KIND,
  type WorkerType,
} from "../../protocol/index.ts";
import type { WorkerRecord } from "./worker-record.ts";

export interface Requirement {
  /** What a worker must allow: one of its `capabilities.kinds`. */
  readonly kind: string;
  /** In order of preference. */
  readonly workerTypes: readonly WorkerType[];
  readonly labels: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  /** How long to hold out for the first of `workerTypes`. */
  readonly preferWaitMs: number;
  readonly dataset: Pick<DataRequest, "symbol" | "timeframe" | "sha256"> | null;
}

const DEFAULT_WORKER_TYPES: Readonly<Record<OperationSpec["kind"], readonly WorkerType[]>> = {
  backtest: ["backtesting"],
  sleep: ["backtesting", "cpu_training", "gpu_host"],
};

/** The caller's requirements with the defaults of the operation's kind. */
export function completeRequirements(spec: OperationSpec, asked: Partial<Requirements>): Requirements {
  return {
    workerTypes: asked.workerTypes ?? [...DEFAULT_WORKER_TYPES[spec.kind]],
    labels: asked.labels ?? {},
    memoryBytes: asked.memoryBytes ?? 0,
    preferWaitMs: asked.preferWaitMs ?? 0,
  };
}

export function requirementOf(spec: OperationSpec, requirements: Requirements): Requirement {
  return { kind: allowanceOf(spec), ...requirements, dataset: spec.kind === "backtest" ? datasetOf(spec.data) : null };
}

function datasetOf(data: DataRequest): Requirement["dataset"] {
  return {
    symbol: data.symbol,
    timeframe: data.timeframe,
    ...(data.sha256 === undefined ? {} : { sha256: data.sha256 }),
  };
}

/** Equal requirements give equal text: keys in a fixed order, labels sorted. */
export function requirementKey(requirement: Requirement): string {
  const labels = Object.entries(requirement.labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const { dataset } = requirement;
  return JSON.stringify([
    requirement.kind,
    requirement.workerTypes,
    labels,
    requirement.memoryBytes,
    requirement.preferWaitMs,
    dataset === null ? null : [dataset.symbol, dataset.timeframe, dataset.sha256 ?? null],
  ]);
}

export function parseRequirementKey(key: string): Requirement {
  const [kind, workerTypes, labels, memoryBytes, preferWaitMs, dataset] = JSON.parse(key);
  return {
    kind,
    workerTypes,
    labels: Object.fromEntries(labels),
    memoryBytes,
    preferWaitMs,
    dataset:
      dataset === null
        ? null
        : { symbol: dataset[0], timeframe: dataset[1], ...(dataset[2] === null ? {} : { sha256: dataset[2] }) },
  };
}

/** Whether the worker, when free, could run operations of this class. `stored` is what the store has of its dataset. */
export function fits(requirement: Requirement, worker: WorkerRecord, stored: DatasetRef | undefined): boolean {
  const { capabilities } = worker;
  if (!requirement.workerTypes.includes(worker.workerType)) return false;
  if (!capabilities.kinds.includes(requirement.kind)) return false;
  if (requirement.memoryBytes > (capabilities.memoryBytes ?? Number.POSITIVE_INFINITY)) return false;
  for (const [label, value] of Object.entries(requirement.labels)) {
    if (capabilities.labels[label] !== value) return false;
  }
  return stored !== undefined || holdsData(requirement, worker, stored);
}

/** Whether the worker could start without a download. Where the store has the dataset, only that version counts. */
export function holdsData({ dataset }: Requirement, worker: WorkerRecord, stored: DatasetRef | undefined): boolean {
  if (dataset === null) return true;
  const held = heldKeys(worker.capabilities.datasets);
  if (stored !== undefined) return held.has(stored.sha256);
  const name = `${dataset.symbol} ${dataset.timeframe}`;
  return held.has(dataset.sha256 === undefined ? name : `${name} ${dataset.sha256}`);
}

const keysOfLists = new WeakMap<readonly DatasetRef[], ReadonlySet<string>>();

/** What is asked of a list of datasets, made once a list: by name, by name and version, by version. */
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

/** Why nothing of this class is handed out now, with the cure. The first condition that no worker meets is the reason. */
export function waitingReason(
  requirement: Requirement,
  stored: DatasetRef | undefined,
  workers: readonly WorkerRecord[],
  canTake: (worker: WorkerRecord) => boolean,
  reachable: (worker: WorkerRecord) => boolean,
): string {
  const types = requirement.workerTypes.join(" or ");
  const ofType = workers.filter((worker) => requirement.workerTypes.includes(worker.workerType));
  if (ofType.length === 0) return `no worker of type ${types} is registered; start one with \`ktrdr node start\``;
  const connected = ofType.filter(reachable);
  if (connected.length === 0) return `no worker of type ${types} is connected; ${ofType.length} registered`;
  const ofKind = connected.filter((worker) => worker.capabilities.kinds.includes(requirement.kind));
  if (ofKind.length === 0) {
    return requirement.kind === SCRIPT_KIND
      ? "no connected worker allows strategies in TypeScript; start one with `ktrdr node start --allow-scripts`"
      : `no connected worker allows operations of kind ${requirement.kind}`;
  }
  const { dataset } = requirement;
  const withData = stored === undefined ? ofKind.filter((worker) => holdsData(requirement, worker, undefined)) : ofKind;
  if (dataset !== null && withData.length === 0) {
    const version = dataset.sha256 === undefined ? "" : ` (sha256 ${dataset.sha256.slice(0, 12)}…)`;
    const name = `${dataset.symbol} ${dataset.timeframe}`;
    return `no connected worker has ${name}${version}; load it with \`ktrdr data load\` on a node, or give it to all with \`ktrdr data push ${name}\``;
  }
  const fitting = withData.filter((worker) => fits(requirement, worker, stored));
  if (fitting.length === 0) return "no connected worker has the labels or the memory that it requires";
  if (fitting.every((worker) => worker.draining)) return "every fitting worker is draining";
  if (!fitting.some(canTake)) return `all busy: ${fitting.length} fitting worker(s), no free slot`;
  return "waiting for its turn";
}
