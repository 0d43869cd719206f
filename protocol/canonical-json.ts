/** One text for one value: keys sorted, no spaces, so that the bytes can be hashed and compared. */

/**
 * JSON with the keys of every object in ascending order of their UTF-16 units, and numbers in the shortest form that
 * ECMAScript defines, as in RFC 8785. Unlike there, keys that are whole numbers come first, by their value: an object keeps
 * them so, and hashes that are stored depend on it. Throws a `TypeError` for NaN and infinities, which JSON cannot carry.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`JSON has no ${value}`);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
