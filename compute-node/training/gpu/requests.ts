/** Describes members' requests, and limits how many are answered at once. */
import type { BatchRequest } from "../network.ts";

/** One member's request; `index` is its place among the members. */
export interface TrainRequest extends BatchRequest {
  readonly index: number;
}

export interface OutputsRequest {
  readonly index: number;
  readonly rows: Uint32Array;
}

/** Neighbours together as long as they stay within `mostBytes`; one that is larger by itself stands alone. */
export function partsOf<Item>(items: readonly Item[], bytesOf: (item: Item) => number, mostBytes: number): Item[][] {
  const parts: Item[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    bytes += bytesOf(item);
    if (bytes > mostBytes) {
      parts.push([]);
      bytes = bytesOf(item);
    }
    parts[parts.length - 1].push(item);
  }
  return parts;
}
