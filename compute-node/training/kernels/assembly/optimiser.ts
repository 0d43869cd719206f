/**
 * One pass over all weights. Lengths are in floats and multiples of four; `clip` multiplies each gradient before
 * anything else. Formulas as in torch.optim.
 */
import { Bits, bits, Constant, constant } from "./constants";

/**
 * Zero in place of what is too small to matter. A moment that only fades would end among the denormal numbers, where
 * rounding keeps it for ever and each multiplication may take a hundred cycles.
 */
// @ts-ignore: decorator
@inline
function flushed(moment: v128): v128 {
  return v128.and(moment, f32x4.gt(v128.and(moment, bits(Bits.magnitude)), constant(Constant.faded)));
}

/** The sum of squares, in double precision. */
export function squareSum(values: usize, length: i32): f64 {
  const stop = values + (<usize>length << 2);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  while (values < stop) {
    const value = v128.load(values);
    const first = f64x2.promote_low_f32x4(value);
    const second = f64x2.promote_low_f32x4(i64x2.shuffle(value, value, 1, 0));
    low = f64x2.add(low, f64x2.mul(first, first));
    high = f64x2.add(high, f64x2.mul(second, second));
    values += 16;
  }
  const both = f64x2.add(low, high);
  return f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
}

/**
 * Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019). `decay` x weight joins the gradient; `shrink`
 * multiplies the weight. `rate` is the learning rate / (1 - beta1^t), `rootScale` is 1 / sqrt(1 - beta2^t).
 */
export function adam(
  weights: usize,
  gradients: usize,
  first: usize,
  second: usize,
  length: i32,
  clip: f32,
  decay: f32,
  shrink: f32,
  beta1: f64,
  beta2: f64,
  rate: f32,
  rootScale: f32,
  epsilon: f32,
): void {
  const stop = weights + (<usize>length << 2);
  // In double precision first: 1 - 0.999 in single precision is wrong by 5e-5 of itself.
  const kept1 = f32x4.splat(<f32>beta1);
  const kept2 = f32x4.splat(<f32>beta2);
  const fresh1 = f32x4.splat(<f32>(1 - beta1));
  const fresh2 = f32x4.splat(<f32>(1 - beta2));
  // Out of the loop by hand: V8 would repeat them at each turn.
  const clips = f32x4.splat(clip);
  const decays = f32x4.splat(decay);
  const shrinks = f32x4.splat(shrink);
  const rates = f32x4.splat(rate);
  const rootScales = f32x4.splat(rootScale);
  const epsilons = f32x4.splat(epsilon);
  while (weights < stop) {
    const weight = v128.load(weights);
    let gradient = f32x4.mul(v128.load(gradients), clips);
    gradient = f32x4.add(gradient, f32x4.mul(weight, decays));
    const mean = flushed(f32x4.add(f32x4.mul(v128.load(first), kept1), f32x4.mul(gradient, fresh1)));
    const square = f32x4.mul(f32x4.mul(gradient, gradient), fresh2);
    const squares = flushed(f32x4.add(f32x4.mul(v128.load(second), kept2), square));
    v128.store(first, mean);
    v128.store(second, squares);
    const below = f32x4.add(f32x4.mul(f32x4.sqrt(squares), rootScales), epsilons);
    const step = f32x4.div(f32x4.mul(mean, rates), below);
    v128.store(weights, f32x4.sub(f32x4.mul(weight, shrinks), step));
    weights += 16;
    gradients += 16;
    first += 16;
    second += 16;
  }
}

/** Gradient descent with momentum; `velocity` is read and written only when `momentum` is not zero. */
export function descend(
  weights: usize,
  gradients: usize,
  velocity: usize,
  length: i32,
  clip: f32,
  decay: f32,
  momentum: f32,
  rate: f32,
): void {
  const stop = weights + (<usize>length << 2);
  while (weights < stop) {
    const weight = v128.load(weights);
    let step = f32x4.mul(v128.load(gradients), f32x4.splat(clip));
    step = f32x4.add(step, f32x4.mul(weight, f32x4.splat(decay)));
    if (momentum != 0) {
      step = flushed(f32x4.add(f32x4.mul(v128.load(velocity), f32x4.splat(momentum)), step));
      v128.store(velocity, step);
      velocity += 16;
    }
    v128.store(weights, f32x4.sub(weight, f32x4.mul(step, f32x4.splat(rate))));
    weights += 16;
    gradients += 16;
  }
}

/** RMSprop (Tieleman and Hinton 2012), without centring and momentum. */
export function scaleByRoot(
  weights: usize,
  gradients: usize,
  second: usize,
  length: i32,
  clip: f32,
  decay: f32,
  alpha: f64,
  rate: f32,
  epsilon: f32,
): void {
  const stop = weights + (<usize>length << 2);
  while (weights < stop) {
    const weight = v128.load(weights);
    let gradient = f32x4.mul(v128.load(gradients), f32x4.splat(clip));
    gradient = f32x4.add(gradient, f32x4.mul(weight, f32x4.splat(decay)));
    const square = f32x4.mul(f32x4.mul(gradient, gradient), f32x4.splat(<f32>(1 - alpha)));
    const squares = flushed(f32x4.add(f32x4.mul(v128.load(second), f32x4.splat(<f32>alpha)), square));
    v128.store(second, squares);
    const below = f32x4.add(f32x4.sqrt(squares), f32x4.splat(epsilon));
    const step = f32x4.div(f32x4.mul(gradient, f32x4.splat(rate)), below);
    v128.store(weights, f32x4.sub(weight, step));
    weights += 16;
    gradients += 16;
    second += 16;
  }
}
