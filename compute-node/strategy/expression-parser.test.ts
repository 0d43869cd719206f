import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCondition } from "./expression-parser.ts";
import type { ArithmeticOperator, ComparisonOperator, Expression } from "./expression-tree.ts";

/** The place of a part in the text depends on the printer: the generator says 0 everywhere. */
const at = 0;
const COMPARISONS: readonly ComparisonOperator[] = ["<", "<=", ">", ">=", "==", "!="];
const OPERATORS: readonly ArithmeticOperator[] = ["+", "-", "*", "/"];
const name = fc
  .stringMatching(/^[a-z_][a-z0-9_]{0,6}$/)
  .filter((text) => !["and", "or", "not", "crosses", "above", "below"].includes(text));
const timeframe = fc.option(fc.constantFrom("1m", "15m", "4h", "1d", "1w", "3mo"));

/** Any tree, also one that means nothing: whether a part is a number or a truth is for a later step. */
const { expression } = fc.letrec<{ expression: Expression; sum: Expression; leaf: Expression }>((tie) => ({
  leaf: fc.oneof(
    fc.double({ min: 0, max: 1e9, noNaN: true }).map((value): Expression => ({ kind: "number", value, at })),
    fc
      .record({ name, output: fc.option(name), timeframe })
      .map((parts): Expression => ({ kind: "name", ...parts, at })),
  ),
  sum: fc.oneof(
    { maxDepth: 3, depthIdentifier: "tree" },
    tie("leaf"),
    fc
      .record({ operator: fc.constantFrom(...OPERATORS), left: tie("expression"), right: tie("expression") })
      .map((parts): Expression => ({ kind: "arithmetic", ...parts, at })),
    tie("expression").map((of): Expression => ({ kind: "negative", of, at })),
    fc.record({ of: tie("expression"), bars: tie("sum") }).map((parts): Expression => ({ kind: "past", ...parts, at })),
    fc
      .record({ name, arguments: fc.array(tie("expression"), { maxLength: 3 }) })
      .map((parts): Expression => ({ kind: "call", ...parts, at })),
  ),
  expression: fc.oneof(
    { maxDepth: 4, depthIdentifier: "tree" },
    tie("sum"),
    fc
      .record({ operator: fc.constantFrom(...COMPARISONS), left: tie("sum"), right: tie("sum") })
      .map((parts): Expression => ({ kind: "comparison", ...parts, at })),
    fc
      .record({ operator: fc.constantFrom("above" as const, "below" as const), left: tie("sum"), right: tie("sum") })
      .map((parts): Expression => ({ kind: "cross", ...parts, at })),
    fc
      .record({
        operator: fc.constantFrom("and" as const, "or" as const),
        left: tie("expression"),
        right: tie("expression"),
      })
      .map((parts): Expression => ({ kind: "logic", ...parts, at })),
    tie("expression").map((of): Expression => ({ kind: "not", of, at })),
  ),
}));

/** From the language's page: how strongly each kind of tree holds together. */
function strength(tree: Expression): number {
  if (tree.kind === "logic") return tree.operator === "or" ? 1 : 2;
  if (tree.kind === "not") return 3;
  if (tree.kind === "comparison" || tree.kind === "cross") return 4;
  if (tree.kind === "arithmetic") return tree.operator === "+" || tree.operator === "-" ? 5 : 6;
  if (tree.kind === "negative") return 7;
  return tree.kind === "past" ? 8 : 9;
}

/** With parentheses around every part, or only where the tree would be another one without them. */
function print(tree: Expression, everywhere: boolean): string {
  const part = (inner: Expression, least: number): string => {
    const text = print(inner, everywhere);
    return everywhere || strength(inner) < least ? `(${text})` : text;
  };
  const own = strength(tree);
  switch (tree.kind) {
    case "number":
      return String(tree.value);
    case "name":
      return [
        tree.name,
        tree.output === null ? "" : `.${tree.output}`,
        tree.timeframe ? `@${tree.timeframe}` : "",
      ].join("");
    case "call":
      return `${tree.name}(${tree.arguments.map((given) => part(given, 0)).join(", ")})`;
    case "past":
      return `${part(tree.of, own)}[${part(tree.bars, 5)}]`;
    case "negative":
      return `-${part(tree.of, own)}`;
    case "not":
      return `not ${part(tree.of, own)}`;
    case "comparison":
      return `${part(tree.left, own + 1)} ${tree.operator} ${part(tree.right, own + 1)}`;
    case "cross":
      return `${part(tree.left, own + 1)} crosses ${tree.operator} ${part(tree.right, own + 1)}`;
    default:
      return `${part(tree.left, own)} ${tree.operator} ${part(tree.right, own + 1)}`;
  }
}

function withoutPlaces(tree: Expression | null): unknown {
  return JSON.parse(JSON.stringify(tree, (key, value) => (key === "at" ? 0 : value)));
}

describe("a condition", () => {
  it("parses to the tree that it was printed from, with all parentheses and with the fewest", () => {
    fc.assert(
      fc.property(expression, fc.boolean(), (tree, everywhere) => {
        const text = print(tree, everywhere);
        const parsed = parseCondition(text);
        expect(parsed.fault, text).toBe(null);
        expect(withoutPlaces(parsed.expression), text).toEqual(withoutPlaces(tree));
      }),
      { numRuns: 1000 },
    );
  });

  it("is the same tree with other white space and keywords in capitals", () => {
    fc.assert(
      fc.property(expression, fc.constantFrom(" ", "\n", "\t  "), (tree, space) => {
        const text = print(tree, false);
        const other = text.replaceAll(/\b(and|or|not|crosses|above|below)\b/g, (word) => word.toUpperCase());
        const spaced = `${space}${other.replaceAll(" ", space)}${space}`;
        expect(withoutPlaces(parseCondition(spaced).expression)).toEqual(
          withoutPlaces(parseCondition(text).expression),
        );
      }),
    );
  });

  it("says of each part where it stands", () => {
    const { expression: tree } = parseCondition("not a > b[1] and -sma(c, 2) crosses above 3");
    const places: string[] = [];
    JSON.stringify(tree, (key, value) => {
      if (key === "at") places.push(String(value));
      return value;
    });
    expect(places.sort((a, b) => Number(a) - Number(b)).join(" ")).toBe("0 4 6 8 9 10 13 17 18 22 25 28 42");
  });

  it("stops at the first token after which nothing could make it right", () => {
    const pieces = [
      "a",
      "1",
      "(",
      ")",
      "[",
      "]",
      ",",
      ".",
      "+",
      "-",
      "*",
      "<",
      "and",
      "not",
      "crosses",
      "above",
      "@1d",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (words) => {
        const text = words.join(" ");
        const { fault } = parseCondition(text);
        if (fault === null) return;
        const before = text.slice(0, fault.at);
        const shorter = parseCondition(before).fault;
        expect(shorter === null || shorter.message === "the condition ends too early", text).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
