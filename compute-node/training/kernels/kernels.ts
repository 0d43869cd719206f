/** The compiled kernels of `assembly/`, and memory for them. Pointers are byte addresses, lengths are in floats. */
import { readFileSync } from "node:fs";
import { Problem } from "../../../protocol/problem.ts";

/** What `assembly/index.ts` exports; see there. */
export interface Kernels {
  readonly memory: WebAssembly.Memory;
  firstFreeByte(): number;
  multiply(
    left: number,
    leftStride: number,
    right: number,
    rightStride: number,
    start: number,
    result: number,
    resultStride: number,
    values: number,
    rows: number,
    depth: number,
    columns: number,
    finish: number,
  ): void;
  multiplyTransposed(
    left: number,
    leftStride: number,
    right: number,
    rightStride: number,
    result: number,
    resultStride: number,
    rows: number,
    leftColumns: number,
    rightColumns: number,
  ): void;
  sumRows(matrix: number, stride: number, result: number, rows: number, columns: number): void;
  transpose(from: number, fromStride: number, to: number, toStride: number, rows: number, columns: number): void;
  activate(values: number, length: number, activation: number): void;
  clearPadding(values: number, stride: number, rows: number, columns: number): void;
  dropOut(
    values: number,
    stride: number,
    rows: number,
    columns: number,
    key: number,
    threshold: number,
    scale: number,
  ): void;
  slopeThroughDropout(
    gradient: number,
    values: number,
    length: number,
    kept: number,
    scale: number,
    activation: number,
  ): void;
  gradientThroughDropout(gradient: number, values: number, length: number, scale: number): void;
  normaliseBatch(
    values: number,
    normalised: number,
    stride: number,
    rows: number,
    columns: number,
    scale: number,
    shift: number,
    inverse: number,
    runningMean: number,
    runningVariance: number,
    epsilon: number,
    momentum: number,
  ): void;
  normaliseByRunning(
    values: number,
    stride: number,
    rows: number,
    columns: number,
    scale: number,
    shift: number,
    runningMean: number,
    runningVariance: number,
    epsilon: number,
  ): void;
  normaliseGradient(
    gradient: number,
    normalised: number,
    stride: number,
    rows: number,
    columns: number,
    scale: number,
    inverse: number,
    scaleGradient: number,
    shiftGradient: number,
  ): void;
  lstmForward(
    gates: number,
    stride: number,
    before: number,
    memory: number,
    state: number,
    stateStride: number,
    rows: number,
    columns: number,
    starts: number,
    time: number,
  ): void;
  lstmBackward(
    gates: number,
    stride: number,
    before: number,
    memory: number,
    stateStride: number,
    gradient: number,
    carry: number,
    carryStride: number,
    rows: number,
    columns: number,
    starts: number,
    time: number,
  ): void;
  gruForward(
    gates: number,
    fromState: number,
    stride: number,
    before: number,
    state: number,
    stateStride: number,
    rows: number,
    columns: number,
    starts: number,
    time: number,
  ): void;
  gruBackward(
    gates: number,
    fromState: number,
    stride: number,
    before: number,
    stateStride: number,
    gradient: number,
    carry: number,
    carryStride: number,
    rows: number,
    columns: number,
    starts: number,
    time: number,
  ): void;
  lossSums(): number;
  classLoss(
    outputs: number,
    stride: number,
    labels: number,
    weights: number,
    rows: number,
    paddedRows: number,
    classes: number,
    gamma: number,
  ): number;
  valueLoss(outputs: number, stride: number, targets: number, rows: number, paddedRows: number, delta: number): void;
  squareSum(values: number, length: number): number;
  adam(
    weights: number,
    gradients: number,
    first: number,
    second: number,
    length: number,
    clip: number,
    decay: number,
    shrink: number,
    beta1: number,
    beta2: number,
    rate: number,
    rootScale: number,
    epsilon: number,
  ): void;
  descend(
    weights: number,
    gradients: number,
    velocity: number,
    length: number,
    clip: number,
    decay: number,
    momentum: number,
    rate: number,
  ): void;
  scaleByRoot(
    weights: number,
    gradients: number,
    second: number,
    length: number,
    clip: number,
    decay: number,
    alpha: number,
    rate: number,
    epsilon: number,
  ): void;
}

/** The last step on a product's tiles, as in `assembly/matrix.ts`. */
export const FINISH = { none: 0, relu: 1, leaky_relu: 2, add: 3, slope: 4 } as const;

/** `exact` gives the same bits on every machine; `fast` may round once where `exact` rounds twice. */
export type KernelMode = "exact" | "fast";

const compiled = new Map<string, WebAssembly.Module>();

/** Throws a Problem when the kernels were not built. */
function compile(name: KernelMode | `${KernelMode}-shared`): WebAssembly.Module {
  const known = compiled.get(name);
  if (known !== undefined) return known;
  const file = new URL(`build/${name}.wasm`, import.meta.url);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch (error) {
    throw new Problem("unavailable", `The training kernels are not built: ${file.pathname} cannot be read.`, {
      cure: "Run `npm run build` where ktrdr is installed.",
      cause: error,
    });
  }
  const module = new WebAssembly.Module(bytes);
  compiled.set(name, module);
  return module;
}

/** Kernels with a memory of their own. */
export function createKernels(mode: KernelMode): Kernels {
  return new WebAssembly.Instance(compile(mode), {}).exports as unknown as Kernels;
}

const MEMORY_PAGES_MAX = 65536;

/** For `createSharedKernels`, in all threads that work on it. */
export function createSharedMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: MEMORY_PAGES_MAX, shared: true });
}

/** The same kernels on memory that other threads' kernels have too. To be created in all of them before any is used. */
export function createSharedKernels(mode: KernelMode, memory: WebAssembly.Memory): Kernels {
  const { exports } = new WebAssembly.Instance(compile(`${mode}-shared`), { env: { memory } });
  return { ...(exports as unknown as Kernels), memory };
}

/** Gives out a kernel's memory, once; it is freed with the kernels. All of it starts at zero. */
export class Arena {
  readonly kernels: Kernels;
  #next: number;

  constructor(kernels: Kernels) {
    this.kernels = kernels;
    this.#next = kernels.firstFreeByte();
  }

  /** The address of so many bytes, at a multiple of 64. Views of the memory that were made before are then invalid. */
  allocate(byteCount: number): number {
    const address = Math.ceil(this.#next / 64) * 64;
    this.#next = address + byteCount;
    const { memory } = this.kernels;
    const missing = this.#next - memory.buffer.byteLength;
    if (missing > 0) grow(memory, Math.ceil(missing / 65536));
    return address;
  }

  allocateFloats(length: number): number {
    return this.allocate(length * 4);
  }
}

function grow(memory: WebAssembly.Memory, pageCount: number): void {
  try {
    memory.grow(pageCount);
  } catch (error) {
    const megabytes = Math.round((memory.buffer.byteLength + pageCount * 65536) / 1e6);
    throw new Problem(
      "too-large",
      `The network and one batch of it need ${megabytes} MB, more than a kernel can have.`,
      {
        cure: "Make the batch, the hidden layers or the sequence smaller.",
        cause: error,
      },
    );
  }
}
