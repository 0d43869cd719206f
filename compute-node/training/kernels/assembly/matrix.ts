/**
 * Matrix products. Every matrix stands in panels of eight columns: the value at (row, column) is float
 * ((column >> 3) * stride + row) * 8 + (column & 7), where `stride` is how many rows a panel has room for. All loops
 * then read streams, whatever the widths. Rows come in fours; columns that only fill a panel are zero.
 *
 * A tile of a result is 4 rows by 8 columns: eight accumulators, two vectors of the right matrix and one repeated value
 * of the left one, which is what x86's sixteen registers hold. The innermost loops are not written out: V8 does that
 * itself, one turn after the other, where it would mix turns that are written out until registers spill.
 */
import { Activation, activationSlope } from "./activation";
import { Constant, constant } from "./constants";

/** What becomes of a tile before it is written. */
export const enum Finish {
  none,
  relu,
  leakyRelu,
  /** Added to what is there. */
  add,
  /** Times the derivative of `Finish.slope + activation`, given the activation's values at the same places. */
  slope,
}

/** a x b + c: two roundings, the same on every machine; one in the build that may be fast. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline
function finishTile(value: v128, at: usize, values: usize, finish: Finish): v128 {
  if (finish == Finish.relu) return f32x4.pmax(value, f32x4.splat(0));
  if (finish == Finish.leakyRelu) return f32x4.pmax(value, f32x4.mul(value, constant(Constant.leakySlope)));
  if (finish == Finish.add) return f32x4.add(value, v128.load(at));
  if (finish >= Finish.slope) return activationSlope(value, v128.load(values), finish - Finish.slope);
  return value;
}

// @ts-ignore: decorator
@inline
function product(
  left: usize,
  leftStride: i32,
  right: usize,
  rightStride: i32,
  start: usize,
  result: usize,
  resultStride: i32,
  values: usize,
  rows: i32,
  depth: i32,
  columns: i32,
  finish: Finish,
): void {
  const leftPanel = <usize>leftStride << 5;
  for (let column = 0; column < columns; column += 8) {
    let lowStart = f32x4.splat(0);
    let highStart = f32x4.splat(0);
    if (start != 0) {
      lowStart = v128.load(start);
      highStart = v128.load(start, 16);
      start += 32;
    }
    for (let row = 0; row < rows; row += 4) {
      const offset = <usize>row << 5;
      let low0 = lowStart;
      let low1 = lowStart;
      let low2 = lowStart;
      let low3 = lowStart;
      let high0 = highStart;
      let high1 = highStart;
      let high2 = highStart;
      let high3 = highStart;
      let panel = left + offset;
      let from = right;
      for (let rest = depth; rest > 0; rest -= 8) {
        const stop = from + (<usize>min(rest, 8) << 5);
        let at = panel;
        do {
          const low = v128.load(from);
          const high = v128.load(from, 16);
          const x0 = v128.load32_splat(at);
          low0 = multiplyAdd(x0, low, low0);
          high0 = multiplyAdd(x0, high, high0);
          const x1 = v128.load32_splat(at, 32);
          low1 = multiplyAdd(x1, low, low1);
          high1 = multiplyAdd(x1, high, high1);
          const x2 = v128.load32_splat(at, 64);
          low2 = multiplyAdd(x2, low, low2);
          high2 = multiplyAdd(x2, high, high2);
          const x3 = v128.load32_splat(at, 96);
          low3 = multiplyAdd(x3, low, low3);
          high3 = multiplyAdd(x3, high, high3);
          from += 32;
          at += 4;
        } while (from < stop);
        panel += leftPanel;
      }
      const at = result + offset;
      const by = values + offset;
      v128.store(at, finishTile(low0, at, by, finish));
      v128.store(at, finishTile(high0, at + 16, by + 16, finish), 16);
      v128.store(at, finishTile(low1, at + 32, by + 32, finish), 32);
      v128.store(at, finishTile(high1, at + 48, by + 48, finish), 48);
      v128.store(at, finishTile(low2, at + 64, by + 64, finish), 64);
      v128.store(at, finishTile(high2, at + 80, by + 80, finish), 80);
      v128.store(at, finishTile(low3, at + 96, by + 96, finish), 96);
      v128.store(at, finishTile(high3, at + 112, by + 112, finish), 112);
    }
    right += <usize>rightStride << 5;
    result += <usize>resultStride << 5;
    values += <usize>resultStride << 5;
  }
}

/**
 * result[row, column] = finish(start[column] + sum over k < depth of left[row, k] x right[k, column]).
 * `depth` and `rows` are multiples of four; `start` is 0 for none, else has the columns in whole panels. `values` is
 * where a slope finds the activation's values, laid out as `result`.
 */
export function multiply(
  left: usize,
  leftStride: i32,
  right: usize,
  rightStride: i32,
  start: usize,
  result: usize,
  resultStride: i32,
  values: usize,
  rows: i32,
  depth: i32,
  columns: i32,
  finish: i32,
): void {
  // Each case is a loop of its own, with nothing left to decide inside.
  switch (finish) {
    case Finish.none:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.none);
      break;
    case Finish.relu:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.relu);
      break;
    case Finish.leakyRelu:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.leakyRelu);
      break;
    case Finish.add:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.add);
      break;
    case Finish.slope + Activation.relu:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.slope + Activation.relu);
      break;
    case Finish.slope + Activation.leakyRelu:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.slope + Activation.leakyRelu);
      break;
    case Finish.slope + Activation.tanh:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.slope + Activation.tanh);
      break;
    case Finish.slope + Activation.sigmoid:
      product(left, leftStride, right, rightStride, start, result, resultStride, values, rows, depth, columns, Finish.slope + Activation.sigmoid);
      break;
    default:
      unreachable();
  }
}

/**
 * result[l, r] = sum over the rows of left[row, l] x right[row, r]: the gradient of a layer's weights from the
 * gradient of its outputs and its inputs. `rows` is at least one, `leftColumns` a multiple of four.
 */
export function multiplyTransposed(
  left: usize,
  leftStride: i32,
  right: usize,
  rightStride: i32,
  result: usize,
  resultStride: i32,
  rows: i32,
  leftColumns: i32,
  rightColumns: i32,
): void {
  for (let rightColumn = 0; rightColumn < rightColumns; rightColumn += 8) {
    const stop = right + (<usize>rows << 5);
    for (let leftColumn = 0; leftColumn < leftColumns; leftColumn += 4) {
      let low0 = f32x4.splat(0);
      let low1 = f32x4.splat(0);
      let low2 = f32x4.splat(0);
      let low3 = f32x4.splat(0);
      let high0 = f32x4.splat(0);
      let high1 = f32x4.splat(0);
      let high2 = f32x4.splat(0);
      let high3 = f32x4.splat(0);
      let at = left + <usize>(leftColumn >> 3) * (<usize>leftStride << 5) + (<usize>(leftColumn & 4) << 2);
      let from = right;
      do {
        const low = v128.load(from);
        const high = v128.load(from, 16);
        const x0 = v128.load32_splat(at);
        low0 = multiplyAdd(x0, low, low0);
        high0 = multiplyAdd(x0, high, high0);
        const x1 = v128.load32_splat(at, 4);
        low1 = multiplyAdd(x1, low, low1);
        high1 = multiplyAdd(x1, high, high1);
        const x2 = v128.load32_splat(at, 8);
        low2 = multiplyAdd(x2, low, low2);
        high2 = multiplyAdd(x2, high, high2);
        const x3 = v128.load32_splat(at, 12);
        low3 = multiplyAdd(x3, low, low3);
        high3 = multiplyAdd(x3, high, high3);
        from += 32;
        at += 32;
      } while (from < stop);
      const to = result + (<usize>leftColumn << 5);
      v128.store(to, low0);
      v128.store(to, high0, 16);
      v128.store(to, low1, 32);
      v128.store(to, high1, 48);
      v128.store(to, low2, 64);
      v128.store(to, high2, 80);
      v128.store(to, low3, 96);
      v128.store(to, high3, 112);
    }
    right += <usize>rightStride << 5;
    result += <usize>resultStride << 5;
  }
}

/** result[column] = sum over the rows of matrix[row, column], in whole panels: the gradient of a bias. */
export function sumRows(matrix: usize, stride: i32, result: usize, rows: i32, columns: i32): void {
  for (let column = 0; column < columns; column += 8) {
    let lowEven = f32x4.splat(0);
    let lowOdd = f32x4.splat(0);
    let highEven = f32x4.splat(0);
    let highOdd = f32x4.splat(0);
    for (let row = 0; row < rows; row += 2) {
      const at = matrix + (<usize>row << 5);
      lowEven = f32x4.add(lowEven, v128.load(at));
      highEven = f32x4.add(highEven, v128.load(at, 16));
      lowOdd = f32x4.add(lowOdd, v128.load(at, 32));
      highOdd = f32x4.add(highOdd, v128.load(at, 48));
    }
    v128.store(result, f32x4.add(lowEven, lowOdd));
    v128.store(result, f32x4.add(highEven, highOdd), 16);
    matrix += <usize>stride << 5;
    result += 32;
  }
}

/** to[column, row] = from[row, column], for rows and columns in multiples of four. */
export function transpose(from: usize, fromStride: i32, to: usize, toStride: i32, rows: i32, columns: i32): void {
  for (let column = 0; column < columns; column += 4) {
    const source = from + <usize>(column >> 3) * (<usize>fromStride << 5) + (<usize>(column & 4) << 2);
    for (let row = 0; row < rows; row += 4) {
      const at = source + (<usize>row << 5);
      const row0 = v128.load(at);
      const row1 = v128.load(at, 32);
      const row2 = v128.load(at, 64);
      const row3 = v128.load(at, 96);
      const low01 = i32x4.shuffle(row0, row1, 0, 4, 1, 5);
      const low23 = i32x4.shuffle(row2, row3, 0, 4, 1, 5);
      const high01 = i32x4.shuffle(row0, row1, 2, 6, 3, 7);
      const high23 = i32x4.shuffle(row2, row3, 2, 6, 3, 7);
      const target = to + <usize>(row >> 3) * (<usize>toStride << 5) + (<usize>(row & 4) << 2) + (<usize>column << 5);
      v128.store(target, i64x2.shuffle(low01, low23, 0, 2));
      v128.store(target, i64x2.shuffle(low01, low23, 1, 3), 32);
      v128.store(target, i64x2.shuffle(high01, high23, 0, 2), 64);
      v128.store(target, i64x2.shuffle(high01, high23, 1, 3), 96);
    }
  }
}
