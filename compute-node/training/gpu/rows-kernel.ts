/**
 * The kernel that takes rows through the network. A workgroup has a few rows of one member: their values stay in
 * workgroup memory, going forward, and are replaced by the deltas, going back. In training it writes both to the trace,
 * from which the gradients follow; in evaluation it writes the outputs.
 */
import { declarations } from "./bindings.ts";
import { lossFunction } from "./loss.ts";
import { mlpBackward, mlpForward, mlpFunctions } from "./mlp-body.ts";
import type { MlpPlan, Plan, RecurrentPlan } from "./plan.ts";
import { recurrentBackward, recurrentForward, recurrentFunctions } from "./recurrent-body.ts";
import { ofFour, storeQuad } from "./rows-parts.ts";

interface Body {
  functions(training: boolean): string;
  /** From the inputs to the outputs' cells; in training with the trace. */
  forward(training: boolean): string;
  /** From the outputs' deltas, which stand in the outputs' cells, to all others. */
  readonly backward: string;
}

function bodyOf(plan: Plan): Body {
  if (plan.network.kind === "mlp") {
    const mlp = plan as MlpPlan;
    return {
      functions: () => mlpFunctions(mlp),
      forward: (training) => mlpForward(mlp, training),
      backward: mlpBackward(mlp),
    };
  }
  const recurrent = plan as RecurrentPlan;
  return {
    functions: recurrentFunctions,
    forward: (training) => recurrentForward(recurrent, training),
    backward: recurrentBackward(recurrent),
  };
}

/** WGSL of the training step's first kernel; dispatched as (groups of rows, members). */
export function rowsKernel(plan: Plan, mostBatchRows: number): string {
  const body = bodyOf(plan);
  return `${declarations("rows", plan)}
${preamble(plan)}
var<workgroup> batchShared: u32;
${dropoutFunctions(plan)}
${lossFunction(plan)}
const ROW_FLOATS = ${plan.times * plan.traceStride}u;
fn traceAt(member: u32, row: u32, time: u32) -> u32 {
  return ((member * ${mostBatchRows}u + row) * TIMES + time) * ${plan.traceStride}u;
}
${body.functions(true)}
@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let member = group.y;
  if (thread == 0u) { batchShared = control[member].batch; }
  let batch = workgroupUniformLoad(&batchShared);
  if (group.x == 0u && thread == 0u) { control[member].current = batch; }
  if (batch >= members[member].batchCount) { return; }
  let batchRows = members[member].batchRows;
  let batchStart = batch * batchRows;
  let rowCount = min(batchRows, members[member].exampleCount - batchStart);
  let firstRow = group.x * ROWS;
  if (firstRow >= rowCount) { return; }
  let rowsHere = min(ROWS, rowCount - firstRow);
  let orderStart = members[member].orderStart + batchStart + firstRow;
  let parameters = member * ${plan.weightStride}u;
${dropoutSettings(plan)}
${body.forward(true)}
${lossStep(plan, mostBatchRows)}
${body.backward}
}
`;
}

/** WGSL that answers raw outputs, [example, output]; dispatched as (groups of rows, members, more groups of rows). */
export function outputsKernel(plan: Plan): string {
  const body = bodyOf(plan);
  const { outputs } = plan.network;
  return `${declarations("outputs", plan)}
${preamble(plan)}
${body.functions(false)}
@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let member = group.y;
  let firstRow = (group.z * groups.x + group.x) * ROWS;
  let rowCount = members[member].exampleCount;
  if (firstRow >= rowCount) { return; }
  let rowsHere = min(ROWS, rowCount - firstRow);
  let orderStart = members[member].orderStart + firstRow;
  let parameters = member * ${plan.weightStride}u;
${body.forward(false)}
  for (var item = thread; item < ROWS * ${outputs}u; item += THREADS) {
    let row = item / ${outputs}u;
    if (row < rowsHere) {
      let column = ${plan.outputCell}u + item % ${outputs}u;
      outputs[orderStart * ${outputs}u + item] = cells[column * QUADS + row / 4u][row % 4u];
    }
  }
}
`;
}

/** Four rows are one vec4f: `cells[column * QUADS + quad]` is a column of rows 4 quad to 4 quad + 3. */
function preamble({ tiling, cellColumns, times }: Plan): string {
  return `const ROWS = ${tiling.rowsPerGroup}u;
const QUADS = ${tiling.rowsPerGroup / 4}u;
const THREADS = ${tiling.rowThreads}u;
const TIMES = ${times}u;
var<workgroup> cells: array<vec4f, ${(cellColumns * tiling.rowsPerGroup) / 4}>;`;
}

/** The same numbers as `dropoutKeeps` in random.ts: for four rows, what a kept value is multiplied by, else zero. */
function dropoutFunctions({ dropout }: Plan): string {
  if (!dropout) return "";
  return `struct Dropout { step: u32, threshold: u32, scale: f32 }
fn mix32(value: u32) -> u32 { return mixFour(vec4u(value)).x; }
fn mixFour(value: vec4u) -> vec4u {
  var bits = value;
  bits = (bits ^ (bits >> vec4u(16))) * 0x7feb352du;
  bits = (bits ^ (bits >> vec4u(15))) * 0x846ca68bu;
  return bits ^ (bits >> vec4u(16));
}
fn keep(dropout: Dropout, place: u32, row: u32, column: u32) -> vec4f {
  let rows = vec4u(row, row + 1u, row + 2u, row + 3u);
  let counters = (rows << vec4u(16)) | vec4u(column);
  let drawn = mixFour(mix32(dropout.step ^ place) + counters * 0x9e3779b1u);
  return select(vec4f(0), vec4f(dropout.scale), drawn >= vec4u(dropout.threshold));
}`;
}

function dropoutSettings({ dropout }: Plan): string {
  if (!dropout) return "";
  return `  let dropout = Dropout(
    mix32(members[member].dropoutSeed ^ (members[member].firstStep + batch)),
    members[member].dropoutThreshold,
    members[member].keepScale,
  );`;
}

/** Rows' losses to the statistics; the outputs' deltas over the outputs, and to the trace. */
function lossStep(plan: Plan, mostBatchRows: number): string {
  const head = plan.matrices[plan.matrices.length - 1];
  return `  for (var quad = thread; quad < QUADS; quad += THREADS) {
    var wanted = vec4u(0);
    var used = vec4f(0);
    let firstPlace = orderStart + quad * 4u;
${ofFour(
  (component, index) => `    if (quad * 4u + ${index}u < rowsHere) {
      wanted.${component} = labels[order[firstPlace + ${index}u]];
      used.${component} = 1.0;
    }`,
)}
    let result = lossOfRows(member, quad, wanted, used);
    let place = member * ${mostBatchRows}u + firstRow + quad * 4u;
${ofFour(
  (component, index) => `    if (quad * 4u + ${index}u < rowsHere) {
      rowStatistics[place + ${index}u] = vec4f(result.loss.${component}, result.weight.${component}, result.correct.${component}, 0.0);
    }`,
)}
  }
  workgroupBarrier();
  for (var item = thread; item < ${head.outputs}u * QUADS; item += THREADS) {
    let unit = item % ${head.outputs}u;
    let quad = item / ${head.outputs}u;
${storeQuad(`cells[(${plan.outputCell}u + unit) * QUADS + quad]`, `${head.deltaColumn}u + unit`, "TIMES - 1u")}
  }`;
}
