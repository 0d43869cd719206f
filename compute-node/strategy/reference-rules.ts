/** A slow, obvious interpreter of conditions, bar by bar, that the tests hold the generated code to. */
import { REFERENCES } from "../indicators/reference-indicators.ts";
import type { Expression } from "./expression-tree.ts";

export interface ReferenceScope {
  /** Parameters, which have a value also before the first bar. */
  readonly constants: Readonly<Record<string, number>>;
  /** Prices and indicator outputs, by the name that a rule writes; one value a bar. */
  readonly series: Readonly<Record<string, readonly number[]>>;
  /** How a cross from a touch is answered; "touching" where it is left out. */
  readonly crosses?: "touching" | "strict";
  /** Set when a value that is read at the bar itself is not defined there. */
  sawUndefined: boolean;
}

/** The condition at bar `i`; both sides of `and` and `or` are always read. */
export function holdsAt(tree: Expression, i: number, scope: ReferenceScope): boolean {
  switch (tree.kind) {
    case "not":
      return !holdsAt(tree.of, i, scope);
    case "logic": {
      const [left, right] = [holdsAt(tree.left, i, scope), holdsAt(tree.right, i, scope)];
      return tree.operator === "and" ? left && right : left || right;
    }
    case "cross": {
      const [a, b] = [valueAt(tree.left, i, scope), valueAt(tree.right, i, scope)];
      const quiet = { ...scope };
      const [lastA, lastB] = [valueAt(tree.left, i - 1, quiet), valueAt(tree.right, i - 1, quiet)];
      const wasBeyond = tree.operator === "above" ? lastA > lastB : lastA < lastB;
      const isBeyond = tree.operator === "above" ? a > b : a < b;
      const isKnown = !Number.isNaN(lastA) && !Number.isNaN(lastB);
      return isBeyond && isKnown && !wasBeyond && (scope.crosses !== "strict" || lastA !== lastB);
    }
    case "comparison": {
      const [a, b] = [valueAt(tree.left, i, scope), valueAt(tree.right, i, scope)];
      if (Number.isNaN(a) || Number.isNaN(b)) return false;
      return { "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a === b, "!=": a !== b }[tree.operator];
    }
    default:
      throw new Error(`${tree.kind} is no condition`);
  }
}

function valueAt(tree: Expression, i: number, scope: ReferenceScope): number {
  switch (tree.kind) {
    case "number":
      return tree.value;
    case "name": {
      if (Object.hasOwn(scope.constants, tree.name)) return scope.constants[tree.name];
      const value = scope.series[tree.output === null ? tree.name : `${tree.name}.${tree.output}`][i] ?? Number.NaN;
      if (Number.isNaN(value)) scope.sawUndefined = true;
      return value;
    }
    case "negative":
      return -valueAt(tree.of, i, scope);
    case "past":
      return valueAt(tree.of, i - valueAt(tree.bars, i, scope), scope);
    case "arithmetic": {
      const [a, b] = [valueAt(tree.left, i, scope), valueAt(tree.right, i, scope)];
      return { "+": a + b, "-": a - b, "*": a * b, "/": a / b }[tree.operator];
    }
    case "call": {
      const [first, ...others] = tree.arguments;
      if (tree.name === "abs") return Math.abs(valueAt(first, i, scope));
      if (tree.name === "min" || tree.name === "max") {
        const values = [first, ...others].map((argument) => valueAt(argument, i, scope));
        return Math[tree.name](...values);
      }
      return windowValue(tree.name, first, valueAt(others[0], i, scope), i, scope);
    }
    default:
      throw new Error(`${tree.kind} is no number`);
  }
}

/** The function over every defined value up to bar `i`. */
function windowValue(name: string, of: Expression, period: number, i: number, scope: ReferenceScope): number {
  const quiet = { ...scope };
  const all = Array.from({ length: Math.max(0, i + 1) }, (_, k) => valueAt(of, k, quiet));
  const begin = all.findIndex((value) => !Number.isNaN(value));
  const { value } = begin < 0 ? { value: [] } : REFERENCES[name]([all.slice(begin)], { period });
  const result = value.at(-1) ?? Number.NaN;
  if (Number.isNaN(result)) scope.sawUndefined = true;
  return result;
}
