/** Stacked LSTM or GRU cells by their definitions (torch.nn.LSTM, torch.nn.GRU), one window at a time. */
import { gateCount, parameterLayout, type RecurrentSpec } from "../network.ts";
import { type Matrix, matrix } from "./matrix.ts";
import type { ForwardPass, Keeps } from "./mlp.ts";
import { Parameters } from "./parameters.ts";

/** One cell's step at one time, and the way back: from the gradient of its state to that of its inputs. */
interface CellStep {
  readonly state: Float64Array;
  /** The LSTM's second state. */
  readonly memory: Float64Array;
  backward(stateGradient: Float64Array, memoryGradient: Float64Array, gradients: Parameters): CellGradients;
}

interface CellGradients {
  readonly input: Float64Array;
  readonly state: Float64Array;
  readonly memory: Float64Array;
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

/** matrix x vector + bias. */
function affine(weights: Matrix, vector: Float64Array, bias: Float64Array): Float64Array {
  return bias.map((start, row) => {
    let sum = start;
    for (let k = 0; k < weights.columns; k++) sum += weights.values[row * weights.columns + k] * vector[k];
    return sum;
  });
}

/** transposed matrix x vector. */
function back(weights: Matrix, vector: Float64Array): Float64Array {
  const result = new Float64Array(weights.columns);
  for (let row = 0; row < weights.rows; row++) {
    for (let k = 0; k < weights.columns; k++) result[k] += weights.values[row * weights.columns + k] * vector[row];
  }
  return result;
}

/** The gradients of `weights` x vector + bias. */
function addOuter(gradients: Parameters, weights: string, bias: string, rows: Float64Array, vector: Float64Array) {
  gradients.addTo(bias, rows);
  const products = new Float64Array(rows.length * vector.length);
  for (let row = 0; row < rows.length; row++) {
    for (let k = 0; k < vector.length; k++) products[row * vector.length + k] = rows[row] * vector[k];
  }
  gradients.addTo(weights, products);
}

interface Cell {
  readonly ih: string;
  readonly hh: string;
  readonly biasIh: string;
  readonly biasHh: string;
  readonly hidden: number;
  readonly parameters: Parameters;
}

function lstmStep(cell: Cell, input: Float64Array, state: Float64Array, memory: Float64Array): CellStep {
  const { parameters, hidden } = cell;
  const [wi, wh] = [parameters.matrix(cell.ih), parameters.matrix(cell.hh)];
  const fromState = affine(wh, state, parameters.vector(cell.biasHh));
  const z = affine(wi, input, parameters.vector(cell.biasIh)).map((value, at) => value + fromState[at]);
  const gate = (index: number, squash: (z: number) => number) =>
    z.slice(index * hidden, (index + 1) * hidden).map(squash);
  const [i, f, g, o] = [gate(0, sigmoid), gate(1, sigmoid), gate(2, Math.tanh), gate(3, sigmoid)];
  const nextMemory = memory.map((c, at) => f[at] * c + i[at] * g[at]);
  return {
    memory: nextMemory,
    state: nextMemory.map((c, at) => o[at] * Math.tanh(c)),
    backward(stateGradient, memoryGradient, gradients) {
      const dz = new Float64Array(4 * hidden);
      const dMemory = new Float64Array(hidden);
      for (let at = 0; at < hidden; at++) {
        const t = Math.tanh(nextMemory[at]);
        const dc = memoryGradient[at] + stateGradient[at] * o[at] * (1 - t * t);
        dz[at] = dc * g[at] * i[at] * (1 - i[at]);
        dz[hidden + at] = dc * memory[at] * f[at] * (1 - f[at]);
        dz[2 * hidden + at] = dc * i[at] * (1 - g[at] * g[at]);
        dz[3 * hidden + at] = stateGradient[at] * t * o[at] * (1 - o[at]);
        dMemory[at] = dc * f[at];
      }
      addOuter(gradients, cell.ih, cell.biasIh, dz, input);
      addOuter(gradients, cell.hh, cell.biasHh, dz, state);
      return { input: back(wi, dz), state: back(wh, dz), memory: dMemory };
    },
  };
}

function gruStep(cell: Cell, input: Float64Array, state: Float64Array, memory: Float64Array): CellStep {
  const { parameters, hidden } = cell;
  const [wi, wh] = [parameters.matrix(cell.ih), parameters.matrix(cell.hh)];
  const a = affine(wi, input, parameters.vector(cell.biasIh));
  const b = affine(wh, state, parameters.vector(cell.biasHh));
  const r = state.map((_, at) => sigmoid(a[at] + b[at]));
  const z = state.map((_, at) => sigmoid(a[hidden + at] + b[hidden + at]));
  const n = state.map((_, at) => Math.tanh(a[2 * hidden + at] + r[at] * b[2 * hidden + at]));
  return {
    memory,
    state: state.map((h, at) => (1 - z[at]) * n[at] + z[at] * h),
    backward(stateGradient, memoryGradient, gradients) {
      const da = new Float64Array(3 * hidden);
      const db = new Float64Array(3 * hidden);
      const dState = new Float64Array(hidden);
      for (let at = 0; at < hidden; at++) {
        const dn = stateGradient[at] * (1 - z[at]) * (1 - n[at] * n[at]);
        const dr = dn * b[2 * hidden + at] * r[at] * (1 - r[at]);
        const dz = stateGradient[at] * (state[at] - n[at]) * z[at] * (1 - z[at]);
        da.set([dr], at);
        da.set([dz], hidden + at);
        da.set([dn], 2 * hidden + at);
        db.set([dr], at);
        db.set([dz], hidden + at);
        db.set([dn * r[at]], 2 * hidden + at);
        dState[at] = stateGradient[at] * z[at];
      }
      addOuter(gradients, cell.ih, cell.biasIh, da, input);
      addOuter(gradients, cell.hh, cell.biasHh, db, state);
      const through = back(wh, db);
      return { input: back(wi, da), state: through.map((value, at) => value + dState[at]), memory: memoryGradient };
    },
  };
}

/** `windows` has a matrix [time, input] for each example; one that is shorter than the others ends with them. */
export function forwardRecurrent(
  spec: RecurrentSpec,
  parameters: Parameters,
  windows: readonly Matrix[],
  keeps: Keeps | null,
): ForwardPass {
  const passes = windows.map((window, row) => forwardWindow(spec, parameters, window, row, keeps));
  const outputs = matrix(windows.length, spec.outputs, (row, column) => passes[row].outputs[column]);
  return {
    outputs,
    backward(gradient) {
      const gradients = new Parameters(parameterLayout(spec));
      for (const [row, pass] of passes.entries()) {
        pass.backward(gradient.values.subarray(row * spec.outputs, (row + 1) * spec.outputs), gradients);
      }
      return gradients;
    },
  };
}

function forwardWindow(spec: RecurrentSpec, parameters: Parameters, window: Matrix, row: number, keeps: Keeps | null) {
  const { hidden, layers, sequenceLength, dropout } = spec;
  const start = sequenceLength - window.rows;
  const step = gateCount(spec.kind) === 4 ? lstmStep : gruStep;
  const drop = (place: number, values: Float64Array) =>
    keeps === null || dropout === 0
      ? values
      : values.map((v, column) => (keeps(place, row, column) ? v / (1 - dropout) : 0));
  let sequence: Float64Array[] = Array.from({ length: window.rows }, (_, time) =>
    window.values.slice(time * window.columns, (time + 1) * window.columns),
  );
  const history = Array.from({ length: layers }, (_, layer) => {
    const cell = cellOf(parameters, layer, hidden);
    let state: Float64Array = new Float64Array(hidden);
    let memory: Float64Array = new Float64Array(hidden);
    const steps = sequence.map((input) => {
      const made = step(cell, input, state, memory);
      state = made.state;
      memory = made.memory;
      return made;
    });
    const isLast = layer === layers - 1;
    sequence = steps.map(({ state: value }, time) =>
      isLast ? value : drop(layer * sequenceLength + start + time, value),
    );
    return steps;
  });
  const headWeight = parameters.matrix("head.weight");
  const read = drop(layers * sequenceLength, sequence[sequence.length - 1]);
  return {
    outputs: affine(headWeight, read, parameters.vector("head.bias")),
    backward(gradient: Float64Array, gradients: Parameters): void {
      addOuter(gradients, "head.weight", "head.bias", gradient, read);
      let above: Float64Array[] = history[0].map(() => new Float64Array(hidden));
      above[above.length - 1] = drop(layers * sequenceLength, back(headWeight, gradient));
      for (let layer = layers - 1; layer >= 0; layer--) {
        const inputs = backThroughTime(history[layer], above, hidden, gradients);
        above = inputs.map((value, time) =>
          layer === 0 ? value : drop((layer - 1) * sequenceLength + start + time, value),
        );
      }
    },
  };
}

function cellOf(parameters: Parameters, layer: number, hidden: number): Cell {
  return {
    ih: `rnn.weight_ih_l${layer}`,
    hh: `rnn.weight_hh_l${layer}`,
    biasIh: `rnn.bias_ih_l${layer}`,
    biasHh: `rnn.bias_hh_l${layer}`,
    hidden,
    parameters,
  };
}

/** From the gradients of a layer's states, as the layer above wants them, to those of its inputs. */
function backThroughTime(
  steps: readonly CellStep[],
  above: readonly Float64Array[],
  hidden: number,
  gradients: Parameters,
): Float64Array[] {
  const inputs: Float64Array[] = [];
  let state: Float64Array = new Float64Array(hidden);
  let memory: Float64Array = new Float64Array(hidden);
  for (let time = steps.length - 1; time >= 0; time--) {
    const total = state.map((value, at) => value + above[time][at]);
    const made = steps[time].backward(total, memory, gradients);
    inputs[time] = made.input;
    state = made.state;
    memory = made.memory;
  }
  return inputs;
}
