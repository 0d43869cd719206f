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

/** What dropout multiplies unit `unit` of four rows with. */
export function keepFactor(place: string): string {
  return `keep(dropout, ${place}, firstRow + quad * 4u, unit)`;
}

export interface Product {
  /** How many numbers come out, one for each unit. */
  readonly units: number;
  /** How many products each is the sum of, in ascending order, and what it starts with. */
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
