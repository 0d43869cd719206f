/** Pieces of WGSL that bodies of the rows' kernel are made of. */
import type { MatrixPlan, Plan } from "./plan.ts";

/** A line for each of four rows: compilers keep a vector in registers when its components are named. */
export function ofFour(line: (component: string, index: number) => string): string {
  return ["x", "y", "z", "w"].map(line).join("\n");
}

/** Writes four rows' values to a column of the trace; rows past the batch's end stay out. */
export function storeQuad(values: string, column: string, time: string): string {
  return `    {
      let stored = ${values};
      let place = traceAt(member, firstRow + quad * 4u, ${time}) + ${column};
${ofFour((component, index) => `      if (quad * 4u + ${index}u < rowsHere) { trace[place + ${index}u * ROW_FLOATS] = stored.${component}; }`)}
    }`;
}

/** The factors by which dropout multiplies unit `unit` of four rows. */
export function keepFactor(place: string): string {
  return `keep(dropout, ${place}, firstRow + quad * 4u, unit)`;
}

interface Product {
  /** Count of results, one for each unit. */
  readonly units: number;
  /** Count of products that each result sums, in ascending order, and the value that it starts with. */
  readonly terms: number;
  readonly start: string;
  /** The index of the weight of `at` and `unit` among a member's weights. */
  readonly weight: string;
  /** The cells' column of the value that goes with `at`. */
  readonly source: string;
}

/** Values through a matrix: the transposed copy, so that neighbouring threads read neighbouring weights. */
export function forwardProduct(
  { inputs, outputs, biasOffset, transposedOffset }: MatrixPlan,
  firstCell: number,
): Product {
  return {
    units: outputs,
    terms: inputs,
    start: `weights[parameters + ${biasOffset}u + unit]`,
    weight: `${transposedOffset}u + at * ${outputs}u + unit`,
    source: `${firstCell}u + at`,
  };
}

/** Deltas back through a matrix. */
export function backwardProduct({ inputs, outputs, weightOffset }: MatrixPlan, source: string): Product {
  return { units: inputs, terms: outputs, start: "0", weight: `${weightOffset}u + at * ${inputs}u + unit`, source };
}

/**
 * Computes a product for all units and rows, each thread having one unit and some rows, so that a weight that is read
 * once serves all of them; then does `then` with each `sum` of `unit` and `quad`. Ends with a barrier.
 */
export function productLoop({ tiling }: Plan, product: Product, then: string): string {
  const quads = tiling.rowsPerThread / 4;
  const groups = tiling.rowsPerGroup / tiling.rowsPerThread;
  const each = (line: (quad: number) => string) => Array.from({ length: quads }, (_, quad) => line(quad)).join("\n");
  return `  for (var item = thread; item < ${product.units * groups}u; item += THREADS) {
    let unit = item % ${product.units}u;
    let firstQuad = item / ${product.units}u * ${quads}u;
${each((quad) => `    var sum${quad} = vec4f(${product.start});`)}
${termLoops(product, each)}
${each((quad) => `    {\n    let quad = firstQuad + ${quad}u;\n    var sum = sum${quad};\n${then}\n    }`)}
  }
  workgroupBarrier();`;
}

/** Terms whose weights are asked for before the first is used, so that their ways from memory overlap. */
const TERMS_TOGETHER = 8;

function termLoops({ terms, weight, source }: Product, each: (line: (quad: number) => string) => string): string {
  const together = terms - (terms % TERMS_TOGETHER);
  const steps = Array.from({ length: TERMS_TOGETHER }, (_, step) => step);
  const ask = (step: number) => `      let at${step} = first + ${step}u;
      let weight${step} = weights[parameters + ${weight.replace(/\bat\b/g, `at${step}`)}];`;
  const use = (
    step: number,
  ) => `      let source${step} = (${source.replace(/\bat\b/g, `at${step}`)}) * QUADS + firstQuad;
${each((quad) => `      sum${quad} = fma(vec4f(weight${step}), cells[source${step} + ${quad}u], sum${quad});`)}`;
  const groups = `    for (var first = 0u; first < ${together}u; first += ${TERMS_TOGETHER}u) {
${steps.map(ask).join("\n")}
${steps.map(use).join("\n")}
    }`;
  const rest = `    for (var first = ${together}u; first < ${terms}u; first++) {
${ask(0)}
${use(0)}
    }`;
  return `${together > 0 ? groups : ""}\n${terms > together ? rest : ""}`;
}

/** From one row of the trace to the next example's; and where a row's columns begin. */
export function traceFunction({ times, traceStride }: Plan, mostBatchRows: number): string {
  return `const ROW_FLOATS = ${times * traceStride}u;
fn traceAt(member: u32, row: u32, time: u32) -> u32 {
  return ((member * ${mostBatchRows}u + row) * ${times}u + time) * ${traceStride}u;
}`;
}

/** `loadTrace` reads a column of four rows. Rows that are not among the next `rows` are zero. */
export function loadTraceFunction(): string {
  return `fn loadTrace(member: u32, firstRow: u32, rows: u32, time: u32, column: u32) -> vec4f {
  var values = vec4f(0);
  let place = traceAt(member, firstRow, time) + column;
${ofFour((component, index) => `  if (rows > ${index}u) { values.${component} = trace[place + ${index}u * ROW_FLOATS]; }`)}
  return values;
}`;
}

/** Four rows are one vec4f: `cells[column * QUADS + quad]` is a column of rows 4 quad to 4 quad + 3. */
export function preamble({ tiling, cellColumns, times }: Plan): string {
  return `const ROWS = ${tiling.rowsPerGroup}u;
const QUADS = ${tiling.rowsPerGroup / 4}u;
const THREADS = ${tiling.rowThreads}u;
const TIMES = ${times}u;
var<workgroup> cells: array<vec4f, ${(cellColumns * tiling.rowsPerGroup) / 4}>;`;
}

/** The same numbers as `dropoutKeeps` in random.ts: for four rows, what a kept value is multiplied by, else zero. */
export function dropoutFunctions({ dropout }: Plan): string {
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

export function dropoutSettings({ dropout }: Plan): string {
  if (!dropout) return "";
  return `  let dropout = Dropout(
    mix32(members[member].dropoutSeed ^ (members[member].firstStep + batch)),
    members[member].dropoutThreshold,
    members[member].keepScale,
  );`;
}

/** Rows' losses to the statistics; the outputs' deltas over the outputs, and to the trace. */
export function lossStep(plan: Plan, mostBatchRows: number): string {
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
