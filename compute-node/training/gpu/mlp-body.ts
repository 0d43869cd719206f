/** The rows' kernel of an mlp: all layers' values stand in the cells side by side, and the deltas take their places. */
import { type Activation, LEAKY_SLOPE } from "../network.ts";
import type { MlpPlan } from "./plan.ts";
import { backwardProduct, forwardProduct, keepFactor, ofFour, productLoop, storeQuad } from "./rows-parts.ts";

/** Values, and slopes by the value itself. Comparisons are such that NaN stays NaN. */
export const ACTIVATION: Readonly<Record<Activation, { value: string; slope: string }>> = {
  relu: { value: "return select(x, vec4f(0), x < vec4f(0));", slope: "select(vec4f(0), vec4f(1), value > vec4f(0))" },
  leaky_relu: {
    value: `return select(x, ${LEAKY_SLOPE} * x, x < vec4f(0));`,
    slope: `select(vec4f(${LEAKY_SLOPE}), vec4f(1), value > vec4f(0))`,
  },
  // Beyond 10 it is 1 to the last bit, and some drivers' tanh overflows.
  tanh: { value: "return select(tanh(x), sign(x), abs(x) > vec4f(10));", slope: "1.0 - value * value" },
  sigmoid: { value: "return 1.0 / (1.0 + exp(-x));", slope: "value * (1.0 - value)" },
};

export function mlpFunctions({ network }: MlpPlan): string {
  return `fn activate(x: vec4f) -> vec4f {
  ${ACTIVATION[network.activation].value}
}`;
}

export function mlpForward(plan: MlpPlan, training: boolean): string {
  const { inputs } = plan.network;
  const load = `  for (var item = thread; item < ${inputs}u * QUADS; item += THREADS) {
    let column = item % ${inputs}u;
    let quad = item / ${inputs}u;
    var values = vec4f(0);
    let firstPlace = orderStart + quad * 4u;
${ofFour((component, index) => `    if (quad * 4u + ${index}u < rowsHere) { values.${component} = features[order[firstPlace + ${index}u] * ${inputs}u + column]; }`)}
    cells[column * QUADS + quad] = values;
${training ? storeQuad("values", "column", "0u") : ""}
  }
  workgroupBarrier();`;
  return [load, ...plan.matrices.map((_, layer) => forwardLayer(plan, layer, training))].join("\n");
}

/** A layer's values go to the cells where the trace has the inputs of the next. */
function forwardLayer(plan: MlpPlan, layer: number, training: boolean): string {
  const matrix = plan.matrices[layer];
  const last = layer + 1 === plan.matrices.length;
  const column = `${matrix.inputColumn + matrix.inputs}u + unit`;
  const then = [
    last ? "" : "    sum = activate(sum);",
    training && plan.dropout && !last ? `    sum *= ${keepFactor(`${layer}u`)};` : "",
    `    cells[(${column}) * QUADS + quad] = sum;`,
    training && !last ? storeQuad("sum", column, "0u") : "",
  ];
  return productLoop(plan, forwardProduct(matrix, matrix.inputColumn), then.filter((line) => line !== "").join("\n"));
}

export function mlpBackward(plan: MlpPlan): string {
  const layers = plan.matrices.map((_, layer) => layer).slice(1);
  return layers
    .toReversed()
    .map((layer) => backwardLayer(plan, layer))
    .join("\n");
}

/** From the deltas of a layer to those of the layer before it, which replace its values. */
function backwardLayer(plan: MlpPlan, layer: number): string {
  const matrix = plan.matrices[layer];
  const cell = `cells[(${matrix.inputColumn}u + unit) * QUADS + quad]`;
  const { slope } = ACTIVATION[plan.network.activation];
  const derivative = plan.dropout
    ? `    let value = ${cell} / dropout.scale;
    sum *= ${keepFactor(`${layer - 1}u`)} * (${slope});`
    : `    let value = ${cell};
    sum *= ${slope};`;
  const then = `${derivative}
    ${cell} = sum;
${storeQuad("sum", `${plan.matrices[layer - 1].deltaColumn}u + unit`, "0u")}`;
  return productLoop(plan, backwardProduct(matrix, `${matrix.inputColumn + matrix.inputs}u + at`), then);
}
