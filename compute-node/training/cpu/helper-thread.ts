/** A thread that helps another with the large calls of its kernels, until it is ended. */
import { parentPort, workerData } from "node:worker_threads";
import { createSharedKernels, type KernelMode } from "../kernels/kernels.ts";
import { SharedCalls } from "./shared-calls.ts";

/** The data that it is started with. */
export interface HelperInput {
  readonly mode: KernelMode;
  readonly memory: WebAssembly.Memory;
  readonly calls: SharedArrayBuffer;
}

if (parentPort === null) throw new Error("helper-thread.ts runs as a thread of a split backend.");
const { mode, memory, calls } = workerData as HelperInput;
const kernels = createSharedKernels(mode, memory);
parentPort.postMessage("ready");
new SharedCalls(calls).help(kernels);
