/** Files that went wrong at random: each gives an answer or a Problem with a cure, and nothing else. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { Problem } from "../../../protocol/problem.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { computeFeatures, migrateStrategy, parseStrategyFile, validateStrategy } from "../index.ts";

const EXAMPLE = readFileSync(new URL("../../../examples/strategies/neural-rsi-macd.yaml", import.meta.url), "utf8");

const nested = (levels: number): unknown => (levels === 0 ? [] : { a: [nested(levels - 1)] });

const junk = fc.oneof(
  fc.constantFrom<unknown>(Infinity, -Infinity, -0, 5e-324, 2 ** 53, 1e15, "𝔘😀", "\u0000", "\u202e", nested(40)),
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.double(),
  fc.constantFrom<unknown>(
    null,
    "",
    "all",
    "rsi",
    -1,
    0,
    0.5,
    1e308,
    true,
    [],
    {},
    [1, 2],
    { type: "rsi" },
    "__proto__",
  ),
  fc.constantFrom<unknown>(Number.NaN, [null], [["a"]], { a: { b: 1 } }, "1h", "macd_12_26_9.", ".", "constructor"),
);

/** The value with its `pick`-th part (counted through) changed. */
function changed(value: unknown, pick: number, kind: string, junkValue: unknown): unknown {
  let left = pick % countOf(value);
  const visit = (part: unknown): unknown => {
    if (left-- === 0) return kind === "add" && isMapping(part) ? { ...part, odd: junkValue } : junkValue;
    if (Array.isArray(part)) return part.map(visit);
    if (!isMapping(part)) return part;
    const entries = Object.entries(part).flatMap(([key, inner]) => {
      if (kind === "remove" && left === 0) {
        left--;
        return [];
      }
      return [[key, visit(inner)]];
    });
    return Object.fromEntries(entries);
  };
  return visit(value);
}

function countOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + countOf(inner), 1);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function bars(rows: number, stepMs: number): BarColumns {
  const close = Float64Array.from({ length: rows }, (_, i) => 1 + (i % 5));
  const timeMs = close.map((_, i) => i * stepMs);
  return { rows, timeMs, open: close, high: close, low: close, close, volume: close };
}

function outcome(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).kind).not.toBe("internal");
    expect((error as Problem).cure).toBeTruthy();
  }
}

const mutated = fc
  .array(fc.tuple(fc.nat(), fc.constantFrom("replace", "remove", "add"), junk), { minLength: 1, maxLength: 4 })
  .map((changes) =>
    stringify(changes.reduce<unknown>((value, [pick, kind, by]) => changed(value, pick, kind, by), parse(EXAMPLE))),
  );

it("a strategy with parts replaced, removed or added is valid, or has faults with cures", () => {
  const given = { "1h": bars(60, 3_600_000), "4h": bars(15, 14_400_000) };
  fc.assert(
    fc.property(mutated, (text) =>
      outcome(() => {
        const strategy = parseStrategyFile(text, "mutated.yaml");
        const warnings = validateStrategy(strategy);
        expect(warnings.every(({ line }) => line !== undefined && line > 0)).toBe(true);
        if (strategy.kind === "neural") computeFeatures(strategy, given);
      }),
    ),
    { numRuns: 200 },
  );
});

it("a text with characters changed is a strategy, or has faults with cures", () => {
  const change = fc.tuple(fc.nat(EXAMPLE.length - 1), fc.nat(6), fc.string({ maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
      let text = EXAMPLE;
      for (const [at, length, added] of changes) text = text.slice(0, at) + added + text.slice(at + length);
      outcome(() => validateStrategy(parseStrategyFile(text, "mutated.yaml")));
      outcome(() => migrateStrategy(text));
    }),
    { numRuns: 100 },
  );
});
