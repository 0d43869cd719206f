/**
 * The kernels of an mlp whose layers are wide: instead of one for rows through all layers, a tiled matrix product for
 * each layer, forward and back, so that all of the GPU works on one layer. Values and deltas stand in the trace, as
 * they do for the gradients' kernel. A workgroup has 32 rows and 32 units, a thread four by four of them.
 */

import { BATCH_NORM_EPSILON } from "../network.ts";
import { declarations } from "./bindings.ts";
import { lossFunction } from "./loss.ts";
import { ACTIVATION, mlpFunctions } from "./mlp-body.ts";
import type { MatrixPlan, MlpPlan, NormPlan, Plan } from "./plan.ts";
import {
  dropoutFunctions,
  dropoutSettings,
  keepFactor,
  loadTraceFunction,
  lossStep,
  ofFour,
  preamble,
  storeQuad,
  traceFunction,
} from "./rows-parts.ts";

const TILE = 32;
/** Threads along each side of a tile. */
const SIDE = 8;
/** Terms of the sums that a workgroup holds at once. */
const TERMS = 32;

/** Workgroups of a product with so many units. */
export function productGroups(mostBatchRows: number, units: number): number {
  return Math.ceil(mostBatchRows / TILE) * Math.ceil(units / TILE);
}

/** From a layer's inputs to its outputs; those of the last one go to its deltas' place, or in evaluation out. */
export function forwardKernel(plan: MlpPlan, layer: number, mostBatchRows: number, training: boolean): string {
  const matrix = plan.matrices[layer];
  const last = layer + 1 === plan.matrices.length;
  const first = layer === 0;
  const input = "column";
  const source = first
    ? (index: number) => `features[order[orderStart + quad * 4u + ${index}u] * ${matrix.inputs}u + ${input}]`
    : (index: number) =>
        `trace[traceAt(member, firstRow + quad * 4u + ${index}u, 0u) + ${matrix.inputColumn}u + column]`;
  const drop = training && plan.dropout ? ` * ${keepFactor(`${layer}u`)}` : "";
  const toOutputs = ofFour(
    (component, index) => `      if (quad * 4u + ${index}u < rowsHere) {
        outputs[(orderStart + quad * 4u + ${index}u) * ${matrix.outputs}u + unit] = sum.${component};
      }`,
  );
  const norm: NormPlan | undefined = plan.norms[layer];
  const hidden = `      let value = activate(${norm === undefined ? "sum" : byRunning(norm)})${drop};
${storeQuad("value", `${matrix.inputColumn + matrix.inputs}u + unit`, "0u")}`;
  const linear = storeQuad("sum", `${matrix.deltaColumn}u + unit`, "0u");
  // Batch norm goes on from the linear part, as the loss does.
  const stopsAtLinear = training && (last || norm !== undefined);
  return productKernel(plan, mostBatchRows, {
    first,
    step: training && plan.dropout && plan.norms.length === 0,
    countsBatches: last && !training,
    units: matrix.outputs,
    terms: matrix.inputs,
    start: `weights[parameters + ${matrix.biasOffset}u + unit]`,
    weights: matrix.transposedOffset,
    source,
    keepSource: first && training ? `${matrix.inputColumn}u + column` : null,
    finish: stopsAtLinear ? linear : last ? toOutputs : hidden,
  });
}

/** In evaluation, batch norm by its kept statistics. */
function byRunning({ scaleOffset, shiftOffset, meanOffset, varianceOffset }: NormPlan): string {
  const read = (offset: number) => `weights[parameters + ${offset}u + unit]`;
  const normalised = `(sum - ${read(meanOffset)}) / sqrt(${read(varianceOffset)} + ${BATCH_NORM_EPSILON})`;
  return `${normalised} * ${read(scaleOffset)} + ${read(shiftOffset)}`;
}

/** From a layer's deltas to those of the layer before; with batch norm, to the derivatives by what went in. */
export function backwardKernel(plan: MlpPlan, layer: number, mostBatchRows: number): string {
  const matrix = plan.matrices[layer];
  const before: MatrixPlan = plan.matrices[layer - 1];
  const { slope } = ACTIVATION[plan.network.activation];
  const load = `loadTrace(member, firstRow + quad * 4u, rowsHere - min(rowsHere, quad * 4u), 0u, ${matrix.inputColumn}u + unit)`;
  return productKernel(plan, mostBatchRows, {
    first: false,
    step: plan.dropout && plan.norms.length === 0,
    countsBatches: false,
    units: matrix.inputs,
    terms: matrix.outputs,
    start: "0.0",
    weights: matrix.weightOffset,
    source: (index) => `trace[traceAt(member, firstRow + quad * 4u + ${index}u, 0u) + ${matrix.deltaColumn}u + column]`,
    keepSource: null,
    finish:
      plan.norms.length > 0
        ? storeQuad("sum", `${before.deltaColumn}u + unit`, "0u")
        : `      let value = ${load}${plan.dropout ? " / dropout.scale" : ""};
      let delta = sum * (${slope})${plan.dropout ? ` * ${keepFactor(`${layer - 1}u`)}` : ""};
${storeQuad("delta", `${before.deltaColumn}u + unit`, "0u")}`,
  });
}

interface ProductKernel {
  /** True for the kernel that begins a batch: it alone reads the counter. */
  readonly first: boolean;
  /** True when it drops values. */
  readonly step: boolean;
  /** True when it counts the batch as done. */
  readonly countsBatches: boolean;
  readonly units: number;
  readonly terms: number;
  readonly start: string;
  /** Where the matrix [term, unit] stands among a member's weights. */
  readonly weights: number;
  /** The value of row `index` of a quad in `column`. */
  source(index: number): string;
  /** Where in the trace the values that are read are kept. */
  readonly keepSource: string | null;
  /** Code that uses each `sum` of `quad` and `unit`. */
  readonly finish: string;
}

function productKernel(plan: MlpPlan, mostBatchRows: number, product: ProductKernel): string {
  const { units, terms } = product;
  const unitTiles = Math.ceil(units / TILE);
  const each = (line: (lane: number) => string) => Array.from({ length: 4 }, (_, lane) => line(lane)).join("\n");
  const keep =
    product.keepSource === null ? "" : `if (firstUnit == 0u) {\n${storeQuad("values", product.keepSource, "0u")}\n}`;
  const counted = `if (group.x == 0u && thread == 0u) { control[member].batch = batch + 1u; }`;
  return `${declarations("layer", plan)}
const THREADS = ${SIDE * SIDE}u;
const TERMS = ${TERMS}u;
var<workgroup> valueTile: array<vec4f, ${TERMS * SIDE}>;
var<workgroup> weightTile: array<vec4f, ${TERMS * SIDE}>;
${traceFunction(plan, mostBatchRows)}
${loadTraceFunction()}
${dropoutFunctions(plan)}
${mlpFunctions(plan)}
${batchPrologue(product.first)}
  let firstRow = group.x / ${unitTiles}u * ${TILE}u;
  ${product.countsBatches ? counted : ""}
  if (firstRow >= rowCount) { return; }
  let rowsHere = rowCount - firstRow;
  let orderStart = members[member].orderStart + batchStart + firstRow;
  let parameters = member * ${plan.weightStride}u;
  let firstUnit = group.x % ${unitTiles}u * ${TILE}u;
  let across = thread % ${SIDE}u;
  let down = thread / ${SIDE}u;
${product.step ? dropoutSettings(plan) : ""}
${each(
  (lane) => `  var sum${lane} = vec4f(0);
  {
    let unit = firstUnit + across * 4u + ${lane}u;
    if (unit < ${units}u) { sum${lane} = vec4f(${product.start}); }
  }`,
)}
  for (var first = 0u; first < ${terms}u; first += TERMS) {
    for (var item = thread; item < TERMS * ${SIDE}u; item += THREADS) {
      let column = first + item % TERMS;
      let quad = item / TERMS;
      var values = vec4f(0);
      if (column < ${terms}u) {
${ofFour((component, index) => `        if (quad * 4u + ${index}u < rowsHere) { values.${component} = ${product.source(index)}; }`)}
        ${keep}
      }
      valueTile[item % TERMS * ${SIDE}u + quad] = values;
    }
    for (var item = thread; item < TERMS * ${SIDE}u; item += THREADS) {
      let term = first + item / ${SIDE}u;
      let unit = firstUnit + item % ${SIDE}u * 4u;
      let place = parameters + ${product.weights}u + term * ${units}u + unit;
      var values = vec4f(0);
      if (term < ${terms}u) {
${ofFour((component, index) => `        if (unit + ${index}u < ${units}u) { values.${component} = weights[place + ${index}u]; }`)}
      }
      weightTile[item] = values;
    }
    workgroupBarrier();
    for (var term = 0u; term < TERMS; term++) {
      let values = valueTile[term * ${SIDE}u + down];
      let weight = weightTile[term * ${SIDE}u + across];
${each((lane) => `      sum${lane} = fma(vec4f(weight[${lane}]), values, sum${lane});`)}
    }
    workgroupBarrier();
  }
  let quad = down;
${each(
  (lane) => `  {
    let unit = firstUnit + across * 4u + ${lane}u;
    if (unit < ${units}u) {
      let sum = sum${lane};
${product.finish}
    }
  }`,
)}
}
`;
}

/** Rows of one workgroup of the loss: with many classes fewer, since their outputs stand in workgroup memory. */
export function lossRows({ network }: Plan): number {
  return network.outputs <= 32 ? 64 : 16;
}

/** Turns the outputs into losses and the last layer's deltas. The outputs stand where the deltas will. */
export function lossKernel(plan: MlpPlan, mostBatchRows: number): string {
  const rows = lossRows(plan);
  const { outputs } = plan.network;
  const tiling = { ...plan.tiling, rowsPerGroup: rows, rowThreads: 64 };
  const alone: MlpPlan = { ...plan, outputCell: 0, cellColumns: outputs, tiling };
  const head = plan.matrices[plan.matrices.length - 1];
  return `${declarations("loss", plan)}
${preamble(alone)}
${traceFunction(plan, mostBatchRows)}
${loadTraceFunction()}
${lossFunction(alone)}
${batchPrologue(false)}
  let firstRow = group.x * ROWS;
  if (firstRow >= rowCount) { return; }
  let rowsHere = min(ROWS, rowCount - firstRow);
  let orderStart = members[member].orderStart + batchStart + firstRow;
  for (var item = thread; item < ${outputs}u * QUADS; item += THREADS) {
    let quad = item / ${outputs}u;
    let rows = rowsHere - min(rowsHere, quad * 4u);
    let unit = item % ${outputs}u;
    cells[unit * QUADS + quad] = loadTrace(member, firstRow + quad * 4u, rows, 0u, ${head.deltaColumn}u + unit);
  }
  workgroupBarrier();
${lossStep(alone, mostBatchRows)}
}
`;
}

export function batchPrologue(first: boolean): string {
  const begin = "if (group.x == 0u && thread == 0u) { control[member].current = batch; }";
  return `var<workgroup> batchShared: u32;
@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let member = group.y;
  if (thread == 0u) { batchShared = control[member].${first ? "batch" : "current"}; }
  let batch = workgroupUniformLoad(&batchShared);
  ${first ? begin : ""}
  if (batch >= members[member].batchCount) { return; }
  let batchRows = members[member].batchRows;
  let batchStart = batch * batchRows;
  let rowCount = min(batchRows, members[member].exampleCount - batchStart);`;
}
