/**
 * One LSTM or GRU layer as calls of kernels. Matrices have a row for each time and example, time by time: row
 * time x rows + example. States have one time more, the zeros before the first.
 */
import { type Arena, FINISH, type Kernels } from "../kernels/kernels.ts";
import { gateCount, type RecurrentSpec } from "../network.ts";
import { roundUp } from "./packed-weights.ts";
import type { MatrixAddresses, VectorAddresses, Weights } from "./weights.ts";

/** Bytes of a panel's row. */
const ROW_BYTES = 32;

/** Where and when a batch's windows are. */
export interface Windows {
  /** Examples, in fours. */
  readonly rows: number;
  /** Address of the time at which each window begins; 0 when all are full. */
  readonly starts: number;
}

export class RecurrentLayer {
  /** Rows of a panel of gates, inputs and gradients. */
  readonly stride: number;
  /** Rows of a panel of states. */
  readonly stateStride: number;
  /** Columns of the state, padded. */
  readonly columns: number;
  readonly states: number;
  /** Gradient of the states: filled from above, then through time. */
  readonly gradient: number;
  readonly #kernels: Kernels;
  readonly #kind: RecurrentSpec["kind"];
  readonly #times: number;
  readonly #gateColumns: number;
  readonly #inputColumns: number;
  readonly #inputWeights: MatrixAddresses;
  readonly #stateWeights: MatrixAddresses;
  readonly #inputBias: VectorAddresses;
  readonly #stateBias: VectorAddresses;
  /** lstm and gru: gates; gru: the states' part of them too. */
  readonly #gates: number;
  readonly #fromState: number;
  /** The lstm's second state. */
  readonly #memories: number;
  readonly #carry: number;
  readonly #carryStride: number;

  constructor(spec: RecurrentSpec, index: number, batchRows: number, weights: Weights, arena: Arena) {
    const inputs = index === 0 ? spec.inputs : spec.hidden;
    this.#kernels = arena.kernels;
    this.#kind = spec.kind;
    this.#times = spec.sequenceLength;
    this.columns = roundUp(spec.hidden, 8);
    this.#inputColumns = inputs;
    this.#gateColumns = gateCount(spec.kind) * this.columns;
    this.stride = batchRows * spec.sequenceLength;
    this.stateStride = this.stride + batchRows;
    this.#inputWeights = weights.matrix(`rnn.weight_ih_l${index}`);
    this.#stateWeights = weights.matrix(`rnn.weight_hh_l${index}`);
    this.#inputBias = weights.vector(`rnn.bias_ih_l${index}`);
    this.#stateBias = weights.vector(`rnn.bias_hh_l${index}`);
    this.#gates = arena.allocateFloats(this.#gateColumns * this.stride);
    this.states = arena.allocateFloats(this.columns * this.stateStride);
    const isLstm = spec.kind === "lstm";
    this.#fromState = isLstm ? 0 : arena.allocateFloats(this.#gateColumns * this.stride);
    this.#memories = isLstm ? arena.allocateFloats(this.columns * this.stateStride) : 0;
    this.gradient = arena.allocateFloats(this.columns * this.stride);
    this.#carryStride = batchRows;
    this.#carry = arena.allocateFloats(this.columns * batchRows);
  }

  /** Address of the states after a time, or of the zeros before all for -1. */
  stateAt(time: number, rows: number): number {
    return this.states + (time + 1) * rows * ROW_BYTES;
  }

  /** From inputs in panels of `inputStride` rows to the states. */
  forward(inputs: number, inputStride: number, { rows, starts }: Windows): void {
    const kernels = this.#kernels;
    const weights = this.#inputWeights;
    this.#clearFirstStates(rows);
    kernels.multiply(
      inputs,
      inputStride,
      weights.turned,
      weights.inputs,
      this.#inputBias.values,
      this.#gates,
      this.stride,
      0,
      rows * this.#times,
      weights.inputs,
      this.#gateColumns,
      FINISH.none,
    );
    for (let time = 0; time < this.#times; time++) {
      const offset = time * rows * ROW_BYTES;
      const isLstm = this.#kind === "lstm";
      kernels.multiply(
        this.stateAt(time - 1, rows),
        this.stateStride,
        this.#stateWeights.turned,
        this.#stateWeights.inputs,
        this.#stateBias.values,
        (isLstm ? this.#gates : this.#fromState) + offset,
        this.stride,
        0,
        rows,
        this.#stateWeights.inputs,
        this.#gateColumns,
        isLstm ? FINISH.add : FINISH.none,
      );
      this.#advance(time, rows, starts);
    }
  }

  #advance(time: number, rows: number, starts: number): void {
    const { stride, stateStride, columns } = this;
    const offset = time * rows * ROW_BYTES;
    const next = offset + rows * ROW_BYTES;
    const gates = this.#gates + offset;
    const state = this.states + next;
    if (this.#kind === "lstm") {
      const before = this.#memories + offset;
      const memory = this.#memories + next;
      this.#kernels.lstmForward(gates, stride, before, memory, state, stateStride, rows, columns, starts, time);
      return;
    }
    const before = this.states + offset;
    const fromState = this.#fromState + offset;
    this.#kernels.gruForward(gates, fromState, stride, before, state, stateStride, rows, columns, starts, time);
  }

  /** A batch of another size has other states where this one's zeros are. */
  #clearFirstStates(rows: number): void {
    this.#fillZero(this.states, this.stateStride, rows);
    if (this.#kind === "lstm") this.#fillZero(this.#memories, this.stateStride, rows);
  }

  #fillZero(address: number, stride: number, rows: number): void {
    const floats = new Float32Array(this.#kernels.memory.buffer);
    for (let column = 0; column < this.columns; column += 8) {
      const from = address / 4 + column * stride;
      floats.fill(0, from, from + rows * 8);
    }
  }

  /**
   * From `gradient`, which has what the layers above want of each state (with `isTop`, of the last alone), to the
   * gradients of the weights, and to that of the inputs if `inputGradient` is not 0.
   */
  backward(inputs: number, inputStride: number, windows: Windows, isTop: boolean, inputGradient: number): void {
    const { rows, starts } = windows;
    this.#fillZero(this.#carry, this.#carryStride, rows);
    for (let time = this.#times - 1; time >= 0; time--) {
      this.#retreat(time, rows, starts);
      if (time > 0) this.#passStateGradient(time, rows, isTop ? FINISH.none : FINISH.add);
    }
    this.#weightGradients(inputs, inputStride, rows);
    if (inputGradient === 0) return;
    const { weights, rows: weightRows } = this.#inputWeights;
    this.#kernels.multiply(
      this.#gates,
      this.stride,
      weights,
      weightRows,
      0,
      inputGradient,
      this.stride,
      0,
      rows * this.#times,
      weightRows,
      this.#inputColumns,
      FINISH.none,
    );
  }

  #retreat(time: number, rows: number, starts: number): void {
    const { stride, stateStride, columns } = this;
    const offset = time * rows * ROW_BYTES;
    const gates = this.#gates + offset;
    const gradient = this.gradient + offset;
    if (this.#kind === "lstm") {
      const before = this.#memories + offset;
      this.#kernels.lstmBackward(
        gates,
        stride,
        before,
        before + rows * ROW_BYTES,
        stateStride,
        gradient,
        this.#carry,
        this.#carryStride,
        rows,
        columns,
        starts,
        time,
      );
      return;
    }
    this.#kernels.gruBackward(
      gates,
      this.#fromState + offset,
      stride,
      this.states + offset,
      stateStride,
      gradient,
      this.#carry,
      this.#carryStride,
      rows,
      columns,
      starts,
      time,
    );
  }

  /** To the state before: through the gates of a time. */
  #passStateGradient(time: number, rows: number, finish: number): void {
    const offset = time * rows * ROW_BYTES;
    const { weights, rows: weightRows } = this.#stateWeights;
    this.#kernels.multiply(
      (this.#kind === "lstm" ? this.#gates : this.#fromState) + offset,
      this.stride,
      weights,
      weightRows,
      0,
      this.gradient + offset - rows * ROW_BYTES,
      this.stride,
      0,
      rows,
      weightRows,
      this.columns,
      finish,
    );
  }

  #weightGradients(inputs: number, inputStride: number, rows: number): void {
    const kernels = this.#kernels;
    const { stride } = this;
    const all = rows * this.#times;
    const byState = this.#kind === "lstm" ? this.#gates : this.#fromState;
    const { gradient: inputGradient, rows: inputRows } = this.#inputWeights;
    const { gradient: stateGradient, rows: stateRows } = this.#stateWeights;
    kernels.multiplyTransposed(
      this.#gates,
      stride,
      inputs,
      inputStride,
      inputGradient,
      inputRows,
      all,
      inputRows,
      this.#inputColumns,
    );
    kernels.multiplyTransposed(
      byState,
      stride,
      this.states,
      this.stateStride,
      stateGradient,
      stateRows,
      all,
      stateRows,
      this.columns,
    );
    kernels.sumRows(this.#gates, stride, this.#inputBias.gradient, all, this.#gateColumns);
    kernels.sumRows(byState, stride, this.#stateBias.gradient, all, this.#gateColumns);
  }
}
