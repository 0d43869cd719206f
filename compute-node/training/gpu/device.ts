/** A device of an adapter, whose failures are Problems: nothing that goes wrong on it stays unheard. */
import { Problem } from "../../../protocol/index.ts";
import { type AdapterDescription, adapterLine, type FoundAdapter } from "./adapter.ts";

/** GPUBufferUsage, as the WebGPU specification numbers it; the global exists in browsers alone. */
export const USAGE = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 128 } as const;
const MAP_READ = 1;

export interface BufferRequest {
  /** Named in the Problem of one that does not fit. */
  readonly label: string;
  readonly byteLength: number;
  readonly usage: number;
}

export interface Kernel {
  readonly layout: GPUBindGroupLayout;
  readonly pipeline: GPUComputePipeline;
}

export class GpuDevice {
  readonly description: AdapterDescription;
  readonly device: GPUDevice;
  /** The first failure; everything asked for afterwards is answered with it. */
  #failure: Problem | null = null;
  readonly #failed: Promise<never>;
  /** By their text. */
  readonly #kernels = new Map<string, Promise<Kernel>>();

  /** Throws `unavailable` when the adapter gives no device. */
  static async open({ adapter, description }: FoundAdapter): Promise<GpuDevice> {
    const { limits } = description;
    try {
      const device = await adapter.requestDevice({
        requiredLimits: {
          maxBufferSize: limits.bufferBytes,
          maxStorageBufferBindingSize: limits.storageBindingBytes,
          maxStorageBuffersPerShaderStage: limits.storageBuffersPerStage,
          maxComputeWorkgroupStorageSize: limits.workgroupMemoryBytes,
          maxComputeInvocationsPerWorkgroup: limits.workgroupThreads,
          maxComputeWorkgroupSizeX: Math.min(limits.workgroupThreads, adapter.limits.maxComputeWorkgroupSizeX),
        },
      });
      return new GpuDevice(device, description);
    } catch (cause) {
      throw new Problem("unavailable", `${adapterLine(description)} gives no device: ${String(cause)}`, {
        cure: "Look whether another program holds the GPU, and whether its driver works.",
        cause,
      });
    }
  }

  private constructor(device: GPUDevice, description: AdapterDescription) {
    this.device = device;
    this.description = description;
    const { promise, reject } = Promise.withResolvers<never>();
    // Whoever waits meets the failure; a failure between two requests is met by the next one.
    promise.catch(() => {});
    this.#failed = promise;
    const fail = (problem: Problem): void => {
      this.#failure ??= problem;
      reject(this.#failure);
    };
    device.addEventListener("uncapturederror", (event) =>
      fail(problemOfGpuError((event as GPUUncapturedErrorEvent).error, description)),
    );
    void device.lost.then(({ reason, message }) => fail(this.#lost(reason, message)));
  }

  /** Throws the device's failure, when it has one. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Waits for `work`, or for the device's failure, whichever comes first. */
  async settle<T>(work: Promise<T>): Promise<T> {
    const result = await Promise.race([work.catch((thrown) => this.#afterFailure(thrown)), this.#failed]);
    this.check();
    return result;
  }

  /** Throws `too-large` when no buffer of this adapter is large enough. `withinMemory` meets running out of memory. */
  createBuffer({ label, byteLength, usage }: BufferRequest): GPUBuffer {
    const { limits } = this.description;
    const most = usage & USAGE.storage ? Math.min(limits.storageBindingBytes, limits.bufferBytes) : limits.bufferBytes;
    const size = Math.max(16, Math.ceil(byteLength / 4) * 4);
    if (size > most) {
      throw new Problem(
        "too-large",
        `The buffer for ${label} needs ${size} bytes; a buffer here has at most ${most}.`,
        {
          cure: "Train fewer members at once, with smaller batches or a smaller network, or on the CPU.",
        },
      );
    }
    return this.device.createBuffer({ label, size, usage });
  }

  /** Does a step that takes much memory. Throws `too-large` when there is not enough; the device goes on. */
  async withinMemory(work: () => void): Promise<void> {
    this.device.pushErrorScope("out-of-memory");
    let scope: Promise<GPUError | null>;
    try {
      work();
    } finally {
      scope = this.device.popErrorScope();
    }
    const error = await this.settle(scope);
    if (error !== null) throw problemOfGpuError(error, this.description);
  }

  /**
   * A kernel of this text, compiled when it is first asked for.
   * Throws `internal` with the compiler's message and line for a text that it refuses.
   */
  compile(label: string, code: string, entries: readonly GPUBindGroupLayoutEntry[]): Promise<Kernel> {
    const known = this.#kernels.get(code);
    if (known !== undefined) return known;
    const kernel = this.#compile(label, code, entries);
    this.#kernels.set(code, kernel);
    return kernel;
  }

  async #compile(label: string, code: string, entries: readonly GPUBindGroupLayoutEntry[]): Promise<Kernel> {
    // The scope takes the module's error, which its messages tell better.
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ label, code });
    const scope = this.device.popErrorScope();
    const { messages } = await this.settle(module.getCompilationInfo());
    const error = messages.find(({ type }) => type === "error");
    const refusal = await this.settle(scope);
    if (error !== undefined || refusal !== null) throw refusedKernel(label, code, error, refusal);
    const layout = this.device.createBindGroupLayout({ label, entries });
    const pipelineLayout = this.device.createPipelineLayout({ label, bindGroupLayouts: [layout] });
    const compute = { module, entryPoint: "main" };
    const work = this.device.createComputePipelineAsync({ label, layout: pipelineLayout, compute });
    return { layout, pipeline: await this.settle(work) };
  }

  /** Copies parts of buffers to this machine, one after the other: `ranges` in bytes, multiples of 4. */
  async read(ranges: readonly { buffer: GPUBuffer; offset: number; byteLength: number }[]): Promise<ArrayBuffer[]> {
    this.check();
    const total = ranges.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const usage = USAGE.mapRead | USAGE.copyTarget;
    const staging = this.createBuffer({ label: "results", byteLength: total, usage });
    try {
      const encoder = this.device.createCommandEncoder();
      let at = 0;
      for (const { buffer, offset, byteLength } of ranges) {
        encoder.copyBufferToBuffer(buffer, offset, staging, at, byteLength);
        at += byteLength;
      }
      this.device.queue.submit([encoder.finish()]);
      await this.settle(staging.mapAsync(MAP_READ));
      const mapped = staging.getMappedRange();
      at = 0;
      return ranges.map(({ byteLength }) => {
        at += byteLength;
        return mapped.slice(at - byteLength, at);
      });
    } finally {
      staging.destroy();
    }
  }

  /** Frees everything on it. Requests that still wait fail. */
  destroy(): void {
    this.device.destroy();
  }

  /** An answer to a request is often refused because of an earlier failure; that one says more. */
  async #afterFailure(thrown: unknown): Promise<never> {
    // The event of the failure comes in a later task than the refusal.
    await new Promise((resolve) => setImmediate(resolve));
    this.check();
    throw Problem.from(thrown);
  }

  #lost(reason: string, message: string): Problem {
    const how = reason === "destroyed" ? "was closed" : "was lost";
    return new Problem("unavailable", `${adapterLine(this.description)} ${how}: ${message}`, {
      cure: "The training goes on from its newest checkpoint; if it happens again, look at the driver's log.",
    });
  }
}

/** What WebGPU reports outside of an answer. */
export function problemOfGpuError(error: Pick<GPUError, "message">, description: AdapterDescription): Problem {
  if (error.constructor.name === "GPUOutOfMemoryError") {
    return new Problem("too-large", `${adapterLine(description)} is out of memory: ${error.message}`, {
      cure: "Train fewer members at once, with smaller batches or a smaller network, or on the CPU.",
    });
  }
  return new Problem("internal", `${adapterLine(description)} refused a command: ${error.message}`, {
    cure: "Report it with the adapter's name; train on the CPU meanwhile.",
  });
}

function refusedKernel(
  label: string,
  code: string,
  error: GPUCompilationMessage | undefined,
  refusal: GPUError | null,
): Problem {
  const line = error === undefined ? "" : ` in line ${error.lineNum}, ${code.split("\n")[error.lineNum - 1]?.trim()}`;
  const why = error?.message ?? refusal?.message ?? "no reason given";
  return new Problem("internal", `The kernel ${label} does not compile${line}: ${why}`, {
    cure: "Report it with the adapter's name; train on the CPU meanwhile.",
  });
}
