/** From a network's description to calls of kernels. */
import type { Arena, Kernels } from "../kernels/kernels.ts";
import type { NetworkSpec } from "../network.ts";
import type { CompiledNetwork } from "./compiled-network.ts";
import { CompiledMlp } from "./mlp.ts";
import { CompiledRecurrent } from "./recurrent.ts";
import type { Weights } from "./weights.ts";

/** With room for `batchRows` examples; `seed` decides dropout. */
export function compileNetwork(
  network: NetworkSpec,
  seed: number,
  batchRows: number,
  weights: Weights,
  arena: Arena,
): CompiledNetwork {
  if (network.kind === "mlp") return new CompiledMlp(network, seed, batchRows, weights, arena);
  return new CompiledRecurrent(network, seed, batchRows, weights, arena);
}

/** From panels to rows: output of example i becomes row `first` + i of `outputs`, which are `width` wide. */
export function copyOutputs(
  kernels: Kernels,
  network: CompiledNetwork,
  width: number,
  count: number,
  outputs: Float32Array,
  first: number,
): void {
  const panels = new Float32Array(kernels.memory.buffer, network.outputs);
  for (let column = 0; column < width; column++) {
    const from = (column >> 3) * network.capacity * 8 + (column & 7);
    for (let row = 0; row < count; row++) outputs[(first + row) * width + column] = panels[from + row * 8];
  }
}
