/**
 * The kernel of the gradients: deltas transposed times values, summed over the batch's rows (and their times) in order. Each workgroup
 * has one tile of one matrix [outputs, inputs]; the first tiles across sum the deltas to the bias as well. It
 * divides by the batch's weight, which every workgroup sums by itself, and leaves the tile's sum of squares for the
 * norm. No atomics: each number has one writer, and sums have one order.
 */
import { declarations } from "./bindings.ts";
import { GRADIENT_THREADS, type MatrixPlan, type Plan } from "./plan.ts";

/** WGSL; dispatched as (gradient tiles, members). */
export function gradientsKernel(plan: Plan, mostBatchRows: number): string {
  const { gradientTile: tile, gradientRows: rows } = plan.tiling;
  const side = Math.sqrt(GRADIENT_THREADS);
  const lanes = tile / side;
  const vector = `vec${lanes}f`;
  const each = (line: (lane: number) => string) => Array.from({ length: lanes }, (_, lane) => line(lane)).join("\n");
  return `${declarations("gradients", plan)}
const ROWS = ${rows}u;
const TIMES = ${plan.times}u;
const LANES = ${lanes}u;
const THREADS = ${GRADIENT_THREADS}u;
var<workgroup> valueTile: array<${vector}, ${rows * side}>;
var<workgroup> deltaTile: array<${vector}, ${rows * side}>;
var<workgroup> sums: array<vec4f, THREADS>;
var<workgroup> batchShared: u32;
fn sumOverThreads(thread: u32, value: vec4f) -> vec4f {
  sums[thread] = value;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { sums[thread] += sums[thread + half]; }
  }
  workgroupBarrier();
  let total = sums[0];
  workgroupBarrier();
  return total;
}
@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let member = group.y;
  if (thread == 0u) { batchShared = control[member].current; }
  let batch = workgroupUniformLoad(&batchShared);
  if (batch >= members[member].batchCount) { return; }
  let batchRows = members[member].batchRows;
  let rowCount = min(batchRows, members[member].exampleCount - batch * batchRows);
  let firstRow = member * ${mostBatchRows}u;
  var rowSums = vec4f(0);
  for (var row = thread; row < rowCount; row += THREADS) { rowSums += rowStatistics[firstRow + row]; }
  let totals = sumOverThreads(thread, rowSums);
  if (group.x == 0u && thread == 0u) {
    statistics[members[member].statisticsStart + batch] = totals;
    // An exponent of all ones: an infinity or NaN.
    control[member].failed = select(0u, 1u, (bitcast<u32>(totals.x / totals.y) & 0x7f800000u) == 0x7f800000u);
  }
${placeOfTile(plan)}
  let across = thread % ${side}u;
  let down = thread / ${side}u;
${each((lane) => `  var sum${lane} = ${vector}(0);`)}
  var biasSum = ${vector}(0);
  // Every time of every example; or, of a window's last time, every TIMES-th row.
  let traceRows = rowCount * times;
  let apart = TIMES / times;
  for (var first = 0u; first < traceRows; first += ROWS) {
    for (var item = thread; item < ROWS * ${side}u; item += THREADS) {
      let row = first + item / ${side}u;
      var values = ${vector}(0);
      var deltas = ${vector}(0);
      if (row < traceRows) {
        let traceRow = (firstRow * TIMES + row * apart + apart - 1u) * ${plan.traceStride}u;
        let input = tileInput + item % ${side}u * LANES;
        let output = tileOutput + item % ${side}u * LANES;
${each((lane) => `        if (input + ${lane}u < inputs) { values[${lane}] = trace[traceRow + inputColumn + input + ${lane}u]; }`)}
${each((lane) => `        if (output + ${lane}u < outputs) { deltas[${lane}] = trace[traceRow + deltaColumn + output + ${lane}u]; }`)}
      }
      valueTile[item] = values;
      deltaTile[item] = deltas;
    }
    workgroupBarrier();
    for (var row = 0u; row < ROWS; row++) {
      let values = valueTile[row * ${side}u + across];
      let deltas = deltaTile[row * ${side}u + down];
      biasSum += deltas;
${each((lane) => `      sum${lane} = fma(${vector}(deltas[${lane}]), values, sum${lane});`)}
    }
    workgroupBarrier();
  }
  var squares = 0.0;
  let firstInput = tileInput + across * LANES;
  let firstOutput = tileOutput + down * LANES;
  let parameters = member * ${plan.parameterCount}u;
${each(
  (down) => `  if (firstOutput + ${down}u < outputs) {
    let gradient = sum${down} / totals.y;
    let place = parameters + weightOffset + (firstOutput + ${down}u) * inputs + firstInput;
${each((across) => `    if (firstInput + ${across}u < inputs) { gradients[place + ${across}u] = gradient[${across}]; }`)}
    // Beyond the matrix the values are zero, and so are these.
    squares += dot(gradient, gradient);
  }`,
)}
  if (firstInput == 0u) {
    let gradient = biasSum / totals.y;
${each((lane) => `    if (firstOutput + ${lane}u < outputs) { gradients[parameters + biasOffset + firstOutput + ${lane}u] = gradient[${lane}]; }`)}
    squares += dot(gradient, gradient);
  }
  let total = sumOverThreads(thread, vec4f(squares, 0, 0, 0));
  if (thread == 0u) { partials[member * ${plan.squareTiles}u + group.x] = total.x; }
}
`;
}

/** The matrix of tile `group.x`, and where in its matrix the tile begins. */
function placeOfTile({ matrices, times, tiling }: Plan): string {
  const assign = (matrix: MatrixPlan) =>
    [
      `inputs = ${matrix.inputs}u;`,
      `outputs = ${matrix.outputs}u;`,
      `weightOffset = ${matrix.weightOffset}u;`,
      `biasOffset = ${matrix.biasOffset}u;`,
      `inputColumn = ${matrix.inputColumn}u;`,
      `deltaColumn = ${matrix.deltaColumn}u;`,
      `tilesAcross = ${matrix.tilesAcross}u;`,
      `times = ${matrix.lastTimeOnly ? 1 : times}u;`,
      `tileInMatrix = group.x - ${matrix.firstTile}u;`,
    ].join(" ");
  const names = [
    "inputs",
    "outputs",
    "weightOffset",
    "biasOffset",
    "inputColumn",
    "deltaColumn",
    "tilesAcross",
    "times",
    "tileInMatrix",
  ];
  const branches = matrices.map((matrix) => `if (group.x >= ${matrix.firstTile}u) { ${assign(matrix)} }`).toReversed();
  return `${names.map((name) => `  var ${name} = 0u;`).join("\n")}
  ${branches.join("\n  else ")}
  let tileInput = tileInMatrix % tilesAcross * ${tiling.gradientTile}u;
  let tileOutput = tileInMatrix / tilesAcross * ${tiling.gradientTile}u;`;
}
