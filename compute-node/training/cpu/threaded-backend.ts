/**
 * Several models at once, each in one of several threads: seeds, folds, hyper-parameters. What a model learns does not
 * depend on how many threads there are.
 */
import { resourceLimits, Worker } from "node:worker_threads";
import { Problem } from "../../../protocol/problem.ts";
import type { KernelMode } from "../kernels/kernels.ts";
import type {
  BatchRequest,
  BatchResults,
  Evaluation,
  LearntState,
  Member,
  TrainingBackend,
  TrainingSession,
  TrainingSet,
} from "../network.ts";
import type { SessionOrder, ThreadAnswer, ThreadRequest, ThreadValue } from "./session-messages.ts";
import { threadsFor } from "./split-threads.ts";

type WithoutNumbers<Request> = Request extends unknown ? Omit<Request, "session" | "call"> : never;

interface Pending {
  readonly resolve: (value: ThreadValue) => void;
  readonly reject: (error: unknown) => void;
}

/** Node's error code for a thread whose heap is full. */
const OUT_OF_MEMORY = "ERR_WORKER_OUT_OF_MEMORY";
/** A thread does not start with much less. */
const LEAST_HEAP_MB = 16;

/** One thread, and the questions that it has not answered yet. */
class SessionThread {
  readonly number: number;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #sessions = 0;
  #failure: Problem | null = null;

  /** `heapMb` limits its JavaScript heap; without it, Node decides. */
  constructor(number: number, heapMb: number | undefined) {
    this.number = number;
    this.#worker = new Worker(new URL("session-thread.ts", import.meta.url), {
      name: "ktrdr-training",
      ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
    });
    this.#worker.on("message", (answer: ThreadAnswer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(deathOf(error)));
    this.#worker.on("exit", (code) => {
      this.#fail(new Problem("unavailable", `A training thread ended with code ${code}.`));
    });
  }

  nextSession(): number {
    return this.#sessions++;
  }

  ask(session: number, request: WithoutNumbers<ThreadRequest>): Promise<ThreadValue> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve, reject });
      this.#worker.postMessage({ ...request, session, call });
    });
  }

  #settle(answer: ThreadAnswer): void {
    const pending = this.#pending.get(answer.call);
    this.#pending.delete(answer.call);
    if ("problem" in answer) pending?.reject(Problem.fromDetails(answer.problem));
    else pending?.resolve(answer.value);
  }

  #fail(problem: Problem): void {
    this.#failure ??= problem;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

function deathOf(error: unknown): Problem {
  const isMemory = error instanceof Error && "code" in error && error.code === OUT_OF_MEMORY;
  if (!isMemory) return new Problem("unavailable", `A training thread died: ${Problem.from(error).message}`);
  return new Problem("unavailable", "A training thread ran out of memory.", {
    cure: "Raise --job-memory-mb on the node, lower its --training-threads, or train fewer seeds at once.",
  });
}

/** A session's place. */
interface Home {
  readonly thread: SessionThread;
  readonly session: number;
}

class ThreadSession implements TrainingSession {
  readonly #order: SessionOrder;
  readonly #threads: readonly SessionThread[];
  #home: Home;

  private constructor(order: SessionOrder, threads: readonly SessionThread[], home: Home) {
    this.#order = order;
    this.#threads = threads;
    this.#home = home;
  }

  /** In the thread of that number. */
  static async create(order: SessionOrder, threads: readonly SessionThread[], thread: number) {
    return new ThreadSession(order, threads, await begin(threads[thread], order));
  }

  get threadCount(): number {
    return this.#order.threadCount;
  }

  get thread(): number {
    return this.#home.thread.number;
  }

  async moveTo(thread: number): Promise<void> {
    const home = await begin(this.#threads[thread], this.#order);
    const state = await this.getState();
    this.dispose();
    this.#home = home;
    await this.setState(state);
  }

  async trainBatches({ order, firstBatch, batchCount, learningRate }: BatchRequest): Promise<BatchResults> {
    const { batchRows } = this.#order.member.options;
    // Only the rows of these batches travel.
    const rows = order.slice(firstBatch * batchRows, (firstBatch + batchCount) * batchRows);
    const request = { order: rows, firstBatch: 0, batchCount, learningRate };
    return (await this.#ask({ kind: "train", request })) as BatchResults;
  }

  async evaluate(rows: Uint32Array): Promise<Evaluation> {
    return (await this.#ask({ kind: "evaluate", rows })) as Evaluation;
  }

  async getState(): Promise<LearntState> {
    return (await this.#ask({ kind: "getState" })) as LearntState;
  }

  async setState(state: LearntState): Promise<void> {
    await this.#ask({ kind: "setState", state });
  }

  dispose(): void {
    // A thread that has failed has no session left either.
    this.#ask({ kind: "dispose" }).catch(() => {});
  }

  #ask(request: WithoutNumbers<ThreadRequest>): Promise<ThreadValue> {
    return this.#home.thread.ask(this.#home.session, request);
  }
}

async function begin(thread: SessionThread, order: SessionOrder): Promise<Home> {
  const session = thread.nextSession();
  await thread.ask(session, { kind: "create", ...order });
  return { thread, session };
}

/** To be closed when its sessions are no longer wanted: its threads keep a process alive. */
export interface ThreadedBackend extends TrainingBackend {
  close(): Promise<void>;
}

/**
 * A backend of at most `threadCount` threads, which take members in turn; a thread starts with its first member. Each has
 * its share of the heap that the calling thread may have. A large network's batches are split over `threadsEach`, its own
 * among them.
 */
export function openThreadedBackend(threadCount: number, mode: KernelMode = "exact", threadsEach = 1): ThreadedBackend {
  const threads: SessionThread[] = [];
  let members = 0;
  let isClosed = false;
  const create = (member: Member) => {
    if (isClosed) throw new Error("the threaded backend is closed");
    const thread = members++ % threadCount;
    if (threads.length === thread) threads.push(new SessionThread(thread, heapShareMb(threadCount)));
    return ThreadSession.create({ member, mode, threadCount: threadsFor(member, threadsEach) }, threads, thread);
  };
  return {
    name: mode === "exact" ? "cpu" : "cpu-fast",
    create: async (member) => create(member),
    createPopulation: async (members) => {
      const shared = new Map<TrainingSet, TrainingSet>();
      return Promise.all(members.map((member) => create({ ...member, set: sharedSet(member.set, shared) })));
    },
    close: async () => {
      isClosed = true;
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

function heapShareMb(threadCount: number): number | undefined {
  const { maxOldGenerationSizeMb: allMb } = resourceLimits;
  return allMb === undefined ? undefined : Math.max(LEAST_HEAP_MB, Math.floor(allMb / threadCount));
}

/** Members of one set read the same memory in all threads. */
function sharedSet(set: TrainingSet, known: Map<TrainingSet, TrainingSet>): TrainingSet {
  const before = known.get(set);
  if (before !== undefined) return before;
  const { features, labels, training, validation, test, windowRows } = set;
  const shared: TrainingSet = {
    ...set,
    features: onSharedMemory(features, Float32Array),
    labels:
      labels.kind === "classes"
        ? { ...labels, values: onSharedMemory(labels.values, Uint8Array) }
        : { ...labels, values: onSharedMemory(labels.values, Float32Array) },
    training: onSharedMemory(training, Uint32Array),
    validation: onSharedMemory(validation, Uint32Array),
    test: onSharedMemory(test, Uint32Array),
    ...(windowRows === undefined ? {} : { windowRows: onSharedMemory(windowRows, Uint16Array) }),
  };
  known.set(set, shared);
  return shared;
}

type Values = Float32Array | Uint32Array | Uint16Array | Uint8Array;

/** The values themselves where they are shared already. */
function onSharedMemory<T extends Values>(values: T, type: new (buffer: SharedArrayBuffer) => T): T {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const shared = new type(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}
