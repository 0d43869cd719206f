/**
 * The weights as the kernels want them: matrices in panels of eight columns, filled up with zeros (see
 * `kernels/assembly/matrix.ts`), in the order of the network's layout. Gradients and moments have the same places, so
 * that one pass over all of them is an optimiser's step.
 */
import { gateCount, type NetworkSpec, type ParameterTensor, parameterLayout } from "../network.ts";

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** A tensor's place, in floats from the start of the packed weights. */
interface PackedTensor {
  readonly tensor: ParameterTensor;
  readonly offset: number;
  readonly length: number;
  /** Rows of a panel; 1 for a vector. */
  readonly rows: number;
  /** Columns of a matrix, elements of a vector, padded to panels. */
  readonly columns: number;
  /** A recurrent cell's gates begin on panels of their own: this many rows (or elements) each, and padded. */
  readonly gateRows: number;
  readonly gateRowsPadded: number;
}

export interface PackedLayout {
  readonly tensors: ReadonlyMap<string, PackedTensor>;
  readonly length: number;
  /** The parameters that the optimiser changes come first. */
  readonly trainableLength: number;
}

export function packedLayout(network: NetworkSpec): PackedLayout {
  const layout = parameterLayout(network);
  const tensors = new Map<string, PackedTensor>();
  let offset = 0;
  let trainableLength = 0;
  for (const tensor of layout.tensors) {
    const packed = packTensor(tensor, offset, network);
    tensors.set(tensor.name, packed);
    offset += packed.length;
    if (tensor.offset < layout.trainableLength) trainableLength = offset;
  }
  return { tensors, length: offset, trainableLength };
}

function packTensor(tensor: ParameterTensor, offset: number, network: NetworkSpec): PackedTensor {
  const outputs = tensor.shape[0];
  const gates = network.kind !== "mlp" && tensor.name.startsWith("rnn.") ? gateCount(network.kind) : 1;
  const isVector = tensor.shape.length === 1;
  const gateRows = outputs / gates;
  const gateRowsPadded = roundUp(gateRows, gates > 1 || isVector ? 8 : 4);
  const rows = isVector ? 1 : gates * gateRowsPadded;
  const columns = isVector ? gates * gateRowsPadded : roundUp(tensor.shape[1], 8);
  return { tensor, offset, length: rows * columns, rows, columns, gateRows, gateRowsPadded };
}

/** Copies weights in the network's layout to their packed places. */
export function packWeights(layout: PackedLayout, plain: Float32Array, packed: Float32Array): void {
  for (const place of layout.tensors.values()) {
    if (place.tensor.offset >= plain.length) continue;
    forEachWeight(place, (at, packedAt) => {
      packed[packedAt] = plain[at];
    });
  }
}

/** The way back; `plain` may end with the weights that an optimiser changes. */
export function unpackWeights(layout: PackedLayout, packed: Float32Array, plain: Float32Array): void {
  for (const place of layout.tensors.values()) {
    if (place.tensor.offset >= plain.length) continue;
    forEachWeight(place, (at, packedAt) => {
      plain[at] = packed[packedAt];
    });
  }
}

function forEachWeight(place: PackedTensor, visit: (at: number, packedAt: number) => void): void {
  const { tensor, offset, rows, gateRows, gateRowsPadded } = place;
  const [outputs, inputs = 1] = tensor.shape;
  const isVector = tensor.shape.length === 1;
  for (let output = 0; output < outputs; output++) {
    const row = Math.floor(output / gateRows) * gateRowsPadded + (output % gateRows);
    for (let input = 0; input < inputs; input++) {
      const within = isVector ? row : ((input >> 3) * rows + row) * 8 + (input & 7);
      visit(tensor.offset + output * inputs + input, offset + within);
    }
  }
}
