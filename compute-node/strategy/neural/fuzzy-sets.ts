/** The fuzzy sets of a neural strategy, checked. */
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { faultOfMembership, findMembership, MEMBERSHIP_TYPES, type MembershipFunction } from "../../fuzzy/index.ts";
import { suggestion } from "../closest-name.ts";
import type { Findings } from "./findings.ts";
import { outputOf, type ResolvedIndicator } from "./indicators.ts";

export interface ResolvedFuzzySet {
  readonly id: string;
  readonly indicator: ResolvedIndicator;
  /** Index among the indicator's outputs. */
  readonly output: number;
  /** In the order of the file. */
  readonly memberships: readonly { readonly name: string; readonly fn: MembershipFunction }[];
}

type Membership = readonly number[] | { readonly type: string; readonly parameters: readonly number[] };

/** Fuzzy sets without faults, by id. */
export function resolveFuzzySets(
  strategy: NeuralStrategy,
  indicators: ReadonlyMap<string, ResolvedIndicator>,
  findings: Findings,
): ReadonlyMap<string, ResolvedFuzzySet> {
  const resolved = new Map<string, ResolvedFuzzySet>();
  for (const [id, { indicator: reference, ...given }] of Object.entries(strategy.fuzzy_sets)) {
    const path = ["fuzzy_sets", id];
    const found = outputOf(reference, strategy, indicators, [...path, "indicator"], findings);
    const entries = Object.entries(given as Readonly<Record<string, Membership>>);
    if (entries.length === 0)
      findings.fault(path, `fuzzy set "${id}" has no membership`, "Add one, such as low: [0, 20, 40].", {
        atKey: true,
      });
    for (const [name] of entries)
      if (/^\d+$/.test(name))
        findings.fault(
          [...path, name],
          `a membership is called ${name}`,
          "Begin it with a letter: numbers lose their order.",
          {
            atKey: true,
          },
        );
    const memberships = entries.map(([name, written]) => ({
      name,
      fn: resolveMembership(written, [...path, name], findings),
    }));
    const whole = memberships.filter((membership) => membership.fn !== null);
    if (found === null || whole.length < entries.length) continue;
    resolved.set(id, {
      id,
      indicator: found.indicator,
      output: found.index,
      memberships: whole as ResolvedFuzzySet["memberships"],
    });
  }
  return resolved;
}

/** A bare list is a triangle. */
function resolveMembership(
  written: Membership,
  path: readonly string[],
  findings: Findings,
): MembershipFunction | null {
  const isShort = !("type" in written);
  const { type: name, parameters } = isShort ? { type: "triangular", parameters: written } : written;
  const type = findMembership(name);
  if (type === undefined)
    return findings.fault(
      [...path, "type"],
      `unknown membership "${name}"`,
      suggestion(name, MEMBERSHIP_TYPES, "memberships"),
    );
  if (!isShort) findings.unknownKeys(written as Record<string, unknown>, path, ["type", "parameters"]);
  const message = faultOfMembership(type, parameters);
  if (message === null) return { type, parameters };
  const cure = isShort && parameters.length !== 3 ? "A bare list is a triangle: give three numbers." : "Correct them.";
  return findings.fault(isShort ? path : [...path, "parameters"], `membership "${path.at(-1)}": ${message}`, cure);
}
