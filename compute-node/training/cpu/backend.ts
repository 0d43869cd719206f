/** The CPU as a backend: SIMD kernels in WebAssembly. */
import type { KernelMode } from "../kernels/kernels.ts";
import type { Member, TrainingBackend } from "../network.ts";
import { CpuSession } from "./session.ts";

/** `exact` trains to the same bits on every machine; `fast` rounds in the way that is fastest on the machine. */
export function cpuBackend(mode: KernelMode = "exact"): TrainingBackend {
  return {
    name: mode === "exact" ? "cpu" : "cpu-fast",
    create: (member) => Promise.resolve(new CpuSession(member, mode)),
    createPopulation: (members: readonly Member[]) =>
      Promise.resolve(members.map((member) => new CpuSession(member, mode))),
  };
}
