/** Orders versions by https://semver.org/spec/v2.0.0.html, section 11. */

/** Below 0 when `left` is earlier, above 0 when it is later, 0 when neither is. Ignores build metadata after a `+`. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parts(left), parts(right)];
  return compareLists(a.numbers, b.numbers) || comparePreReleases(a.preRelease, b.preRelease);
}

function parts(version: string): { numbers: string[]; preRelease: string[] } {
  const [text = ""] = version.split("+", 1);
  const dash = text.indexOf("-");
  const preRelease = dash < 0 ? [] : text.slice(dash + 1).split(".");
  return { numbers: (dash < 0 ? text : text.slice(0, dash)).split("."), preRelease };
}

/** 1.0.0-rc.1 comes before 1.0.0. */
function comparePreReleases(left: readonly string[], right: readonly string[]): number {
  if (left.length === 0 || right.length === 0) return right.length - left.length;
  return compareLists(left, right);
}

function compareLists(left: readonly string[], right: readonly string[]): number {
  for (const [index, word] of left.entries()) {
    if (right[index] === undefined) return 1;
    const order = compareWords(word, right[index]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers by size and before words; words by their bytes. */
function compareWords(left: string, right: string): number {
  const [isLeftNumber, isRightNumber] = [left, right].map((word) => /^\d+$/.test(word));
  if (isLeftNumber && isRightNumber) return Number(left) - Number(right);
  if (isLeftNumber !== isRightNumber) return isLeftNumber ? -1 : 1;
  return left < right ? -1 : Number(left > right);
}
