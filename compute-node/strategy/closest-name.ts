/**
 * The candidate that a misspelt name most likely means, or null when none is near: at most a third of the letters
 * differ, or one is the beginning of the other. Case and underscores count little.
 */
export function closestName(name: string, candidates: Iterable<string>): string | null {
  const wanted = plain(name);
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const offered = plain(candidate);
    const begins =
      Math.min(wanted.length, offered.length) >= 3 && (offered.startsWith(wanted) || wanted.startsWith(offered));
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, offered.length) / 3));
    const distance = editDistance(wanted, offered);
    if (distance > allowed && !begins) continue;
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `Did you mean "x"? ` where something is near, and the list of valid names. */
export function suggestion(name: string, candidates: readonly string[], what: string): string {
  const closest = closestName(name, candidates);
  const hint = closest === null ? "" : `Did you mean "${closest}"? `;
  return candidates.length === 0
    ? `${hint}There are no ${what} here.`
    : `${hint}Valid ${what}: ${candidates.join(", ")}.`;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll("_", "").slice(0, 100);
}

/** Levenshtein's distance, with the swap of two neighbours counted as one step (optimal string alignment). */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let steps = Math.min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1));
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) steps = Math.min(steps, beforeLast[column - 2] + 1);
      current.push(steps);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length];
}
