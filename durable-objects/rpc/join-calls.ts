/** Joins the calls of all resources into one table. */
import { assert } from "../scheduler/index.ts";

/** One type with the keys of all tables. */
type Joined<Tables extends readonly object[]> = Tables extends readonly [infer First, ...infer Rest extends object[]]
  ? First & Joined<Rest>
  : unknown;

/**
 * One table with the calls of all. A spread would let the last table win in silence.
 * @throws Error where two tables name the same call.
 */
export function joinCalls<Tables extends readonly object[]>(...tables: Tables): Joined<Tables> {
  const calls = new Map<string, unknown>();
  for (const [name, call] of tables.flatMap((table) => Object.entries(table))) {
    assert(!calls.has(name), `one resource alone names the call ${name}`);
    calls.set(name, call);
  }
  return Object.fromEntries(calls) as Joined<Tables>;
}
