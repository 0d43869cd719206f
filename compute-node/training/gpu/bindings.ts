/** The buffers that the kernels share: their bindings, the members' settings and their WGSL text. */
import type { Plan } from "./plan.ts";

/** In the order of their binding numbers. */
export const BUFFERS = [
  "members",
  "weights",
  "features",
  "labels",
  "order",
  "trace",
  "rowStatistics",
  "control",
  "gradients",
  "partials",
  "moments",
  "corrections",
  "statistics",
  "outputs",
] as const;
export type BufferName = (typeof BUFFERS)[number];

const ELEMENTS: Readonly<Record<BufferName, string>> = {
  members: "array<Member>",
  weights: "array<f32>",
  features: "array<f32>",
  labels: "array<u32>",
  order: "array<u32>",
  trace: "array<f32>",
  rowStatistics: "array<vec4f>",
  control: "array<Control>",
  gradients: "array<f32>",
  partials: "array<f32>",
  moments: "array<f32>",
  corrections: "array<vec2f>",
  statistics: "array<vec4f>",
  outputs: "array<f32>",
};

/** The buffers that a kernel uses, and those that it writes. */
export interface KernelBuffers {
  readonly reads: readonly BufferName[];
  readonly writes: readonly BufferName[];
}

export const KERNEL_BUFFERS = {
  rows: {
    reads: ["members", "weights", "features", "labels", "order"],
    writes: ["trace", "rowStatistics", "control"],
  },
  gradients: {
    reads: ["members", "trace", "rowStatistics"],
    writes: ["control", "gradients", "partials", "statistics"],
  },
  update: {
    reads: ["members", "gradients", "partials", "corrections"],
    writes: ["weights", "moments", "control", "statistics"],
  },
  outputs: { reads: ["members", "weights", "features", "labels", "order"], writes: ["outputs"] },
  layer: { reads: ["members", "weights", "features", "order"], writes: ["trace", "control", "outputs"] },
  norm: { reads: ["members", "rowStatistics"], writes: ["trace", "control", "weights", "gradients", "partials"] },
  loss: { reads: ["members", "labels", "order"], writes: ["trace", "rowStatistics", "control"] },
} as const satisfies Record<string, KernelBuffers>;
export type KernelName = keyof typeof KERNEL_BUFFERS;

export function bindGroupLayoutEntries(kernel: KernelName): GPUBindGroupLayoutEntry[] {
  const { reads, writes }: KernelBuffers = KERNEL_BUFFERS[kernel];
  const entry = (name: BufferName, type: GPUBufferBindingType): GPUBindGroupLayoutEntry => ({
    binding: BUFFERS.indexOf(name),
    visibility: SHADER_STAGE_COMPUTE,
    buffer: { type },
  });
  return [...reads.map((name) => entry(name, "read-only-storage")), ...writes.map((name) => entry(name, "storage"))];
}

/** GPUShaderStage.COMPUTE in the WebGPU specification. */
const SHADER_STAGE_COMPUTE = 4;

/** The declarations that a kernel begins with. */
export function declarations(kernel: KernelName, plan: Plan): string {
  const { reads, writes }: KernelBuffers = KERNEL_BUFFERS[kernel];
  const declare = (name: BufferName, access: string) =>
    `@group(0) @binding(${BUFFERS.indexOf(name)}) var<storage, ${access}> ${name}: ${ELEMENTS[name]};`;
  return [
    "struct Member {",
    ...MEMBER_FIELDS.map(([name, type]) => `  ${name}: ${type},`),
    `  classWeights: array<f32, ${plan.network.outputs}>,`,
    "}",
    "struct Control {",
    ...CONTROL_FIELDS.map((name) => `  ${name}: u32,`),
    "}",
    ...reads.map((name) => declare(name, "read")),
    ...writes.map((name) => declare(name, "read_write")),
    "",
  ].join("\n");
}

/**
 * Where a member stands, so that each step is encoded alike. Each field is written by one kernel, which does not read
 * it, so that workgroups of one dispatch never race: the update writes `batch`, the next one to train on; the rows'
 * kernel copies it to `current`; the gradients' kernel sets `failed` to 1 for a loss that is not finite.
 */
const CONTROL_FIELDS = ["batch", "current", "failed"] as const;

/** A member's settings for a request, but for its class weights; four bytes each. */
const MEMBER_FIELDS = [
  ["orderStart", "u32"],
  ["windowsStart", "u32"],
  ["exampleCount", "u32"],
  ["batchRows", "u32"],
  ["batchCount", "u32"],
  ["statisticsStart", "u32"],
  ["firstStep", "u32"],
  ["dropoutSeed", "u32"],
  ["dropoutThreshold", "u32"],
  ["keepScale", "f32"],
  ["learningRate", "f32"],
  ["weightDecay", "f32"],
  ["gradientClip", "f32"],
  ["beta1", "f32"],
  ["beta2", "f32"],
  ["rest1", "f32"],
  ["rest2", "f32"],
  ["epsilon", "f32"],
  ["lossParameter", "f32"],
] as const;

export type MemberSettings = Readonly<Record<(typeof MEMBER_FIELDS)[number][0], number>> & {
  readonly classWeights: readonly number[];
};

export const CONTROL_BYTES = 4 * CONTROL_FIELDS.length;

export function memberBytes(plan: Plan): number {
  return 4 * (MEMBER_FIELDS.length + plan.network.outputs);
}

export function packMembers(plan: Plan, members: readonly MemberSettings[]): ArrayBuffer {
  const stride = memberBytes(plan);
  const view = new DataView(new ArrayBuffer(stride * members.length));
  members.forEach((member, index) => {
    let at = index * stride;
    for (const [name, type] of MEMBER_FIELDS) {
      if (type === "u32") view.setUint32(at, member[name], true);
      else view.setFloat32(at, member[name], true);
      at += 4;
    }
    for (const weight of member.classWeights) {
      view.setFloat32(at, weight, true);
      at += 4;
    }
  });
  return view.buffer;
}
