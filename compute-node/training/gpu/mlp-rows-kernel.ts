/**
 * The kernel that takes rows through the network. A workgroup has a few rows of one member: their values of every layer
 * stay in workgroup memory, going forward, and are replaced by the deltas, going back. In training it writes both to
 * the trace, from which the gradients follow; in evaluation it writes the outputs.
 *
 * Four rows are one vec4f, so `cells[column * QUADS + quad]` holds a column of four rows, and a weight that is read
 * once serves all rows of a thread. Sums go over the inputs in ascending order.
 */
import { type Activation, LEAKY_SLOPE } from "../network.ts";
import { declarations } from "./mlp-bindings.ts";
import { lossFunction } from "./mlp-loss.ts";
import type { LayerPlan, MlpPlan } from "./mlp-plan.ts";

/** WGSL of the training step's first kernel; dispatched as (groups of rows, members). */
export function rowsKernel(plan: MlpPlan, mostBatchRows: number): string {
  const backward = plan.layers.slice(1).map((_, index) => backwardLayer(plan, plan.layers.length - 1 - index));
  return `${declarations("rows", plan)}
${preamble(plan)}
var<workgroup> batchShared: u32;
${dropoutFunction(plan)}
${lossFunction(plan)}
fn traceAt(member: u32, row: u32) -> u32 {
  return (member * ${mostBatchRows}u + row) * ${plan.traceStride}u;
}
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
  let step = members[member].firstStep + batch;
  let dropoutStep = mix32(members[member].dropoutSeed ^ step);
${loadInputs(plan)}
${storeValues(0, plan.inputs)}
${plan.layers.map((layer, index) => forwardLayer(plan, layer, index, true)).join("\n")}
${lossStep(plan, mostBatchRows)}
${backward.join("\n")}
}
`;
}

/** WGSL that answers raw outputs, [example, output]; dispatched as (groups of rows, members, more groups of rows). */
export function outputsKernel(plan: MlpPlan): string {
  const last = plan.layers[plan.layers.length - 1];
  return `${declarations("outputs", plan)}
${preamble(plan)}
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
${loadInputs(plan)}
${plan.layers.map((layer, index) => forwardLayer(plan, layer, index, false)).join("\n")}
  for (var item = thread; item < ROWS * ${plan.outputs}u; item += THREADS) {
    let row = item / ${plan.outputs}u;
    if (row < rowsHere) {
      let column = ${last.outputColumn}u + item % ${plan.outputs}u;
      outputs[orderStart * ${plan.outputs}u + item] = cells[column * QUADS + row / 4u][row % 4u];
    }
  }
}
`;
}

function preamble({ tiling, valueColumns, activation }: MlpPlan): string {
  return `const ROWS = ${tiling.rowsPerGroup}u;
const QUADS = ${tiling.rowsPerGroup / 4}u;
const THREADS = ${tiling.rowThreads}u;
var<workgroup> cells: array<vec4f, ${(valueColumns * tiling.rowsPerGroup) / 4}>;
fn activate(x: vec4f) -> vec4f {
  ${ACTIVATION[activation].value}
}`;
}

/** Values, and derivatives by the value itself. Comparisons are such that NaN stays NaN. */
const ACTIVATION: Readonly<Record<Activation, { value: string; slope: string }>> = {
  relu: { value: "return select(x, vec4f(0), x < vec4f(0));", slope: "select(vec4f(0), vec4f(1), value > vec4f(0))" },
  leaky_relu: {
    value: `return select(x, ${LEAKY_SLOPE} * x, x < vec4f(0));`,
    slope: `select(vec4f(${LEAKY_SLOPE}), vec4f(1), value > vec4f(0))`,
  },
  // Beyond 10 it is 1 to the last bit, and some drivers' tanh overflows.
  tanh: { value: "return select(tanh(x), sign(x), abs(x) > vec4f(10));", slope: "1.0 - value * value" },
  sigmoid: { value: "return 1.0 / (1.0 + exp(-x));", slope: "value * (1.0 - value)" },
};

/** The same numbers as `dropoutKeeps` in random.ts: for four rows, what a kept value is multiplied by, else zero. */
function dropoutFunction({ dropout }: MlpPlan): string {
  const mix = `fn mix32(value: u32) -> u32 {
  var bits = value;
  bits = (bits ^ (bits >> 16u)) * 0x7feb352du;
  bits = (bits ^ (bits >> 15u)) * 0x846ca68bu;
  return bits ^ (bits >> 16u);
}`;
  if (!dropout) return mix;
  return `${mix}
fn keep(key: u32, row: u32, column: u32, threshold: u32, scale: f32) -> vec4f {
  var factors = vec4f(0);
  for (var index = 0u; index < 4u; index++) {
    let drawn = mix32(key + (((row + index) << 16u) | column) * 0x9e3779b1u);
    factors[index] = select(0.0, scale, drawn >= threshold);
  }
  return factors;
}`;
}

function loadInputs({ inputs }: MlpPlan): string {
  return `  for (var item = thread; item < ${inputs}u * QUADS; item += THREADS) {
    let column = item % ${inputs}u;
    let quad = item / ${inputs}u;
    var values = vec4f(0);
    for (var index = 0u; index < 4u; index++) {
      let row = quad * 4u + index;
      if (row < rowsHere) { values[index] = features[order[orderStart + row] * ${inputs}u + column]; }
    }
    cells[column * QUADS + quad] = values;
  }
  workgroupBarrier();`;
}

/** Copies columns of the cells to the trace; rows past the batch's end stay out. */
function storeValues(firstColumn: number, count: number): string {
  return `  for (var item = thread; item < ${count}u * QUADS; item += THREADS) {
    let column = ${firstColumn}u + item % ${count}u;
    let quad = item / ${count}u;
${storeQuad("cells[column * QUADS + quad]", "column")}
  }`;
}

function storeQuad(values: string, column: string): string {
  return `    let stored = ${values};
    for (var index = 0u; index < 4u; index++) {
      let row = quad * 4u + index;
      if (row < rowsHere) { trace[traceAt(member, firstRow + row) + ${column}] = stored[index]; }
    }`;
}

/** A loop over (unit, rows of a thread), with `sums`: one accumulator for every four rows. */
function productLoop(
  plan: MlpPlan,
  options: { units: number; start: string; terms: number; term: string },
  then: string,
): string {
  const quads = plan.tiling.rowsPerThread / 4;
  const groups = plan.tiling.rowsPerGroup / plan.tiling.rowsPerThread;
  const each = (line: (quad: number) => string) => Array.from({ length: quads }, (_, quad) => line(quad)).join("\n");
  return `  for (var item = thread; item < ${options.units * groups}u; item += THREADS) {
    let unit = item % ${options.units}u;
    let firstQuad = item / ${options.units}u * ${quads}u;
${each((quad) => `    var sum${quad} = vec4f(${options.start});`)}
    for (var at = 0u; at < ${options.terms}u; at++) {
      ${options.term}
${each((quad) => `      sum${quad} = fma(vec4f(weight), cells[source + ${quad}u], sum${quad});`)}
    }
${each((quad) => `    { let quad = firstQuad + ${quad}u; var sum = sum${quad};\n${then}\n    }`)}
  }
  workgroupBarrier();`;
}

function forwardLayer(plan: MlpPlan, layer: LayerPlan, index: number, training: boolean): string {
  const last = index === plan.layers.length - 1;
  const drop = training && plan.dropout && !last;
  const key = `let dropoutKey${index} = mix32(dropoutStep ^ ${index}u);\n`;
  const then = [
    last ? "" : "    sum = activate(sum);",
    drop ? `    sum *= ${keepCall(index)};` : "",
    `    cells[(${layer.outputColumn}u + unit) * QUADS + quad] = sum;`,
    training && !last ? storeQuad("sum", `${layer.outputColumn}u + unit`) : "",
  ];
  const source = `let source = (${layer.inputColumn}u + at) * QUADS + firstQuad;`;
  return `${drop ? `  ${key}` : ""}${productLoop(
    plan,
    {
      units: layer.outputs,
      start: `weights[parameters + ${layer.biasOffset}u + unit]`,
      terms: layer.inputs,
      term: `let weight = weights[parameters + ${layer.transposedOffset}u + at * ${layer.outputs}u + unit]; ${source}`,
    },
    then.filter((line) => line !== "").join("\n"),
  )}`;
}

function keepCall(layer: number): string {
  return `keep(dropoutKey${layer}, firstRow + quad * 4u, unit, members[member].dropoutThreshold, members[member].keepScale)`;
}

/** Rows' losses to the statistics; the outputs' deltas over the outputs, and to the trace. */
function lossStep(plan: MlpPlan, mostBatchRows: number): string {
  const last = plan.layers[plan.layers.length - 1];
  return `  for (var quad = thread; quad < QUADS; quad += THREADS) {
    var wanted = vec4u(0);
    var used = vec4f(0);
    for (var index = 0u; index < 4u; index++) {
      let row = quad * 4u + index;
      if (row < rowsHere) {
        wanted[index] = labels[order[orderStart + row]];
        used[index] = 1.0;
      }
    }
    let result = lossOfRows(member, quad, wanted, used);
    for (var index = 0u; index < 4u; index++) {
      let row = quad * 4u + index;
      if (row < rowsHere) {
        rowStatistics[member * ${mostBatchRows}u + firstRow + row] =
          vec4f(result.loss[index], result.weight[index], result.correct[index], 0.0);
      }
    }
  }
  workgroupBarrier();
  for (var item = thread; item < ${last.outputs}u * QUADS; item += THREADS) {
    let unit = item % ${last.outputs}u;
    let quad = item / ${last.outputs}u;
${storeQuad(`cells[(${last.outputColumn}u + unit) * QUADS + quad]`, `${last.deltaColumn}u + unit`)}
  }`;
}

/** From the deltas of layer `index` to those of the layer before it, which replace its values. */
function backwardLayer(plan: MlpPlan, index: number): string {
  const layer = plan.layers[index];
  const before = plan.layers[index - 1];
  const cell = `cells[(${layer.inputColumn}u + unit) * QUADS + quad]`;
  const slope = ACTIVATION[plan.activation].slope;
  const then = plan.dropout
    ? `    let factor = ${keepCall(index - 1)};
    let value = ${cell} / members[member].keepScale;
    sum *= factor * (${slope});`
    : `    let value = ${cell};
    sum *= ${slope};`;
  return productLoop(
    plan,
    {
      units: layer.inputs,
      start: "0",
      terms: layer.outputs,
      term: `let weight = weights[parameters + ${layer.weightOffset}u + at * ${layer.inputs}u + unit]; let source = (${layer.outputColumn}u + at) * QUADS + firstQuad;`,
    },
    `${then}
    ${cell} = sum;
${storeQuad("sum", `${before.deltaColumn}u + unit`)}`,
  );
}
