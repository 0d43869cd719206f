/** Requests to the fleet. The end of each job is decided when it is submitted. */
import type { JobOutcome } from "../../compute-node/agent/state.ts";
import { smallSpec } from "../../compute-node/training-job/testing/small-spec.ts";
import {
  backtestSettings,
  type DataRequest,
  type Lease,
  type OperationResult,
  type OperationSpec,
  Problem,
  type Requirements,
  type SubmitRequest,
  WORKER_TYPES,
} from "../../protocol/index.ts";
import type { Chance } from "./chance.ts";
import { type SimulatedNode, SYMBOLS } from "./simulated-node.ts";
import type { World } from "./world.ts";

/**
 * `result`: a summary alone. `artefact`: with bytes. `parts`: with so many bytes that they go up in parts. `final`: fails for
 * good. `flaky`: fails at half of its attempts. `never`: runs until it is stopped. `poison`: kills the process that runs it.
 */
type Fate = "result" | "artefact" | "parts" | "final" | "flaky" | "never" | "poison";

export interface Task {
  readonly operationId: string;
  readonly request: SubmitRequest;
  readonly requirements: Requirements;
  readonly fate: Fate;
  readonly durationMs: number;
  readonly key: string | null;
}

const BATCH_LIMIT = 6;
/** A training run saves on its way, and before its node leaves. */
const TRAINING = smallSpec();

export class Workload {
  readonly #world: World;
  readonly #tasks = new Map<string, Task>();
  #recent: Task[] = [];
  #counter = 0;

  constructor(world: World) {
    this.#world = world;
  }

  task(operationId: string): Task {
    const task = this.#tasks.get(operationId);
    if (task === undefined) throw new Error(`${operationId} was never submitted`);
    return task;
  }

  /** Submits a few operations, sometimes twice with the same key, and plans the next time. */
  keepSubmitting(): void {
    const { queue, chance, rates, judge, healed } = this.#world;
    if (healed) return;
    if (judge.queuedCount < rates.queueLimit) {
      this.#submitSome();
      if (chance.perMille(60)) this.#cancelOne();
      if (chance.perMille(30)) this.#retryOne();
    } else if (chance.perMille(30)) this.#giveUpOne();
    queue.after(chance.between(1, 2 * rates.submitMs), () => this.keepSubmitting());
  }

  /** Cancels operations that can never end by themselves, so that all others must end. */
  cancelEndless(): void {
    const { plane, judge } = this.#world;
    for (const operationId of judge.openOperations()) {
      if (this.task(operationId).fate === "never") plane.cancel(operationId);
    }
  }

  #submitSome(): void {
    const { chance, plane } = this.#world;
    const tasks = Array.from({ length: chance.perMille(700) ? 1 : chance.between(1, BATCH_LIMIT) }, () => this.#draw());
    for (const task of tasks) this.#tasks.set(task.operationId, task);
    this.#recent = [...this.#recent, ...tasks].slice(-60);
    plane.submit(tasks);
    const again = tasks.filter((task) => task.key !== null);
    if (again.length > 0 && chance.perMille(300)) plane.submitAgain(again, this.#nextId());
  }

  #cancelOne(): void {
    const { chance, plane } = this.#world;
    if (this.#recent.length > 0) plane.cancel(chance.pick(this.#recent).operationId);
  }

  /** Cancels one operation: a queue full of those that no machine can run now would leave nothing to look at. */
  #giveUpOne(): void {
    const { chance, plane, judge } = this.#world;
    plane.cancel(chance.pick(judge.openOperations()));
  }

  #retryOne(): void {
    const { chance, plane, judge } = this.#world;
    const stopped = this.#recent.filter((task) => judge.mayRetry(task.operationId) && task.fate !== "never");
    if (stopped.length > 0) plane.retry(chance.pick(stopped).operationId);
  }

  #nextId(): string {
    return `op_${(++this.#counter).toString(36).padStart(20, "0")}`;
  }

  #draw(): Task {
    const { chance, rates, nodes, plane } = this.#world;
    const operationId = this.#nextId();
    const spec = specFor(chance, operationId, this.#drawData());
    const requirements = requirementsFor(chance, chance.pick(nodes));
    const deadline = chance.perMille(60) ? { deadlineMs: plane.wallNow + chance.between(1, 12 * rates.jobMs) } : {};
    const fate = drawFate(chance);
    return {
      operationId,
      requirements,
      fate,
      durationMs: rates.jobMs,
      key: chance.perMille(200) ? `key-${operationId}` : null,
      request: {
        spec,
        requirements,
        priority: chance.perMille(300) ? chance.between(-3, 3) : 0,
        maxAttempts: chance.between(1, 4),
        ...deadline,
      },
    };
  }

  /** Requests a symbol that some node has, or a version in the store by its hash. */
  #drawData(): DataRequest {
    const { chance, judge } = this.#world;
    const pinned = judge.published.length > 0 && chance.perMille(300) ? chance.pick(judge.published) : null;
    if (pinned !== null) return { symbol: pinned.symbol, timeframe: "1d", sha256: pinned.sha256 };
    return { symbol: chance.pick(SYMBOLS), timeframe: "1d" };
  }

  /** Ends this attempt. The summary names its worker, so that a result can be told from another attempt's. */
  outcome(lease: Lease, workerId: string): JobOutcome {
    const { fate } = this.task(lease.operationId);
    if (fate === "final" || (fate === "flaky" && this.#world.chance.perMille(500))) {
      const problem = new Problem(fate === "final" ? "invalid-data" : "internal", "the job failed, as it was to");
      return { type: "failed", error: problem.toDetails(), retryable: fate === "flaky" };
    }
    return { type: "result", result: resultOf(lease, workerId, fate === "artefact" || fate === "parts") };
  }
}

function drawFate(chance: Chance): Fate {
  const number = chance.next() % 100;
  if (number < 45) return "result";
  if (number < 67) return "artefact";
  if (number < 82) return "parts";
  if (number < 88) return "final";
  if (number < 95) return "flaky";
  return number < 98 ? "never" : "poison";
}

function specFor(chance: Chance, operationId: string, data: DataRequest): OperationSpec {
  if (chance.perMille(600)) return { kind: "sleep", durationMs: 1, busy: false };
  if (chance.perMille(250)) {
    return { ...TRAINING, model: operationId, data: [data] };
  }
  return {
    kind: "backtest",
    strategy: {
      kind: "rules",
      name: operationId,
      parameters: {},
      indicators: {},
      entries: { long: "close > open" },
      exits: {},
      reverse: false,
      size: 1,
    },
    parameters: {},
    data,
    settings: backtestSettings.parse({}),
  };
}

/** Asks for no more than `node` has, so that there is always a machine that can do it, once it is well. */
function requirementsFor(chance: Chance, node: SimulatedNode): Requirements {
  const others = WORKER_TYPES.filter((type) => type !== node.workerType);
  const workerTypes = chance.perMille(500) ? [node.workerType] : [node.workerType, chance.pick(others)];
  if (chance.perMille(300)) workerTypes.reverse();
  return {
    workerTypes,
    labels: chance.perMille(200) ? node.labels : {},
    memoryBytes: chance.perMille(200) ? node.memoryBytes : 0,
    preferWaitMs: chance.perMille(250) ? chance.pick([500, 5_000, 30_000]) : 0,
  };
}

function resultOf({ operationId, attempt }: Lease, workerId: string, withBytes: boolean): OperationResult {
  const sha256 = withBytes ? hashFor(operationId) : null;
  const summary = { operation: operationId, attempt, worker: workerId };
  const bytes = sha256 === null ? 0 : contentOf(sha256).length;
  return { sha256, bytes, mediaType: "text/plain", summary };
}

/** Stands in for SHA-256: every attempt of an operation makes the same bytes, and few operations share theirs. */
function hashFor(operationId: string): string {
  const digits = Array.from(operationId.slice(3), (letter) => letter.charCodeAt(0).toString(16)).join("");
  return digits.padEnd(64, "0").slice(0, 64);
}

/** Makes the hash of an attempt's newest checkpoint; another attempt makes other ones. */
export function checkpointOf({ operationId, attempt }: Lease): string {
  return `c${attempt}${hashFor(operationId)}`.slice(0, 64);
}

/** Makes bytes for two bars of a dataset, which are three parts of an upload. */
export function contentOf(sha256: string): string {
  return `the bytes that ${sha256} names`.padEnd(96, ".");
}
