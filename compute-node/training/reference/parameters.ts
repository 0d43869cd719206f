/** Weights and gradients by name, for the reference. */
import type { ParameterLayout } from "../network.ts";
import type { Matrix } from "./matrix.ts";

export class Parameters {
  readonly layout: ParameterLayout;
  readonly values: Float64Array;

  constructor(layout: ParameterLayout, values: ArrayLike<number> = new Float64Array(layout.length)) {
    this.layout = layout;
    this.values = Float64Array.from(values);
  }

  /** A view. */
  vector(name: string): Float64Array {
    const tensor = this.layout.tensors.find((candidate) => candidate.name === name);
    if (tensor === undefined) throw new Error(`The network has no tensor ${name}.`);
    return this.values.subarray(tensor.offset, tensor.offset + tensor.length);
  }

  /** A view. */
  matrix(name: string): Matrix {
    const tensor = this.layout.tensors.find((candidate) => candidate.name === name);
    const [rows, columns] = tensor?.shape ?? [];
    return { rows, columns, values: this.vector(name) };
  }

  /** Adds to the tensor of this name. */
  addTo(name: string, values: ArrayLike<number>): void {
    const target = this.vector(name);
    for (let index = 0; index < target.length; index++) target[index] += values[index];
  }
}
