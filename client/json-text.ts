/** Parses JSON of unknown origin; undefined, which JSON does not have, where it is none. The caller's schema says what it lacks. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
