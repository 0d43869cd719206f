/** One model by several threads, where its layers are large enough for that to pay. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Problem } from "../../../protocol/problem.ts";
import { createSharedKernels, createSharedMemory, type KernelMode } from "../kernels/kernels.ts";
import type { BatchRequest, BatchResults, Member, TrainingSession } from "../network.ts";
import type { HelperInput } from "./helper-thread.ts";
import { CpuSession } from "./session.ts";
import { SharedCalls } from "./shared-calls.ts";
import { SPLIT_THRESHOLDS, type SplitThresholds, splitKernels } from "./split-kernels.ts";
import { threadsFor } from "./split-threads.ts";
import type { ThreadedBackend } from "./threaded-backend.ts";

/** A helper has a kernel's calls to make, and nothing to keep. */
const HELPER_HEAP_MB = 16;

/** Computes with its thread's own hands and those of helpers, which it waits for within a batch. */
class SplitSession extends CpuSession {
  readonly threadCount: number;
  readonly #helpers: readonly Worker[];
  #fault: Problem | null = null;

  private constructor(member: Member, mode: KernelMode, threadCount: number, thresholds: SplitThresholds) {
    const calls = new SharedCalls();
    const memory = createSharedMemory();
    super(member, mode, splitKernels(createSharedKernels(mode, memory), calls, threadCount, thresholds));
    this.threadCount = threadCount;
    const input: HelperInput = { mode, memory, calls: calls.memory };
    this.#helpers = Array.from({ length: threadCount - 1 }, () => this.#startHelper(input));
  }

  /** With its helpers ready. */
  static async start(member: Member, mode: KernelMode, threadCount: number, thresholds: SplitThresholds) {
    const session = new SplitSession(member, mode, threadCount, thresholds);
    await Promise.all(session.#helpers.map(ready));
    return session;
  }

  #startHelper(workerData: HelperInput): Worker {
    const helper = new Worker(new URL("helper-thread.ts", import.meta.url), {
      name: "ktrdr-training",
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HELPER_HEAP_MB },
    });
    helper.on("error", (error) => {
      this.#fault = new Problem("unavailable", `A training thread died: ${Problem.from(error).message}`);
    });
    return helper;
  }

  override trainBatches(request: BatchRequest): Promise<BatchResults> {
    return this.#fault === null ? super.trainBatches(request) : Promise.reject(this.#fault);
  }

  override async close(): Promise<void> {
    await Promise.all(this.#helpers.map((helper) => helper.terminate()));
  }

  override dispose(): void {
    void this.close();
  }
}

async function ready(helper: Worker): Promise<void> {
  const [said] = await Promise.race([once(helper, "message"), once(helper, "exit")]);
  if (said !== "ready") throw new Problem("unavailable", `A training thread ended with code ${said}.`);
}

/** `threadCount` counts the calling thread, which computes too. */
export async function createCpuSession(
  member: Member,
  mode: KernelMode,
  threadCount: number,
  thresholds: SplitThresholds = SPLIT_THRESHOLDS,
): Promise<CpuSession> {
  if (threadCount === 1) return new CpuSession(member, mode);
  return SplitSession.start(member, mode, threadCount, thresholds);
}

/**
 * `threadCount` counts the calling thread, which computes too. The bytes are those of one thread. A network that is too
 * small for it has one thread.
 */
export function openSplitBackend(
  threadCount: number,
  mode: KernelMode = "exact",
  thresholds: SplitThresholds = SPLIT_THRESHOLDS,
): ThreadedBackend {
  const sessions: CpuSession[] = [];
  const create = async (member: Member): Promise<TrainingSession> => {
    const session = await createCpuSession(member, mode, threadsFor(member, threadCount, thresholds), thresholds);
    sessions.push(session);
    return session;
  };
  return {
    name: mode === "exact" ? "cpu" : "cpu-fast",
    create,
    createPopulation: (members) => Promise.all(members.map(create)),
    close: async () => {
      await Promise.all(sessions.map((session) => session.close()));
    },
  };
}
