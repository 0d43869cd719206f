/** Which kernels a plan takes, in the order in which they run. */
import type { KernelName } from "./bindings.ts";
import { gradientsKernel } from "./gradients-kernel.ts";
import { backwardKernel, forwardKernel, lossKernel, lossRows, productGroups } from "./layered-kernels.ts";
import { normBackwardKernel, normForwardKernel } from "./norm-kernels.ts";
import { type MlpPlan, normGroups, type Plan, UPDATE_THREADS } from "./plan.ts";
import { outputsKernel, rowsKernel } from "./rows-kernel.ts";
import { updateKernel } from "./update-kernel.ts";

export interface Program {
  /** Names its buffers. */
  readonly kernel: KernelName;
  readonly code: string;
  /** Workgroups for each member. */
  readonly groups: number;
}

/** One step of training. */
export function trainingPrograms(plan: Plan, mostBatchRows: number): Program[] {
  const { tiling, gradientTiles, parameterCount } = plan;
  const rows = { code: rowsKernel, groups: Math.ceil(mostBatchRows / tiling.rowsPerGroup) };
  const forwardAndBack: Program[] = tiling.layered
    ? layeredPrograms(plan as MlpPlan, mostBatchRows)
    : [{ kernel: "rows", code: rows.code(plan, mostBatchRows), groups: rows.groups }];
  return [
    ...forwardAndBack,
    { kernel: "gradients", code: gradientsKernel(plan, mostBatchRows), groups: gradientTiles },
    { kernel: "update", code: updateKernel(plan), groups: Math.ceil(parameterCount / UPDATE_THREADS) },
  ];
}

function layeredPrograms(plan: MlpPlan, mostBatchRows: number): Program[] {
  const { matrices, norms } = plan;
  const forward = matrices.flatMap(({ outputs }, layer): Program[] => {
    const code = forwardKernel(plan, layer, mostBatchRows, true);
    const product: Program = { kernel: "layer", code, groups: productGroups(mostBatchRows, outputs) };
    if (layer >= norms.length) return [product];
    return [
      product,
      { kernel: "norm", code: normForwardKernel(plan, layer, mostBatchRows), groups: normGroups(outputs) },
    ];
  });
  const backward = matrices.slice(1).map(({ inputs }, before): Program[] => {
    const code = backwardKernel(plan, before + 1, mostBatchRows);
    const product: Program = { kernel: "layer", code, groups: productGroups(mostBatchRows, inputs) };
    if (before >= norms.length) return [product];
    return [
      product,
      { kernel: "norm", code: normBackwardKernel(plan, before, mostBatchRows), groups: normGroups(inputs) },
    ];
  });
  const loss = { code: lossKernel(plan, mostBatchRows), groups: Math.ceil(mostBatchRows / lossRows(plan)) };
  return [...forward, { kernel: "loss", ...loss }, ...backward.toReversed().flat()];
}

/** Outputs of all examples at once; or, of wide layers, of one batch a step. */
export function evaluationPrograms(plan: Plan, mostBatchRows: number): Program[] {
  if (!plan.tiling.layered) return [{ kernel: "outputs", code: outputsKernel(plan), groups: 0 }];
  const mlp = plan as MlpPlan;
  return plan.matrices.map(({ outputs }, layer): Program => {
    const code = forwardKernel(mlp, layer, mostBatchRows, false);
    return { kernel: "layer", code, groups: productGroups(mostBatchRows, outputs) };
  });
}
