/** Members of one shape on a device: their buffers, and the three dispatches of a step for all of them at once. */
import { Problem } from "../../../protocol/index.ts";
import type { BatchResults, LearntState, Member } from "../network.ts";
import { dropoutThreshold, streamSeed } from "../random.ts";
import {
  BUFFERS,
  type BufferName,
  bindGroupLayoutEntries,
  CONTROL_BYTES,
  KERNEL_BUFFERS,
  type KernelBuffers,
  type KernelName,
  type MemberSettings,
  memberBytes,
  packMembers,
} from "./bindings.ts";
import { type BufferRequest, type GpuDevice, type Kernel, USAGE } from "./device.ts";
import type { Plan } from "./plan.ts";
import { evaluationPrograms, type Program, trainingPrograms } from "./programs.ts";
import { type OutputsRequest, partsOf, type TrainRequest } from "./requests.ts";

interface CompiledProgram extends Program {
  readonly compiled: Kernel;
}

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly groups: readonly [number, number, number];
}

const BYTES_PER_FLOAT = 4;
const STATISTICS_FLOATS = 4;
/** WebGPU's own limit in each direction of a dispatch. */
const MOST_GROUPS = 65_535;
/** A driver resets a GPU that is busy with one submission for seconds; so much work is far below that. */
const SUBMISSION_FLOPS = 1e11;
const MOST_STEPS_PER_SUBMISSION = 256;
/** Bytes of the rows' order that go up at once: some milliseconds of a large population's work. */
export const SLICE_BYTES = 8 * 1024 * 1024;
/** Roughly the bytes that come down at once. Without a limit, large populations on long histories would fill the memory. */
const OUTPUT_BYTES = 64 * 1024 * 1024;

export class Population {
  readonly #device: GpuDevice;
  readonly #plan: Plan;
  readonly #members: readonly Member[];
  readonly #mostBatchRows: number;
  readonly #sliceBytes: number;
  readonly #steps: number[];
  readonly #buffers = new Map<BufferName, GPUBuffer>();
  #training: readonly CompiledProgram[] = [];
  #evaluation: readonly CompiledProgram[] = [];

  /**
   * Compiles the kernels and uploads the members' features and labels, which all share; their weights come with
   * `writeState`. Throws `too-large` for what the adapter's buffers do not hold.
   */
  static async create(
    device: GpuDevice,
    plan: Plan,
    members: readonly Member[],
    sliceBytes: number,
  ): Promise<Population> {
    const population = new Population(device, plan, members, sliceBytes);
    try {
      await population.#compile();
      await device.withinMemory(() => population.#allocate());
    } catch (thrown) {
      population.dispose();
      throw thrown;
    }
    return population;
  }

  private constructor(device: GpuDevice, plan: Plan, members: readonly Member[], sliceBytes: number) {
    this.#device = device;
    this.#plan = plan;
    this.#members = members;
    this.#mostBatchRows = mostBatchRowsOf(members);
    this.#sliceBytes = sliceBytes;
    this.#steps = members.map(() => 0);
  }

  /**
   * Runs the requests side by side; one request a member at most. The rows' order goes up in slices, each while the GPU
   * trains on the one before.
   */
  async train(requests: readonly TrainRequest[]): Promise<BatchResults[]> {
    const starts = this.#startTraining(requests);
    const steps = requests.reduce((most, { batchCount }) => Math.max(most, batchCount), 0);
    const rowsPerStep = requests.reduce((sum, { index }) => sum + this.#members[index].options.batchRows, 0);
    const perSlice = Math.max(1, Math.floor(this.#sliceBytes / BYTES_PER_FLOAT / rowsPerStep));
    let sliceBefore: Promise<undefined> = Promise.resolve(undefined);
    for (let done = 0; done < steps; done += perSlice) {
      const count = Math.min(perSlice, steps - done);
      this.#writeSlice(requests, starts, done, count);
      await this.#submitSteps(this.#training, count, requests.length);
      const slice = this.#device.settle(this.#device.device.queue.onSubmittedWorkDone());
      // Whoever waits for it meets its failure, unless the slice before has failed already.
      slice.catch(() => {});
      await sliceBefore;
      sliceBefore = slice;
    }
    await sliceBefore;
    return this.#readResults(requests, starts);
  }

  /** Raw outputs of each request's rows in evaluation mode, [example, output]. */
  async outputs(requests: readonly OutputsRequest[]): Promise<Float32Array[]> {
    const bytesOf = ({ rows }: OutputsRequest) => rows.length * this.#plan.network.outputs * BYTES_PER_FLOAT;
    const answers: Float32Array[] = [];
    for (const part of partsOf(requests, bytesOf, OUTPUT_BYTES)) answers.push(...(await this.#outputsPart(part)));
    return answers;
  }

  async #outputsPart(requests: readonly OutputsRequest[]): Promise<Float32Array[]> {
    const { outputs } = this.#plan.network;
    const starts = this.#writeOrders(requests.map(({ rows }) => rows));
    const settings = this.#idleSettings();
    for (const [at, { index, rows }] of requests.entries()) {
      settings[index] = {
        ...settings[index],
        orderStart: starts[at],
        exampleCount: rows.length,
        batchRows: this.#mostBatchRows,
        batchCount: Math.ceil(rows.length / this.#mostBatchRows),
      };
    }
    this.#write("members", packMembers(this.#plan, settings));
    const total = starts[requests.length];
    this.#grow("outputs", total * outputs * BYTES_PER_FLOAT);
    await this.#submitEvaluation(requests);
    const range = { buffer: this.#buffer("outputs"), offset: 0, byteLength: total * outputs * BYTES_PER_FLOAT };
    const [bytes] = await this.#device.read([range]);
    return requests.map((_, at) => new Float32Array(bytes).slice(starts[at] * outputs, starts[at + 1] * outputs));
  }

  async #submitEvaluation(requests: readonly OutputsRequest[]): Promise<void> {
    const most = requests.reduce((longest, { rows }) => Math.max(longest, rows.length), 0);
    if (this.#plan.tiling.layered) {
      this.#write("control", new Uint8Array(CONTROL_BYTES * this.#members.length));
      await this.#submitSteps(this.#evaluation, Math.ceil(most / this.#mostBatchRows), requests.length);
      return;
    }
    const groups = Math.ceil(most / this.#plan.tiling.rowsPerGroup);
    const inAll = [Math.min(groups, MOST_GROUPS), this.#members.length, Math.ceil(groups / MOST_GROUPS)] as const;
    this.#submit(
      this.#dispatches(this.#evaluation).map((dispatch) => ({ ...dispatch, groups: inAll })),
      1,
    );
  }

  async readStates(indexes: readonly number[]): Promise<LearntState[]> {
    const { parameterCount, keptCount, weightStride, moments } = this.#plan;
    const ranges = indexes.flatMap((index) => [
      {
        buffer: this.#buffer("weights"),
        offset: index * weightStride * BYTES_PER_FLOAT,
        byteLength: keptCount * BYTES_PER_FLOAT,
      },
      {
        buffer: this.#buffer("moments"),
        offset: index * moments * parameterCount * BYTES_PER_FLOAT,
        byteLength: moments * parameterCount * BYTES_PER_FLOAT,
      },
    ]);
    const parts = await this.#device.read(ranges);
    return indexes.map((index, at) => ({
      parameters: new Float32Array(parts[2 * at]),
      moments: Array.from({ length: moments }, (_, moment) => {
        const start = moment * parameterCount * BYTES_PER_FLOAT;
        return new Float32Array(parts[2 * at + 1].slice(start, start + parameterCount * BYTES_PER_FLOAT));
      }),
      steps: this.#steps[index],
    }));
  }

  writeState(index: number, { parameters, moments, steps }: LearntState): void {
    const { parameterCount, weightStride, matrices } = this.#plan;
    const weights = new Float32Array(weightStride);
    weights.set(parameters);
    for (const { inputs, outputs, weightOffset, transposedOffset } of matrices) {
      for (let output = 0; output < outputs; output++) {
        for (let input = 0; input < inputs; input++) {
          weights[transposedOffset + input * outputs + output] = parameters[weightOffset + output * inputs + input];
        }
      }
    }
    this.#write("weights", weights, index * weightStride * BYTES_PER_FLOAT);
    for (const [moment, values] of moments.entries()) {
      const place = (index * this.#plan.moments + moment) * parameterCount;
      this.#write("moments", values, place * BYTES_PER_FLOAT);
    }
    this.#steps[index] = steps;
  }

  /** Requests that are under way end with a Problem. */
  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }

  async #compile(): Promise<void> {
    const compile = async (program: Program): Promise<CompiledProgram> => {
      const { kernel, code } = program;
      return { ...program, compiled: await this.#device.compile(kernel, code, bindGroupLayoutEntries(kernel)) };
    };
    const training = trainingPrograms(this.#plan, this.#mostBatchRows).map(compile);
    const evaluation = evaluationPrograms(this.#plan, this.#mostBatchRows).map(compile);
    this.#training = await Promise.all(training);
    this.#evaluation = await Promise.all(evaluation);
  }

  #allocate(): void {
    const { members, plan } = { members: this.#members, plan: this.#plan };
    const [{ set }] = members;
    for (const [name, byteLength] of Object.entries(bytesPerMember(plan, this.#mostBatchRows))) {
      this.#create(name as BufferName, byteLength * members.length);
    }
    this.#create("features", set.features.byteLength);
    this.#write("features", set.features);
    const { kind, values } = set.labels;
    const windows = set.windowRows ?? new Uint16Array(0);
    this.#create("labels", (values.length + windows.length) * BYTES_PER_FLOAT);
    this.#write("labels", kind === "classes" ? Uint32Array.from(values) : values);
    this.#write("labels", Uint32Array.from(windows), values.length * BYTES_PER_FLOAT);
    for (const name of ["order", "corrections", "statistics", "outputs"] as const) this.#create(name, 0);
  }

  /** Prepares what the requests share. Returns where each one's statistics start, in batches. */
  #startTraining(requests: readonly TrainRequest[]): number[] {
    const starts = startsOf(requests.map(({ batchCount }) => batchCount));
    const corrections = new Float32Array(2 * starts[requests.length]);
    for (const [at, { index }] of requests.entries()) {
      const part = corrections.subarray(2 * starts[at], 2 * starts[at + 1]);
      fillCorrections(part, this.#members[index], this.#steps[index]);
    }
    this.#write("control", new Uint8Array(CONTROL_BYTES * this.#members.length));
    this.#grow("corrections", corrections.byteLength);
    this.#write("corrections", corrections);
    this.#grow("statistics", starts[requests.length] * STATISTICS_FLOATS * BYTES_PER_FLOAT);
    return starts;
  }

  /** Settings and orders for `count` batches after the first `done`; batches are counted through the whole request. */
  #writeSlice(requests: readonly TrainRequest[], starts: readonly number[], done: number, count: number): void {
    const orders = requests.map(({ index, order, firstBatch, batchCount }) => {
      const { batchRows } = this.#members[index].options;
      const end = firstBatch + Math.min(batchCount, done + count);
      return order.subarray((firstBatch + done) * batchRows, Math.max(end, firstBatch + done) * batchRows);
    });
    const orderStarts = this.#writeOrders(orders);
    const settings = this.#idleSettings();
    for (const [at, { index, order, firstBatch, batchCount, learningRate }] of requests.entries()) {
      const { batchRows } = this.#members[index].options;
      const end = Math.min(order.length, (firstBatch + batchCount) * batchRows);
      settings[index] = {
        ...settings[index],
        // Where the request's first row would stand; 32 bits wrap around there and here alike.
        orderStart: orderStarts[at] - done * batchRows,
        exampleCount: end - firstBatch * batchRows,
        batchCount: Math.min(batchCount, done + count),
        statisticsStart: starts[at],
        firstStep: this.#steps[index],
        learningRate,
      };
    }
    this.#write("members", packMembers(this.#plan, settings));
  }

  /** Hands over so many steps, some at a time. */
  async #submitSteps(programs: readonly CompiledProgram[], steps: number, members: number): Promise<void> {
    const dispatches = this.#dispatches(programs);
    const flopsPerStep = 6 * members * this.#mostBatchRows * this.#plan.times * this.#plan.parameterCount;
    const most = Math.max(1, Math.min(MOST_STEPS_PER_SUBMISSION, Math.floor(SUBMISSION_FLOPS / flopsPerStep)));
    for (let done = 0; done < steps; done += most) {
      this.#device.check();
      // A command with a buffer that is gone would take the whole device with it.
      this.#buffer("weights");
      this.#submit(dispatches, Math.min(most, steps - done));
      // Whoever else lives on this thread gets a turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #dispatches(programs: readonly CompiledProgram[]): Dispatch[] {
    return programs.map(({ kernel, compiled, groups }) => ({
      pipeline: compiled.pipeline,
      bindings: this.#bind(kernel, compiled.layout),
      groups: [groups, this.#members.length, 1],
    }));
  }

  #submit(dispatches: readonly Dispatch[], steps: number): void {
    const encoder = this.#device.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let step = 0; step < steps; step++) {
      for (const { pipeline, bindings, groups } of dispatches) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindings);
        pass.dispatchWorkgroups(...groups);
      }
    }
    pass.end();
    this.#device.device.queue.submit([encoder.finish()]);
  }

  async #readResults(requests: readonly TrainRequest[], starts: readonly number[]): Promise<BatchResults[]> {
    const byteLength = starts[requests.length] * STATISTICS_FLOATS * BYTES_PER_FLOAT;
    const [bytes] = await this.#device.read([{ buffer: this.#buffer("statistics"), offset: 0, byteLength }]);
    const statistics = new Float32Array(bytes);
    return requests.map(({ index }, at) => {
      const first = starts[at] * STATISTICS_FLOATS;
      const { updates, ...results } = batchResults(statistics.subarray(first, starts[at + 1] * STATISTICS_FLOATS));
      this.#steps[index] += updates;
      return results;
    });
  }

  /** Settings of members that do nothing in a request. */
  #idleSettings(): MemberSettings[] {
    return this.#members.map((member) => settingsOf(member));
  }

  /** Side by side; answers where each starts. */
  #writeOrders(orders: readonly Uint32Array[]): number[] {
    const starts = startsOf(orders.map(({ length }) => length));
    this.#grow("order", starts[orders.length] * BYTES_PER_FLOAT);
    const all = new Uint32Array(starts[orders.length]);
    for (const [at, order] of orders.entries()) all.set(order, starts[at]);
    this.#write("order", all);
    return starts;
  }

  #buffer(name: BufferName): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) throw new Problem("unavailable", "The training on the GPU was closed.");
    return buffer;
  }

  #create(name: BufferName, byteLength: number): void {
    const usage = USAGE.storage | USAGE.copySource | USAGE.copyTarget;
    const request: BufferRequest = { label: name, byteLength, usage };
    this.#buffers.set(name, this.#device.createBuffer(request));
  }

  /** Its content is lost when it grows. */
  #grow(name: BufferName, byteLength: number): void {
    const before = this.#buffer(name);
    if (before.size >= byteLength) return;
    this.#create(name, byteLength);
    before.destroy();
  }

  #write(name: BufferName, data: ArrayBuffer | ArrayBufferView, offset = 0): void {
    if (data.byteLength === 0) return;
    const plain = ArrayBuffer.isView(data) && data.buffer instanceof SharedArrayBuffer ? copyOf(data) : data;
    this.#device.device.queue.writeBuffer(this.#buffer(name), offset, plain as GPUAllowSharedBufferSource);
  }

  #bind(kernel: KernelName, layout: GPUBindGroupLayout): GPUBindGroup {
    const { reads, writes }: KernelBuffers = KERNEL_BUFFERS[kernel];
    const entries = [...reads, ...writes].map((name) => ({
      binding: BUFFERS.indexOf(name),
      resource: { buffer: this.#buffer(name) },
    }));
    return this.#device.device.createBindGroup({ layout, entries });
  }
}

/** Bytes of each buffer whose size goes with the members. */
export function bytesPerMember(plan: Plan, mostBatchRows: number) {
  return {
    members: memberBytes(plan),
    control: CONTROL_BYTES,
    weights: plan.weightStride * BYTES_PER_FLOAT,
    gradients: plan.parameterCount * BYTES_PER_FLOAT,
    moments: plan.moments * plan.parameterCount * BYTES_PER_FLOAT,
    partials: plan.squareTiles * BYTES_PER_FLOAT,
    trace: mostBatchRows * plan.times * plan.traceStride * BYTES_PER_FLOAT,
    rowStatistics: mostBatchRows * STATISTICS_FLOATS * BYTES_PER_FLOAT,
  } satisfies Partial<Record<BufferName, number>>;
}

export function mostBatchRowsOf(members: readonly Member[]): number {
  return members.reduce((most, { options }) => Math.max(most, options.batchRows), 0);
}

/** Where each part starts when they lie one after the other; at the end, the sum. */
function startsOf(lengths: readonly number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  return starts;
}

/** A view of memory that several threads share, as memory of its own; Dawn takes nothing else. */
function copyOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
}

function settingsOf({ network, options, set }: Member): MemberSettings {
  const { loss, optimiser } = options;
  const beta1 = optimiser.kind === "sgd" ? optimiser.momentum : optimiser.kind === "rmsprop" ? 0 : optimiser.beta1;
  const beta2 = optimiser.kind === "sgd" ? 0 : optimiser.kind === "rmsprop" ? optimiser.alpha : optimiser.beta2;
  const classWeights = "classWeights" in loss ? loss.classWeights : null;
  return {
    orderStart: 0,
    windowsStart: set.labels.values.length,
    exampleCount: 0,
    batchRows: options.batchRows,
    batchCount: 0,
    statisticsStart: 0,
    firstStep: 0,
    dropoutSeed: streamSeed(options.seed, "dropout"),
    dropoutThreshold: dropoutThreshold(network.dropout),
    keepScale: 1 / (1 - network.dropout),
    learningRate: options.learningRate,
    weightDecay: optimiser.weightDecay,
    gradientClip: options.gradientClip ?? 0,
    beta1,
    beta2,
    rest1: 1 - beta1,
    rest2: 1 - beta2,
    epsilon: "epsilon" in optimiser ? optimiser.epsilon : 0,
    lossParameter: loss.kind === "focal" ? loss.gamma : loss.kind === "huber" ? loss.delta : 0,
    classWeights: classWeights ?? new Array<number>(network.outputs).fill(1),
  };
}

/** Adam's bias corrections for each batch: 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t), which 32 bits would spoil. */
function fillCorrections(corrections: Float32Array, { options }: Member, stepsBefore: number): void {
  const { optimiser } = options;
  if (optimiser.kind !== "adam" && optimiser.kind !== "adamw") return;
  for (let batch = 0; 2 * batch < corrections.length; batch++) {
    const step = stepsBefore + batch + 1;
    corrections[2 * batch] = 1 / (1 - optimiser.beta1 ** step);
    corrections[2 * batch + 1] = 1 / Math.sqrt(1 - optimiser.beta2 ** step);
  }
}

/** From (sum of losses, sum of weights, right answers, gradient norm) of each batch, up to one that is not finite. */
function batchResults(statistics: Float32Array): BatchResults & { readonly updates: number } {
  const asked = statistics.length / STATISTICS_FLOATS;
  const losses = Float64Array.from({ length: asked }, (_, batch) => statistics[4 * batch] / statistics[4 * batch + 1]);
  const gradientNorms = losses.map((loss, batch) => (Number.isFinite(loss) ? statistics[4 * batch + 3] : Number.NaN));
  const failure = gradientNorms.findIndex((norm) => !Number.isFinite(norm));
  const count = failure < 0 ? asked : failure + 1;
  return {
    losses: losses.slice(0, count),
    correct: Uint32Array.from({ length: count }, (_, batch) => statistics[4 * batch + 2]),
    gradientNorms: Float32Array.from(gradientNorms.subarray(0, count)),
    updates: failure < 0 ? asked : failure,
  };
}
