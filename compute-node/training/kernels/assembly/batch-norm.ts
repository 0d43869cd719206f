/** Batch normalisation (Ioffe and Szegedy 2015) as torch.nn.BatchNorm1d, columns in whole panels. */

/**
 * Normalises `values` in place by the batch's own mean and variance, keeps that as `normalised`, then scales and
 * shifts. Writes 1 / sqrt(variance + epsilon) to `inverse`, and lets `running` averages follow by `momentum`, the
 * variance's with the divisor rows - 1.
 */
export function normaliseBatch(
  values: usize,
  normalised: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  scale: usize,
  shift: usize,
  inverse: usize,
  runningMean: usize,
  runningVariance: usize,
  epsilon: f32,
  momentum: f32,
): void {
  const count = f32x4.splat(<f32>rows);
  // One row has no variance to correct.
  const unbiased = f32x4.splat(rows > 1 ? <f32>rows / <f32>(rows - 1) : 1);
  for (let column = 0; column < columns; column += 4) {
    const place = <usize>(column >> 3) * (<usize>stride << 5) + (<usize>(column & 4) << 2);
    const lanes = <usize>column << 2;
    let sum = f32x4.splat(0);
    for (let row = 0; row < rows; row++) sum = f32x4.add(sum, v128.load(values + place + (<usize>row << 5)));
    const mean = f32x4.div(sum, count);
    let squares = f32x4.splat(0);
    for (let row = 0; row < rows; row++) {
      const centred = f32x4.sub(v128.load(values + place + (<usize>row << 5)), mean);
      squares = f32x4.add(squares, f32x4.mul(centred, centred));
    }
    const variance = f32x4.div(squares, count);
    const factor = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(epsilon))));
    v128.store(inverse + lanes, factor);
    follow(runningMean + lanes, mean, momentum);
    follow(runningVariance + lanes, f32x4.mul(variance, unbiased), momentum);
    const gain = v128.load(scale + lanes);
    const offset = v128.load(shift + lanes);
    for (let row = 0; row < rows; row++) {
      const at = place + (<usize>row << 5);
      const unit = f32x4.mul(f32x4.sub(v128.load(values + at), mean), factor);
      v128.store(normalised + at, unit);
      v128.store(values + at, f32x4.add(f32x4.mul(unit, gain), offset));
    }
  }
}

// @ts-ignore: decorator
@inline
function follow(at: usize, value: v128, momentum: f32): void {
  const kept = f32x4.mul(v128.load(at), f32x4.splat(1 - momentum));
  v128.store(at, f32x4.add(kept, f32x4.mul(value, f32x4.splat(momentum))));
}

/** Normalises `values` in place by the running averages. */
export function normaliseByRunning(
  values: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  scale: usize,
  shift: usize,
  runningMean: usize,
  runningVariance: usize,
  epsilon: f32,
): void {
  for (let column = 0; column < columns; column += 4) {
    const place = <usize>(column >> 3) * (<usize>stride << 5) + (<usize>(column & 4) << 2);
    const lanes = <usize>column << 2;
    const root = f32x4.sqrt(f32x4.add(v128.load(runningVariance + lanes), f32x4.splat(epsilon)));
    const gain = f32x4.div(v128.load(scale + lanes), root);
    const mean = v128.load(runningMean + lanes);
    const offset = v128.load(shift + lanes);
    for (let row = 0; row < rows; row++) {
      const at = values + place + (<usize>row << 5);
      v128.store(at, f32x4.add(f32x4.mul(f32x4.sub(v128.load(at), mean), gain), offset));
    }
  }
}

/**
 * The gradient before normalisation, in place, and those of scale and shift:
 * dx = gain x inverse x (dy - mean(dy) - unit x mean(dy x unit)). Rows from `rows` on keep their zeros.
 */
export function normaliseGradient(
  gradient: usize,
  normalised: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  scale: usize,
  inverse: usize,
  scaleGradient: usize,
  shiftGradient: usize,
): void {
  const share = f32x4.splat(1 / <f32>rows);
  for (let column = 0; column < columns; column += 4) {
    const place = <usize>(column >> 3) * (<usize>stride << 5) + (<usize>(column & 4) << 2);
    const lanes = <usize>column << 2;
    let sum = f32x4.splat(0);
    let product = f32x4.splat(0);
    for (let row = 0; row < rows; row++) {
      const at = place + (<usize>row << 5);
      const slope = v128.load(gradient + at);
      sum = f32x4.add(sum, slope);
      product = f32x4.add(product, f32x4.mul(slope, v128.load(normalised + at)));
    }
    v128.store(shiftGradient + lanes, sum);
    v128.store(scaleGradient + lanes, product);
    const factor = f32x4.mul(v128.load(scale + lanes), v128.load(inverse + lanes));
    const mean = f32x4.mul(sum, share);
    const projection = f32x4.mul(product, share);
    for (let row = 0; row < rows; row++) {
      const at = place + (<usize>row << 5);
      const along = f32x4.mul(v128.load(normalised + at), projection);
      const rest = f32x4.sub(f32x4.sub(v128.load(gradient + at), mean), along);
      v128.store(gradient + at, f32x4.mul(rest, factor));
    }
  }
}
