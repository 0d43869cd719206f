/** Computes the number of threads that pay off for one network. */
import { gateCount, type Member, type NetworkSpec } from "../network.ts";
import { SPLIT_THRESHOLDS, type SplitThresholds } from "./split-kernels.ts";

/** So many threads as pay for each of its batches: 1 where its layers are small. */
export function threadsFor(
  { network, options }: Member,
  threadCount: number,
  thresholds: SplitThresholds = SPLIT_THRESHOLDS,
): number {
  return largestProduct(network, options.batchRows) < thresholds.network ? 1 : threadCount;
}

/** Multiplications of the largest product of a batch. */
function largestProduct(network: NetworkSpec, batchRows: number): number {
  if (network.kind === "mlp") {
    const widths = [network.inputs, ...network.hidden, network.outputs];
    return batchRows * Math.max(...widths.slice(1).map((width, layer) => width * widths[layer]));
  }
  const { inputs, hidden, layers, sequenceLength } = network;
  const widest = layers > 1 ? Math.max(inputs, hidden) : inputs;
  return batchRows * sequenceLength * widest * gateCount(network.kind) * hidden;
}
