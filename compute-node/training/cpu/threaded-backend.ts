/**
 * Several models at once, each in one of several threads: seeds, folds, hyper-parameters. What a model learns does not
 * depend on how many threads there are.
 */
import { Worker } from "node:worker_threads";
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
} from "../network.ts";
import type { ThreadAnswer, ThreadRequest, ThreadValue } from "./session-messages.ts";

type WithoutNumbers<Request> = Request extends unknown ? Omit<Request, "session" | "call"> : never;

interface Pending {
  readonly resolve: (value: ThreadValue) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread, and the questions that it has not answered yet. */
class SessionThread {
  readonly #worker = new Worker(new URL("session-thread.ts", import.meta.url));
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #sessions = 0;
  #failure: Problem | null = null;

  constructor() {
    this.#worker.on("message", (answer: ThreadAnswer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(Problem.from(error)));
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

class ThreadSession implements TrainingSession {
  readonly #thread: SessionThread;
  readonly #session: number;
  readonly #batchRows: number;

  constructor(thread: SessionThread, session: number, batchRows: number) {
    this.#thread = thread;
    this.#session = session;
    this.#batchRows = batchRows;
  }

  async trainBatches({ order, firstBatch, batchCount, learningRate }: BatchRequest): Promise<BatchResults> {
    // Only the rows of these batches travel.
    const rows = order.slice(firstBatch * this.#batchRows, (firstBatch + batchCount) * this.#batchRows);
    const request = { order: rows, firstBatch: 0, batchCount, learningRate };
    return (await this.#thread.ask(this.#session, { kind: "train", request })) as BatchResults;
  }

  async evaluate(rows: Uint32Array): Promise<Evaluation> {
    return (await this.#thread.ask(this.#session, { kind: "evaluate", rows })) as Evaluation;
  }

  async getState(): Promise<LearntState> {
    return (await this.#thread.ask(this.#session, { kind: "getState" })) as LearntState;
  }

  async setState(state: LearntState): Promise<void> {
    await this.#thread.ask(this.#session, { kind: "setState", state });
  }

  dispose(): void {
    // A thread that has failed has no session left either.
    this.#thread.ask(this.#session, { kind: "dispose" }).catch(() => {});
  }
}

/** To be closed when its sessions are no longer wanted: its threads keep a process alive. */
export interface ThreadedBackend extends TrainingBackend {
  close(): Promise<void>;
}

/** A backend of `threadCount` threads, which take members in turn. */
export function openThreadedBackend(threadCount: number, mode: KernelMode = "exact"): ThreadedBackend {
  const threads = Array.from({ length: threadCount }, () => new SessionThread());
  let next = 0;
  const createIn = async (thread: SessionThread, member: Member) => {
    const session = thread.nextSession();
    await thread.ask(session, { kind: "create", member, mode });
    return new ThreadSession(thread, session, member.options.batchRows);
  };
  const create = (member: Member) => createIn(threads[next++ % threadCount], member);
  return {
    name: mode === "exact" ? "cpu" : "cpu-fast",
    create,
    createPopulation: (members) => {
      const shared = new Map<Float32Array, Float32Array>();
      return Promise.all(members.map((member) => create(withSharedFeatures(member, shared))));
    },
    close: async () => {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

/** Members of one set read the same memory in all threads. */
function withSharedFeatures(member: Member, known: Map<Float32Array, Float32Array>): Member {
  const { features } = member.set;
  if (features.buffer instanceof SharedArrayBuffer) return member;
  let shared = known.get(features);
  if (shared === undefined) {
    shared = new Float32Array(new SharedArrayBuffer(features.byteLength));
    shared.set(features);
    known.set(features, shared);
  }
  return { ...member, set: { ...member.set, features: shared } };
}
