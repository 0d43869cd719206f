/**
 * Batch norm between the kernels of layers, as torch.nn.BatchNorm1d: a thread has one unit and goes through the batch's
 * rows, which stand in the trace. Going forward it finds the linear part where the deltas will be.
 */
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../network.ts";
import { declarations } from "./bindings.ts";
import { batchPrologue } from "./layered-kernels.ts";
import { ACTIVATION, mlpFunctions } from "./mlp-body.ts";
import { type MlpPlan, NORM_THREADS } from "./plan.ts";
import {
  dropoutFunctions,
  dropoutSettings,
  keepFactor,
  loadTraceFunction,
  storeQuad,
  traceFunction,
} from "./rows-parts.ts";

/** From a layer's linear part to what goes into the next; keeps the normalised values, and moves the running ones. */
export function normForwardKernel(plan: MlpPlan, layer: number, mostBatchRows: number): string {
  const matrix = plan.matrices[layer];
  const norm = plan.norms[layer];
  const drop = plan.dropout ? ` * ${keepFactor(`${layer}u`)}` : "";
  return `${prologue(plan, layer, mostBatchRows)}
  if (unit >= ${norm.units}u) { return; }
  let count = f32(rowCount);
  var sum = vec4f(0);
  for (var quad = 0u; quad < quads; quad++) { sum += ${load(matrix.deltaColumn)}; }
  let mean = (sum.x + sum.y + sum.z + sum.w) / count;
  var squares = vec4f(0);
  for (var quad = 0u; quad < quads; quad++) {
    let rows = vec4u(0, 1, 2, 3) + quad * 4u;
    let centred = select(vec4f(0), ${load(matrix.deltaColumn)} - mean, rows < vec4u(rowCount));
    squares += centred * centred;
  }
  let variance = (squares.x + squares.y + squares.z + squares.w) / count;
  let inverse = 1.0 / sqrt(variance + ${BATCH_NORM_EPSILON});
  trace[traceAt(member, 0u, 0u) + ${norm.inverseColumn}u + unit] = inverse;
  // One row has no variance to correct.
  let unbiased = select(variance, variance * count / (count - 1.0), rowCount > 1u);
  let meanPlace = parameters + ${norm.meanOffset}u + unit;
  let variancePlace = parameters + ${norm.varianceOffset}u + unit;
  weights[meanPlace] = ${1 - BATCH_NORM_MOMENTUM} * weights[meanPlace] + ${BATCH_NORM_MOMENTUM} * mean;
  weights[variancePlace] = ${1 - BATCH_NORM_MOMENTUM} * weights[variancePlace] + ${BATCH_NORM_MOMENTUM} * unbiased;
  for (var quad = 0u; quad < quads; quad++) {
    let normalised = (${load(matrix.deltaColumn)} - mean) * inverse;
${storeQuad("normalised", `${norm.normalisedColumn}u + unit`, "0u")}
    let value = activate(normalised * scale + shift)${drop};
${storeQuad("value", `${matrix.inputColumn + matrix.inputs}u + unit`, "0u")}
  }
}
`;
}

/**
 * From the derivatives by what went into the next layer, which stand in the deltas' place, to the deltas; and the
 * gradients of scale and shift, with their part of the norm.
 */
export function normBackwardKernel(plan: MlpPlan, layer: number, mostBatchRows: number): string {
  const matrix = plan.matrices[layer];
  const norm = plan.norms[layer];
  const drop = plan.dropout ? ` * ${keepFactor(`${layer}u`)}` : "";
  const derivative = `    let normalised = ${load(norm.normalisedColumn)};
    let value = activate(normalised * scale + shift);
    let byScaled = ${load(matrix.deltaColumn)}${drop} * (${ACTIVATION[plan.network.activation].slope});`;
  return `${prologue(plan, layer, mostBatchRows)}
  var weight = 0.0;
  for (var row = 0u; row < rowCount; row++) { weight += rowStatistics[member * ${mostBatchRows}u + row].y; }
  var gradient = vec2f(0);
  if (unit < ${norm.units}u) {
    let count = f32(rowCount);
    var shifts = vec4f(0);
    var scales = vec4f(0);
    for (var quad = 0u; quad < quads; quad++) {
${derivative}
      shifts += byScaled;
      scales += byScaled * normalised;
    }
    let byShift = shifts.x + shifts.y + shifts.z + shifts.w;
    let byScale = scales.x + scales.y + scales.z + scales.w;
    let factor = scale * trace[traceAt(member, 0u, 0u) + ${norm.inverseColumn}u + unit] / count;
    for (var quad = 0u; quad < quads; quad++) {
${derivative}
      let delta = factor * (count * byScaled - byShift - normalised * byScale);
${storeQuad("delta", `${matrix.deltaColumn}u + unit`, "0u")}
    }
    gradient = vec2f(byScale, byShift) / weight;
    gradients[member * ${plan.parameterCount}u + ${norm.scaleOffset}u + unit] = gradient.x;
    gradients[member * ${plan.parameterCount}u + ${norm.shiftOffset}u + unit] = gradient.y;
  }
  squares[thread] = dot(gradient, gradient);
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { squares[thread] += squares[thread + half]; }
  }
  if (thread == 0u) { partials[member * ${plan.squareTiles}u + ${norm.firstTile}u + group.x] = squares[0]; }
}
`;
}

function load(column: number): string {
  return `loadTrace(member, quad * 4u, rowCount - min(rowCount, quad * 4u), 0u, ${column}u + unit)`;
}

function prologue(plan: MlpPlan, layer: number, mostBatchRows: number): string {
  const { units, scaleOffset, shiftOffset } = plan.norms[layer];
  return `${declarations("norm", plan)}
const THREADS = ${NORM_THREADS}u;
var<workgroup> squares: array<f32, THREADS>;
${traceFunction(plan, mostBatchRows)}
${loadTraceFunction()}
${dropoutFunctions(plan)}
${mlpFunctions(plan)}
${batchPrologue(false)}
  let firstRow = 0u;
  let rowsHere = rowCount;
  let quads = (rowCount + 3u) / 4u;
  let unit = group.x * THREADS + thread;
  let parameters = member * ${plan.weightStride}u;
  let known = min(unit, ${units - 1}u);
  let scale = weights[parameters + ${scaleOffset}u + known];
  let shift = weights[parameters + ${shiftOffset}u + known];
${dropoutSettings(plan)}`;
}
