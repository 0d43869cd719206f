/**
 * One time of an LSTM or GRU layer, element by element, between the matrix products. Matrices are in panels of eight
 * columns (see matrix.ts); addresses are those of the time's first row. A gate's columns are as many as the states',
 * `columns`, a multiple of eight. `stride` is the rows of a panel of gates and gradients, `stateStride` that of states.
 *
 * `starts`, if not 0, has for each row the time at which its window begins: before that its states stay zero.
 */
import { hyperbolicTangent, sigmoid } from "./activation";
import { Constant, constant } from "./constants";
import { multiplyAdd } from "./matrix";

// @ts-ignore: decorator
@inline
function hasBegun(starts: usize, row: i32, time: i32): bool {
  return starts == 0 || load<i32>(starts + (<usize>row << 2)) <= time;
}

/**
 * Gates i, f, g, o: replaced by their activations; memory = f x before + i x g; state = o x tanh(memory).
 */
export function lstmForward(
  gates: usize,
  stride: i32,
  before: usize,
  memory: usize,
  state: usize,
  stateStride: i32,
  rows: i32,
  columns: i32,
  starts: usize,
  time: i32,
): void {
  const gateBytes = <usize>(columns >> 3) * (<usize>stride << 5);
  for (let column = 0; column < columns; column += 8) {
    for (let row = 0; row < rows; row++) {
      const begun = hasBegun(starts, row, time);
      for (let half: usize = 0; half < 32; half += 16) {
        const offset = (<usize>row << 5) + half;
        const gate = gates + offset;
        const i = sigmoid(v128.load(gate));
        const f = sigmoid(v128.load(gate + gateBytes));
        const g = hyperbolicTangent(v128.load(gate + gateBytes * 2));
        const o = sigmoid(v128.load(gate + gateBytes * 3));
        v128.store(gate, i);
        v128.store(gate + gateBytes, f);
        v128.store(gate + gateBytes * 2, g);
        v128.store(gate + gateBytes * 3, o);
        let c = multiplyAdd(f, v128.load(before + offset), f32x4.mul(i, g));
        let h = f32x4.mul(o, hyperbolicTangent(c));
        if (!begun) {
          c = f32x4.splat(0);
          h = f32x4.splat(0);
        }
        v128.store(memory + offset, c);
        v128.store(state + offset, h);
      }
    }
    gates += <usize>stride << 5;
    before += <usize>stateStride << 5;
    memory += <usize>stateStride << 5;
    state += <usize>stateStride << 5;
  }
}

/**
 * The way back: `gates` become their gradients. `gradient` is that of the state; `carry`, of the memory, is replaced
 * by that of the memory before; its panels have `carryStride` rows.
 */
export function lstmBackward(
  gates: usize,
  stride: i32,
  before: usize,
  memory: usize,
  stateStride: i32,
  gradient: usize,
  carry: usize,
  carryStride: i32,
  rows: i32,
  columns: i32,
  starts: usize,
  time: i32,
): void {
  const gateBytes = <usize>(columns >> 3) * (<usize>stride << 5);
  const one = constant(Constant.one);
  for (let column = 0; column < columns; column += 8) {
    for (let row = 0; row < rows; row++) {
      const begun = hasBegun(starts, row, time);
      for (let half: usize = 0; half < 32; half += 16) {
        const offset = (<usize>row << 5) + half;
        const gate = gates + offset;
        const dh = begun ? v128.load(gradient + offset) : f32x4.splat(0);
        const above = begun ? v128.load(carry + offset) : f32x4.splat(0);
        const i = v128.load(gate);
        const f = v128.load(gate + gateBytes);
        const g = v128.load(gate + gateBytes * 2);
        const o = v128.load(gate + gateBytes * 3);
        const t = hyperbolicTangent(v128.load(memory + offset));
        const dt = f32x4.mul(f32x4.mul(dh, o), f32x4.sub(one, f32x4.mul(t, t)));
        const dc = f32x4.add(above, dt);
        const di = f32x4.mul(f32x4.mul(dc, g), f32x4.mul(i, f32x4.sub(one, i)));
        const df = f32x4.mul(f32x4.mul(dc, v128.load(before + offset)), f32x4.mul(f, f32x4.sub(one, f)));
        const dg = f32x4.mul(f32x4.mul(dc, i), f32x4.sub(one, f32x4.mul(g, g)));
        const dOut = f32x4.mul(f32x4.mul(dh, t), f32x4.mul(o, f32x4.sub(one, o)));
        v128.store(gate, di);
        v128.store(gate + gateBytes, df);
        v128.store(gate + gateBytes * 2, dg);
        v128.store(gate + gateBytes * 3, dOut);
        v128.store(carry + offset, f32x4.mul(dc, f));
      }
    }
    gates += <usize>stride << 5;
    before += <usize>stateStride << 5;
    memory += <usize>stateStride << 5;
    gradient += <usize>stride << 5;
    carry += <usize>carryStride << 5;
  }
}

/**
 * Gates r, z, n: `gates` has the inputs' part and becomes the activations, `fromState` the state's part (of n it is
 * needed again). n = tanh(gate + r x fromState); state = (1 - z) n + z x before.
 */
export function gruForward(
  gates: usize,
  fromState: usize,
  stride: i32,
  before: usize,
  state: usize,
  stateStride: i32,
  rows: i32,
  columns: i32,
  starts: usize,
  time: i32,
): void {
  const gateBytes = <usize>(columns >> 3) * (<usize>stride << 5);
  for (let column = 0; column < columns; column += 8) {
    for (let row = 0; row < rows; row++) {
      const begun = hasBegun(starts, row, time);
      for (let half: usize = 0; half < 32; half += 16) {
        const offset = (<usize>row << 5) + half;
        const gate = gates + offset;
        const part = fromState + offset;
        const r = sigmoid(f32x4.add(v128.load(gate), v128.load(part)));
        const z = sigmoid(f32x4.add(v128.load(gate + gateBytes), v128.load(part + gateBytes)));
        const n = hyperbolicTangent(
          multiplyAdd(r, v128.load(part + gateBytes * 2), v128.load(gate + gateBytes * 2)),
        );
        v128.store(gate, r);
        v128.store(gate + gateBytes, z);
        v128.store(gate + gateBytes * 2, n);
        const h = multiplyAdd(z, f32x4.sub(v128.load(before + offset), n), n);
        v128.store(state + offset, begun ? h : f32x4.splat(0));
      }
    }
    gates += <usize>stride << 5;
    fromState += <usize>stride << 5;
    before += <usize>stateStride << 5;
    state += <usize>stateStride << 5;
  }
}

/**
 * The way back: `gates` and `fromState` become their gradients. The gradient of the state is `gradient` + `carry`;
 * `carry` is replaced by what reaches the state before past the gates.
 */
export function gruBackward(
  gates: usize,
  fromState: usize,
  stride: i32,
  before: usize,
  stateStride: i32,
  gradient: usize,
  carry: usize,
  carryStride: i32,
  rows: i32,
  columns: i32,
  starts: usize,
  time: i32,
): void {
  const gateBytes = <usize>(columns >> 3) * (<usize>stride << 5);
  const one = constant(Constant.one);
  for (let column = 0; column < columns; column += 8) {
    for (let row = 0; row < rows; row++) {
      const begun = hasBegun(starts, row, time);
      for (let half: usize = 0; half < 32; half += 16) {
        const offset = (<usize>row << 5) + half;
        const gate = gates + offset;
        const part = fromState + offset;
        let dh = f32x4.splat(0);
        if (begun) dh = f32x4.add(v128.load(gradient + offset), v128.load(carry + offset));
        const r = v128.load(gate);
        const z = v128.load(gate + gateBytes);
        const n = v128.load(gate + gateBytes * 2);
        const rest = f32x4.sub(one, z);
        const dn = f32x4.mul(f32x4.mul(dh, rest), f32x4.sub(one, f32x4.mul(n, n)));
        const change = f32x4.sub(v128.load(before + offset), n);
        const dz = f32x4.mul(f32x4.mul(dh, change), f32x4.mul(z, rest));
        const byReset = f32x4.mul(dn, v128.load(part + gateBytes * 2));
        const dr = f32x4.mul(byReset, f32x4.mul(r, f32x4.sub(one, r)));
        v128.store(gate, dr);
        v128.store(gate + gateBytes, dz);
        v128.store(gate + gateBytes * 2, dn);
        v128.store(part, dr);
        v128.store(part + gateBytes, dz);
        v128.store(part + gateBytes * 2, f32x4.mul(dn, r));
        v128.store(carry + offset, f32x4.mul(dh, z));
      }
    }
    gates += <usize>stride << 5;
    fromState += <usize>stride << 5;
    before += <usize>stateStride << 5;
    gradient += <usize>stride << 5;
    carry += <usize>carryStride << 5;
  }
}
