export { activate, clearPadding, dropOut, gradientThroughDropout, slopeThroughDropout } from "./activation";
export { normaliseBatch, normaliseByRunning, normaliseGradient } from "./batch-norm";
export { classLoss, lossSums, valueLoss } from "./loss";
export { multiply, multiplyTransposed, sumRows, transpose } from "./matrix";
export { adam, descend, scaleByRoot, squareSum } from "./optimiser";
export { gruBackward, gruForward, lstmBackward, lstmForward } from "./recurrent";

/** Where free memory begins. */
export function firstFreeByte(): usize {
  return __heap_base;
}
