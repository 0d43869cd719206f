/**
 * The kernel of the optimiser: one thread a parameter. Every workgroup sums the tiles' squares to the gradient's norm
 * by itself, in the same order, which costs less than another dispatch. The formulas are those of torch.optim.
 */
import type { OptimiserSpec } from "../network.ts";
import { declarations } from "./bindings.ts";
import { type Plan, UPDATE_THREADS } from "./plan.ts";

/** WGSL; dispatched as (groups of parameters, members). */
export function updateKernel(plan: Plan): string {
  const count = plan.parameterCount;
  return `${declarations("update", plan)}
const THREADS = ${UPDATE_THREADS}u;
var<workgroup> sums: array<f32, THREADS>;
var<workgroup> batchShared: u32;
@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let member = group.y;
  if (thread == 0u) { batchShared = control[member].current; }
  let batch = workgroupUniformLoad(&batchShared);
  if (batch >= members[member].batchCount) { return; }
  var squares = 0.0;
  for (var tile = thread; tile < ${plan.squareTiles}u; tile += THREADS) {
    squares += partials[member * ${plan.squareTiles}u + tile];
  }
  sums[thread] = squares;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { sums[thread] += sums[thread + half]; }
  }
  workgroupBarrier();
  let norm = sqrt(sums[0]);
  // A loss or a gradient that is not finite ends the request, before it reaches the weights. An exponent of all ones
  // is an infinity or NaN; a comparison could be optimised away.
  let failed = control[member].failed == 1u || (bitcast<u32>(norm) & 0x7f800000u) == 0x7f800000u;
  if (group.x == 0u && thread == 0u) {
    statistics[members[member].statisticsStart + batch].w = norm;
    control[member].batch = select(batch + 1u, 0xffffffffu, failed);
  }
  if (failed) { return; }
  let place = group.x * THREADS + thread;
  if (place >= ${count}u) { return; }
  let clip = members[member].gradientClip;
  let scale = select(1.0, min(1.0, clip / (norm + 1e-6)), clip > 0.0);
  var gradient = gradients[member * ${count}u + place] * scale;
  let weightPlace = member * ${plan.weightStride}u + place;
  var weight = weights[weightPlace];
  let rate = members[member].learningRate;
  let decay = members[member].weightDecay;
  let momentPlace = member * ${plan.moments * count}u + place;
${optimiser(plan.optimiserKind, plan.moments, members(plan))}
  weights[weightPlace] = weight;
${transposedCopy(plan)}
}
`;
}

interface Corrections {
  readonly correction: string;
  readonly secondMoment: string;
}

function members({ parameterCount }: Plan): Corrections {
  return {
    correction: "corrections[members[member].statisticsStart + batch]",
    secondMoment: `moments[momentPlace + ${parameterCount}u]`,
  };
}

function optimiser(kind: OptimiserSpec["kind"], moments: number, { correction, secondMoment }: Corrections): string {
  const adam = `  let first = members[member].beta1 * moments[momentPlace] + members[member].rest1 * gradient;
  let second = members[member].beta2 * ${secondMoment} + members[member].rest2 * gradient * gradient;
  moments[momentPlace] = first;
  ${secondMoment} = second;
  let correction = ${correction};
  weight -= rate * correction.x * first / (sqrt(second) * correction.y + members[member].epsilon);`;
  const coupledDecay = "  gradient += decay * weight;";
  switch (kind) {
    case "adam":
      return `${coupledDecay}\n${adam}`;
    case "adamw":
      return `  weight -= rate * decay * weight;\n${adam}`;
    case "rmsprop":
      return `${coupledDecay}
  let square = members[member].beta2 * moments[momentPlace] + members[member].rest2 * gradient * gradient;
  moments[momentPlace] = square;
  weight -= rate * gradient / (sqrt(square) + members[member].epsilon);`;
    case "sgd":
      if (moments === 0) return `${coupledDecay}\n  weight -= rate * gradient;`;
      return `${coupledDecay}
  let velocity = members[member].beta1 * moments[momentPlace] + gradient;
  moments[momentPlace] = velocity;
  weight -= rate * velocity;`;
  }
}

/** The rows' kernel reads the weights forward by inputs and backward by outputs, each from the copy that lies so. */
function transposedCopy({ matrices, weightStride }: Plan): string {
  return matrices
    .map(({ weightOffset, transposedOffset, inputs, outputs }) => {
      const end = weightOffset + inputs * outputs;
      return `  if (place >= ${weightOffset}u && place < ${end}u) {
    let inMatrix = place - ${weightOffset}u;
    let transposed = ${transposedOffset}u + inMatrix % ${inputs}u * ${outputs}u + inMatrix / ${inputs}u;
    weights[member * ${weightStride}u + transposed] = weight;
  }`;
    })
    .join("\n");
}
