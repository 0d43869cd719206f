/** The median without sorting: Hoare's selection (Communications of the ACM 4 (1961) 321), O(n) on average. */

/** Computes the median of finite values: the mean of the middle two for an even number, NaN for none. Leaves `values` as they are. */
export function median(values: Float64Array): number {
  const rest = values.slice();
  const middle = rest.length >> 1;
  if (rest.length === 0) return Number.NaN;
  const upper = select(rest, middle);
  if (rest.length % 2 === 1) return upper;
  // Selection leaves everything smaller before the middle.
  let lower = rest[0];
  for (let index = 1; index < middle; index++) if (rest[index] > lower) lower = rest[index];
  return (lower + upper) / 2;
}

/** Puts the value of rank `rank` where it belongs, smaller ones before it and greater ones after it. */
function select(values: Float64Array, rank: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let left = low;
    let right = high;
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left > right) break;
      const moved = values[left];
      values[left++] = values[right];
      values[right--] = moved;
    }
    if (rank <= right) high = right;
    else if (rank >= left) low = left;
    else break;
  }
  return values[rank];
}
