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
import { dropoutFunctions, dropoutSettings, lossStep, preamble, traceFunction } from "./rows-parts.ts";

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
${traceFunction(plan, mostBatchRows)}
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
