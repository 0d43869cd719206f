/**
 * The rows' kernel of an LSTM or GRU: forward through the times of the window, at each through the layers; then back.
 * The cells hold one time. The values that the way back needs wait in the trace. A window that is shorter than the
 * longest begins at a later time, with states of zero.
 */
import type { MatrixPlan, RecurrentPlan } from "./plan.ts";
import { cellStateColumn, GATE_CELLS, recurrentCells } from "./plan.ts";
import {
  backwardProduct,
  forwardProduct,
  keepFactor,
  loadTraceFunction,
  ofFour,
  productLoop,
  storeQuad,
} from "./rows-parts.ts";

/** `begins` has the time at which each row's window begins, and TIMES for rows past the batch's end. */
export function recurrentFunctions(training: boolean): string {
  return `var<workgroup> begins: array<vec4u, QUADS>;
fn activeAt(quad: u32, time: u32) -> vec4f {
  return select(vec4f(0), vec4f(1), vec4u(time) >= begins[quad]);
}
fn logistic(x: vec4f) -> vec4f { return 1.0 / (1.0 + exp(-x)); }
fn hyperbolic(x: vec4f) -> vec4f { return select(tanh(x), sign(x), abs(x) > vec4f(10)); }
${training ? loadTraceFunction() : ""}`;
}

/** WGSL for one cell: `cell(column)` is the four rows' vector in a column that adds `unit`. */
function cell(column: number): string {
  return `cells[(${column}u + unit) * QUADS + quad]`;
}

export function recurrentForward(plan: RecurrentPlan, training: boolean): string {
  const { inputs, hidden, layers } = plan.network;
  const cells = recurrentCells(plan.network);
  const head = plan.matrices[plan.matrices.length - 1];
  return `${findBegins(plan)}
  for (var item = thread; item < ${2 * layers * hidden}u * QUADS; item += THREADS) { cells[item] = vec4f(0); }
  workgroupBarrier();
  for (var time = 0u; time < TIMES; time++) {
  for (var item = thread; item < ${inputs}u * QUADS; item += THREADS) {
    let unit = item % ${inputs}u;
    let quad = item / ${inputs}u;
    var values = vec4f(0);
    let begin = begins[quad];
    let firstPlace = orderStart + quad * 4u;
${ofFour(
  (component, index) => `    if (time >= begin.${component}) {
      let example = order[firstPlace + ${index}u];
      values.${component} = features[(example + time + 1u - TIMES) * ${inputs}u + unit];
    }`,
)}
    ${cell(cells.input)} = values;
${training ? storeQuad("values", "unit", "time") : ""}
  }
  workgroupBarrier();
${Array.from({ length: layers }, (_, layer) => forwardLayer(plan, layer, training)).join("\n")}
  }
${productLoop(plan, forwardProduct(head, cells.input), `    ${cell(cells.output)} = sum;`)}`;
}

function findBegins({ windows }: RecurrentPlan): string {
  const begin = (index: number) =>
    windows ? `TIMES - labels[members[member].windowsStart + order[orderStart + quad * 4u + ${index}u]]` : "0u";
  return `  for (var quad = thread; quad < QUADS; quad += THREADS) {
    var times = vec4u(TIMES);
${ofFour((component, index) => `    if (quad * 4u + ${index}u < rowsHere) { times.${component} = ${begin(index)}; }`)}
    begins[quad] = times;
  }`;
}

function forwardLayer(plan: RecurrentPlan, layer: number, training: boolean): string {
  const { kind, hidden, layers } = plan.network;
  const cells = recurrentCells(plan.network);
  const [fromInput, fromState] = matricesOf(plan, layer);
  const gate = `cells[(${cells.gates}u + unit) * QUADS + quad]`;
  // The two parts of a GRU's candidate stay apart: the reset gate goes with the second.
  const add =
    kind === "lstm"
      ? `    ${gate} += sum;`
      : `    if (unit < ${2 * hidden}u) { ${gate} += sum; }
    else { ${cell(cells.gates + hidden)} = sum; }`;
  const top = layer + 1 === layers;
  const place = top ? `${layers}u * TIMES` : `${layer}u * TIMES + time`;
  const dropped = training && plan.dropout ? `state * ${keepFactor(place)}` : "state";
  const intoNext = nextMatrix(plan, layer).inputColumn;
  return `${productLoop(plan, forwardProduct(fromInput, cells.input), `    ${gate} = sum;`)}
${productLoop(plan, forwardProduct(fromState, cells.state(layer)), add)}
  for (var item = thread; item < ${hidden}u * QUADS; item += THREADS) {
    let unit = item % ${hidden}u;
    let quad = item / ${hidden}u;
    let before = ${cell(cells.state(layer))};
${training ? storeQuad("before", `${fromState.inputColumn}u + unit`, "time") : ""}
${kind === "lstm" ? lstmState(plan, layer, training) : gruState(plan, layer, training)}
    ${cell(cells.state(layer))} = state;
    let next = ${dropped};
    ${cell(cells.input)} = next;
${training ? storeQuad("next", `${intoNext}u + unit`, "time") : ""}
  }
  workgroupBarrier();`;
}

/** The two matrices of a layer: one for the values from below, one for its own state before. */
function matricesOf({ matrices }: RecurrentPlan, layer: number): [MatrixPlan, MatrixPlan] {
  return [matrices[2 * layer], matrices[2 * layer + 1]];
}

/** The reader of the layer's state: the layer above, or the head. */
function nextMatrix({ matrices }: RecurrentPlan, layer: number): MatrixPlan {
  return matrices[2 * layer + 2];
}

/** Names in the order of PyTorch's gates; a GRU's last is the candidate's part that comes from the state. */
const GATES = { lstm: ["input", "forget", "candidate", "output"], gru: ["reset", "update", "candidate", "recall"] };

/** Columns of the trace that have the layer's gates until their deltas replace them. */
function gateColumns(plan: RecurrentPlan, layer: number): number[] {
  const { kind, hidden } = plan.network;
  const [fromInput, fromState] = matricesOf(plan, layer);
  const columns = [0, 1, 2, 3].map((gate) => fromInput.deltaColumn + gate * hidden);
  return kind === "lstm" ? columns : [...columns.slice(0, 3), fromState.deltaColumn + 2 * hidden];
}

function storeGates(plan: RecurrentPlan, layer: number): string {
  const columns = gateColumns(plan, layer);
  return GATES[plan.network.kind]
    .map((name, gate) => storeQuad(`${name}Gate`, `${columns[gate]}u + unit`, "time"))
    .join("\n");
}

function gateCells(plan: RecurrentPlan): string[] {
  const { hidden } = plan.network;
  return Array.from({ length: GATE_CELLS }, (_, gate) => cell(recurrentCells(plan.network).gates + gate * hidden));
}

function lstmState(plan: RecurrentPlan, layer: number, training: boolean): string {
  const [input, forget, candidate, output] = gateCells(plan);
  const kept = cell(recurrentCells(plan.network).cellState(layer));
  const column = `${cellStateColumn(plan.network, layer)}u + unit`;
  return `    let inputGate = logistic(${input});
    let forgetGate = logistic(${forget});
    let candidateGate = hyperbolic(${candidate});
    let outputGate = logistic(${output});
    let active_ = activeAt(quad, time);
    let cellState = active_ * (forgetGate * ${kept} + inputGate * candidateGate);
    ${kept} = cellState;
    let state = active_ * outputGate * hyperbolic(cellState);
${training ? `${storeGates(plan, layer)}\n${storeQuad("cellState", column, "time")}` : ""}`;
}

function gruState(plan: RecurrentPlan, layer: number, training: boolean): string {
  const [reset, update, candidate, recall] = gateCells(plan);
  return `    let resetGate = logistic(${reset});
    let updateGate = logistic(${update});
    let recallGate = ${recall};
    let candidateGate = hyperbolic(${candidate} + resetGate * recallGate);
    let state = activeAt(quad, time) * ((1.0 - updateGate) * candidateGate + updateGate * before);
${training ? storeGates(plan, layer) : ""}`;
}

export function recurrentBackward(plan: RecurrentPlan): string {
  const { hidden, layers } = plan.network;
  const cells = recurrentCells(plan.network);
  const head = plan.matrices[plan.matrices.length - 1];
  const factor = plan.dropout ? ` * ${keepFactor(`${layers}u * TIMES`)}` : "";
  const downwards = Array.from({ length: layers }, (_, layer) => layer).toReversed();
  return `  for (var item = thread; item < ${2 * layers * hidden}u * QUADS; item += THREADS) { cells[item] = vec4f(0); }
  storageBarrier();
  workgroupBarrier();
${productLoop(plan, backwardProduct(head, `${cells.output}u + at`), `    ${cell(cells.state(layers - 1))} = sum${factor};`)}
  for (var past = 1u; past <= TIMES; past++) {
  let time = TIMES - past;
${downwards.map((layer) => backwardLayer(plan, layer)).join("\n")}
  }`;
}

/** At one time, from the derivatives by a layer's states to its gates' deltas, to its states before and to what is below. */
function backwardLayer(plan: RecurrentPlan, layer: number): string {
  const { kind, hidden, layers } = plan.network;
  const cells = recurrentCells(plan.network);
  const [fromInput, fromState] = matricesOf(plan, layer);
  const columns = gateColumns(plan, layer);
  const load = GATES[kind].map(
    (name, gate) => `    let ${name}Gate = ${loadQuad(`${columns[gate]}u + unit`, "time")};`,
  );
  const above = layer + 1 < layers ? ` + ${cell(cells.input)}` : "";
  // Cells of the deltas that go with the state's matrix: for a GRU's candidate, the second part.
  const stateDelta = kind === "lstm" ? "at" : `at + select(0u, ${hidden}u, at >= ${2 * hidden}u)`;
  const addState = kind === "lstm" ? "=" : "+=";
  const factor = plan.dropout ? ` * ${keepFactor(`${layer - 1}u * TIMES + time`)}` : "";
  const below = backwardProduct(fromInput, `${cells.gates}u + at`);
  return `  for (var item = thread; item < ${hidden}u * QUADS; item += THREADS) {
    let unit = item % ${hidden}u;
    let quad = item / ${hidden}u;
    let byState = activeAt(quad, time) * (${cell(cells.state(layer))}${above});
${load.join("\n")}
${kind === "lstm" ? lstmDeltas(plan, layer) : gruDeltas(plan, layer)}
  }
  workgroupBarrier();
${productLoop(plan, backwardProduct(fromState, `${cells.gates}u + ${stateDelta}`), `    ${cell(cells.state(layer))} ${addState} sum;`)}
${layer === 0 ? "" : productLoop(plan, below, `    ${cell(cells.input)} = sum${factor};`)}`;
}

function loadQuad(column: string, time: string): string {
  return `loadTrace(member, firstRow + quad * 4u, rowsHere - min(rowsHere, quad * 4u), ${time}, ${column})`;
}

function lstmDeltas(plan: RecurrentPlan, layer: number): string {
  const cells = recurrentCells(plan.network);
  const column = `${cellStateColumn(plan.network, layer)}u + unit`;
  const byCell = cell(cells.cellState(layer));
  return `    let squashed = hyperbolic(${loadQuad(column, "time")});
    var cellBefore = vec4f(0);
    if (time > 0u) { cellBefore = ${loadQuad(column, "time - 1u")}; }
    let byCell = activeAt(quad, time) * ${byCell} + byState * outputGate * (1.0 - squashed * squashed);
    ${byCell} = byCell * forgetGate;
${storeDeltas(plan, layer, [
  "byCell * candidateGate * inputGate * (1.0 - inputGate)",
  "byCell * cellBefore * forgetGate * (1.0 - forgetGate)",
  "byCell * inputGate * (1.0 - candidateGate * candidateGate)",
  "byState * squashed * outputGate * (1.0 - outputGate)",
])}`;
}

function gruDeltas(plan: RecurrentPlan, layer: number): string {
  const { hidden } = plan.network;
  const [, fromState] = matricesOf(plan, layer);
  const deltas = storeDeltas(plan, layer, [
    "byCandidate * recallGate * resetGate * (1.0 - resetGate)",
    "byState * (before - candidateGate) * updateGate * (1.0 - updateGate)",
    "byCandidate",
    "byCandidate * resetGate",
  ]);
  // The state's matrix has the deltas of the first two gates as well.
  const again = [0, 1].map((gate) =>
    storeQuad(`delta${gate}`, `${fromState.deltaColumn + gate * hidden}u + unit`, "time"),
  );
  return `    let before = ${loadQuad(`${fromState.inputColumn}u + unit`, "time")};
    let byCandidate = byState * (1.0 - updateGate) * (1.0 - candidateGate * candidateGate);
    ${cell(recurrentCells(plan.network).state(layer))} = byState * updateGate;
${deltas}
${again.join("\n")}`;
}

function storeDeltas(plan: RecurrentPlan, layer: number, formulas: readonly string[]): string {
  const cells = gateCells(plan);
  const columns = gateColumns(plan, layer);
  return formulas
    .map((formula, gate) =>
      [
        `    let delta${gate} = ${formula};`,
        `    ${cells[gate]} = delta${gate};`,
        storeQuad(`delta${gate}`, `${columns[gate]}u + unit`, "time"),
      ].join("\n"),
    )
    .join("\n");
}
