/** Chooses where a run trains: on the node's GPU when it takes the network, else on its processor. */
import type { TrainSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import {
  cpuBackend,
  type Member,
  openSplitBackend,
  openThreadedBackend,
  type TrainingBackend,
} from "../training/index.ts";

/** The node's GPU; null without one. */
interface NodeGpu {
  /** An adapter that computes on the CPU counts as one. */
  readonly allowSoftware: boolean;
}

/** The threads and devices that a node offers a training run. */
export interface TrainingMachine {
  readonly gpu: NodeGpu | null;
  /** Threads that a run on the CPU may use. */
  readonly threads: number;
  /** A run that asks for no backend stays on the processor, also where there is a GPU. */
  readonly prefersCpu?: boolean;
}

interface OpenBackend {
  readonly backend: TrainingBackend;
  /** Gives the device back, and ends the threads. */
  close(): Promise<void>;
}

type Log = (lines: string[]) => void;

/** Throws a `Problem` where a GPU is asked for and there is none; says so where it was not asked for. */
export async function openBackend(
  spec: Pick<TrainSpec, "backend" | "fast" | "seeds">,
  { gpu, threads, prefersCpu = false }: TrainingMachine,
  onLog: Log,
): Promise<OpenBackend> {
  const cpu = openCpu(spec, threads);
  if (spec.backend === "cpu" || (spec.backend === "auto" && prefersCpu)) return cpu;
  if (gpu === null) {
    if (spec.backend === "gpu") throw noGpu();
    onLog(["this node has no GPU: training on the CPU"]);
    return cpu;
  }
  try {
    // Dawn is 132 MB, which nobody else loads.
    const { openGpuBackend } = await import("../training/gpu/index.ts");
    const opened = await openGpuBackend({ allowSoftware: gpu.allowSoftware });
    onLog([`training on ${opened.name}`]);
    const close = async () => {
      opened.dispose();
      await cpu.close();
    };
    return { backend: spec.backend === "gpu" ? opened : withFallback(opened, cpu.backend, onLog), close };
  } catch (thrown) {
    if (spec.backend === "gpu") throw thrown;
    onLog([`the GPU cannot be used (${Problem.from(thrown).message}): training on the CPU`]);
    return cpu;
  }
}

/** Several networks are trained side by side, a single one by all threads if it is large. They start when needed. */
function openCpu({ fast, seeds = 1 }: Pick<TrainSpec, "fast" | "seeds">, threads: number): OpenBackend {
  const mode = fast ? "fast" : "exact";
  if (threads === 1) return { backend: cpuBackend(mode), close: () => Promise.resolve() };
  const beside = Math.min(seeds, threads);
  const each = Math.floor(threads / beside);
  const backend = seeds === 1 ? openSplitBackend(threads, mode) : openThreadedBackend(beside, mode, each);
  return { backend, close: () => backend.close() };
}

/** `first`, or `second` where the first refuses a network; its name is of the one that was taken last. */
export function withFallback(first: TrainingBackend, second: TrainingBackend, onLog: Log): TrainingBackend {
  let taken = first;
  const attempt = async <T>(create: (backend: TrainingBackend) => Promise<T>): Promise<T> => {
    try {
      taken = first;
      return await create(first);
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown;
      onLog([`${thrown.message} Training on the CPU.`]);
      taken = second;
      return create(second);
    }
  };
  return {
    get name() {
      return taken.name;
    },
    create: (member: Member) => attempt((backend) => backend.create(member)),
    createPopulation: (members: readonly Member[]) => attempt((backend) => backend.createPopulation(members)),
  };
}

function noGpu(): Problem {
  return new Problem("unavailable", "This run asks for a GPU, and this node has none.", {
    cure: "Submit it with --worker-type gpu_host, or with --backend auto.",
  });
}
