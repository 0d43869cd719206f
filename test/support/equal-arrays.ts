/** Makes comparisons of long typed arrays fast: the same bytes are equal; whether others are, and where they differ, vitest tells as ever. */
import { expect } from "vitest";

type Column = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array;

const isColumn = (value: unknown): value is Column => ArrayBuffer.isView(value) && !(value instanceof DataView);

expect.addEqualityTesters([
  (left: unknown, right: unknown): true | undefined => {
    if (!isColumn(left) || !isColumn(right) || left.constructor !== right.constructor) return undefined;
    return Buffer.compare(bytesOf(left), bytesOf(right)) === 0 ? true : undefined;
  },
]);

function bytesOf({ buffer, byteOffset, byteLength }: Column): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
