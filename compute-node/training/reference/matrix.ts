/** Plain matrices for the reference: clear, in double precision, one loop a definition. */

/** [row, column], row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export function matrix(rows: number, columns: number, at: (row: number, column: number) => number = () => 0): Matrix {
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) values[row * columns + column] = at(row, column);
  }
  return { rows, columns, values };
}

export function get(from: Matrix, row: number, column: number): number {
  return from.values[row * from.columns + column];
}

export function map(from: Matrix, change: (value: number, row: number, column: number) => number): Matrix {
  return matrix(from.rows, from.columns, (row, column) => change(get(from, row, column), row, column));
}

/** left x right. */
export function multiply(left: Matrix, right: Matrix): Matrix {
  return matrix(left.rows, right.columns, (row, column) => {
    let sum = 0;
    for (let k = 0; k < left.columns; k++) sum += get(left, row, k) * get(right, k, column);
    return sum;
  });
}

export function transpose(from: Matrix): Matrix {
  return matrix(from.columns, from.rows, (row, column) => get(from, column, row));
}

/** The sum of each column. */
export function columnSums(from: Matrix): Float64Array {
  const sums = new Float64Array(from.columns);
  for (let row = 0; row < from.rows; row++) {
    for (let column = 0; column < from.columns; column++) sums[column] += get(from, row, column);
  }
  return sums;
}
