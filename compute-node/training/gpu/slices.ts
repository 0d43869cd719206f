/** Requests cut to what goes to the GPU and back at once. */
import type { BatchRequest, BatchResults } from "../network.ts";

/** What one member asks for; `index` is its place among the members. */
export interface TrainRequest extends BatchRequest {
  readonly index: number;
}

export interface OutputsRequest {
  readonly index: number;
  readonly rows: Uint32Array;
}

/**
 * Answers requests by at most `mostBatches` batches of each at a time. A member whose answer is shorter than asked, at
 * a loss that is not finite, is asked no more.
 */
export async function trainInSlices(
  requests: readonly TrainRequest[],
  mostBatches: number,
  train: (slice: readonly TrainRequest[]) => Promise<BatchResults[]>,
): Promise<BatchResults[]> {
  const answers = requests.map((): BatchResults[] => []);
  let open = requests.map((_, at) => at);
  for (let done = 0; open.length > 0; done += mostBatches) {
    const slice = open.map((at) => {
      const { firstBatch, batchCount } = requests[at];
      const count = Math.min(mostBatches, batchCount - done);
      return { ...requests[at], firstBatch: firstBatch + done, batchCount: count };
    });
    const results = await train(slice);
    for (const [place, at] of open.entries()) answers[at].push(results[place]);
    open = open.filter(
      (at, place) =>
        results[place].losses.length === slice[place].batchCount && requests[at].batchCount > done + mostBatches,
    );
  }
  return answers.map(joinResults);
}

function joinResults(parts: readonly BatchResults[]): BatchResults {
  if (parts.length === 1) return parts[0];
  return {
    losses: Float64Array.from(parts.flatMap(({ losses }) => [...losses])),
    correct: Uint32Array.from(parts.flatMap(({ correct }) => [...correct])),
    gradientNorms: Float32Array.from(parts.flatMap(({ gradientNorms }) => [...gradientNorms])),
  };
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
