/** A parsed condition → generated code over the plan's columns. */
import type { Conventions } from "../../protocol/conventions.ts";
import { faultsOfParameters, INDICATORS, type IndicatorDeclaration, PRICE_COLUMNS } from "../indicators/index.ts";
import { suggestion } from "./closest-name.ts";
import type { ArithmeticOperator, Expression, ExpressionFault } from "./expression-tree.ts";
import { columnAt, numberCode, parameterAt } from "./generated-loop.ts";
import { faultOfOutput, type StrategyIndicators } from "./resolve-indicators.ts";
import type { ParameterValues } from "./resolve-parameters.ts";
import type { PlannedColumn, SeriesPlan } from "./series-plan.ts";

/** The furthest that a rule may look back. */
const MAX_BARS_BACK = 100_000;

export interface Lowered {
  readonly type: "number" | "condition";
  /** First bar at which every value that it reads is defined. */
  readonly firstIndex: number;
  /** The same for every bar, within one set of parameters. */
  readonly constant: number | null;
  /** Code of the value `barsBack` bars before the loop's bar. */
  code(barsBack: number): string;
  /** The same over longer bars, where everything that it reads is of those: functions and `[bars]` then mean them. */
  readonly longer?: { readonly timeframe: string; readonly value: Lowered };
}

export interface LoweringScope {
  readonly plan: SeriesPlan;
  readonly parameters: ParameterValues;
  readonly indicators: StrategyIndicators;
  readonly crosses: Conventions["crosses"];
  readonly faults: ExpressionFault[];
}

/**
 * Functions of a value and a number of bars: every indicator with one source, one number and one output. Choices beside
 * the number keep their defaults.
 */
const WINDOW_FUNCTIONS: ReadonlyMap<string, IndicatorDeclaration> = new Map(
  INDICATORS.filter(
    (d) => d.takesSource && d.outputs.length === 1 && d.parameters.filter((p) => p.choices === undefined).length === 1,
  ).map((d) => [d.name, d]),
);
const PLAIN_FUNCTIONS: Readonly<Record<string, { readonly least: number; readonly most: number }>> = {
  abs: { least: 1, most: 1 },
  min: { least: 2, most: 8 },
  max: { least: 2, most: 8 },
  sqrt: { least: 1, most: 1 },
  log: { least: 1, most: 1 },
  exp: { least: 1, most: 1 },
  floor: { least: 1, most: 1 },
  ceil: { least: 1, most: 1 },
  round: { least: 1, most: 1 },
  sign: { least: 1, most: 1 },
};
type PlainFunction = "abs" | "min" | "max" | "sqrt" | "log" | "exp" | "floor" | "ceil" | "round" | "sign";
const FUNCTION_NAMES = [...Object.keys(PLAIN_FUNCTIONS), ...WINDOW_FUNCTIONS.keys()];

/** The whole condition; null when there are faults, which go to `scope.faults`. */
export function lowerCondition(tree: Expression, scope: LoweringScope): Lowered | null {
  const lowered = lower(tree, scope);
  return lowered !== null && isOf("condition", lowered, tree, "the rule", scope) ? lowered : null;
}

/** As `lowerCondition`, for an expression that is a number. */
export function lowerNumber(tree: Expression, scope: LoweringScope): Lowered | null {
  return lowerAs("number", tree, "the expression", scope);
}

function lower(tree: Expression, scope: LoweringScope): Lowered | null {
  switch (tree.kind) {
    case "number":
      if (Number.isFinite(tree.value)) return constant(tree.value, () => numberCode(tree.value));
      return fault(scope, tree.at, "the number is too large", "Give one below 1e308.");
    case "name":
      return lowerName(tree, scope);
    case "call":
      return lowerCall(tree, scope);
    case "past":
      return lowerPast(tree, scope);
    case "negative": {
      const of = lowerAs("number", tree.of, 'what "-" stands before', scope);
      return of === null ? null : overLonger([of], ([value]) => negated(value), scope);
    }
    case "not": {
      const of = lowerAs("condition", tree.of, 'what "not" stands before', scope);
      return of === null ? null : condition(of.firstIndex, (back) => `(!${of.code(back)})`);
    }
    default:
      return lowerBinary(tree, scope);
  }
}

type Binary = Extract<Expression, { operator: string }>;

function lowerBinary(tree: Binary, scope: LoweringScope): Lowered | null {
  const type = tree.kind === "logic" ? "condition" : "number";
  const word = tree.kind === "cross" ? `crosses ${tree.operator}` : tree.operator;
  const left = lowerAs(type, tree.left, `the left side of "${word}"`, scope);
  const right = lowerAs(type, tree.right, `the right side of "${word}"`, scope);
  if (left === null || right === null) return null;
  const firstIndex = Math.max(left.firstIndex, right.firstIndex);
  const joined = (operator: string, back: number) => `(${left.code(back)} ${operator} ${right.code(back)})`;
  switch (tree.kind) {
    case "arithmetic": {
      return overLonger([left, right], ([a, b]) => combined(tree.operator, a, b), scope);
    }
    case "logic":
      return condition(firstIndex, (back) => joined(tree.operator === "and" ? "&&" : "||", back));
    case "cross": {
      const [before, now] = tree.operator === "above" ? ["<", ">"] : [">", "<"];
      const orTouched = scope.crosses === "touching" ? "=" : "";
      return condition(firstIndex, (back) => `(${joined(before + orTouched, back + 1)} && ${joined(now, back)})`);
    }
    case "comparison": {
      const { operator } = tree;
      // NaN compares false with everything, so "differs" must be said as "below or above".
      if (operator === "!=") return condition(firstIndex, (back) => `(${joined("<", back)} || ${joined(">", back)})`);
      return condition(firstIndex, (back) => joined(operator === "==" ? "===" : operator, back));
    }
  }
}

function lowerName(tree: Extract<Expression, { kind: "name" }>, scope: LoweringScope): Lowered | null {
  const { name, output, timeframe, at } = tree;
  const { indicators, parameters } = scope;
  const plan = timeframe === null ? scope.plan : scope.plan.over(timeframe);
  const shown = (column: PlannedColumn) => inFrame(columnValue(column), timeframe, scope);
  const price = PRICE_COLUMNS.find((column) => column === name);
  if (price !== undefined && output === null) return shown(plan.price(price));
  if (indicators.has(name)) {
    indicators.markUsed(name);
    const wrong = faultOfOutput(indicators.declarationOf(name), name, output);
    if (wrong !== null) return fault(scope, at, wrong.message, wrong.cure);
    const column = indicators.column(name, output, plan);
    return column === null ? null : shown(column);
  }
  const value = output === null ? parameters.use(name) : undefined;
  if (value !== undefined && timeframe !== null)
    return fault(scope, at, `parameter "${name}" is the same on every bar`, `Leave out "@${timeframe}".`);
  if (value !== undefined) return constant(value, () => parameterAt(parameters.names.indexOf(name)));
  const written = output === null ? name : `${name}.${output}`;
  if (FUNCTION_NAMES.includes(name) && output === null)
    return fault(scope, at, `"${name}" is a function`, `Write it with its arguments: ${exampleOf(name)}.`);
  const valid = [...new Set([...indicators.outputNames(), ...parameters.names, ...PRICE_COLUMNS])];
  return fault(scope, at, `undefined name "${written}"`, suggestion(written, valid, "names"));
}

function lowerCall(tree: Extract<Expression, { kind: "call" }>, scope: LoweringScope): Lowered | null {
  const { name, at } = tree;
  if (Object.hasOwn(PLAIN_FUNCTIONS, name)) return lowerPlainCall(tree, scope);
  const declaration = WINDOW_FUNCTIONS.get(name);
  if (declaration !== undefined) return lowerWindowCall(tree, declaration, scope);
  const isIndicator = INDICATORS.some((indicator) => indicator.name === name) || scope.indicators.has(name);
  const cure = isIndicator
    ? `Declare it under indicators and write its name. Functions: ${FUNCTION_NAMES.join(", ")}.`
    : suggestion(name, FUNCTION_NAMES, "functions");
  return fault(scope, at, `unknown function "${name}"`, cure);
}

function lowerPlainCall(tree: Extract<Expression, { kind: "call" }>, scope: LoweringScope): Lowered | null {
  const { name, at } = tree;
  const { least, most } = PLAIN_FUNCTIONS[name];
  const given = tree.arguments.map((argument, k) => lowerAs("number", argument, `argument ${k + 1} of ${name}`, scope));
  if (given.length < least || given.length > most)
    return fault(scope, at, countMessage(tree), `Write ${exampleOf(name)}.`);
  const values = given.filter((value) => value !== null);
  if (values.length < given.length) return null;
  const compute = Math[name as PlainFunction] as (...numbers: number[]) => number;
  const constants = values.map((value) => value.constant).filter((value) => value !== null);
  return number(
    Math.max(...values.map((value) => value.firstIndex)),
    constants.length === values.length ? compute(...constants) : null,
    (back) => `Math.${name}(${values.map((value) => value.code(back)).join(", ")})`,
  );
}

function lowerWindowCall(
  tree: Extract<Expression, { kind: "call" }>,
  declaration: IndicatorDeclaration,
  scope: LoweringScope,
): Lowered | null {
  const { name, at } = tree;
  if (tree.arguments.length !== 2) return fault(scope, at, countMessage(tree), `Write ${exampleOf(name)}.`);
  const [valueTree, barsTree] = tree.arguments;
  const value = lowerAs("number", valueTree, `argument 1 of ${name}`, scope);
  const bars = lowerAs("number", barsTree, `argument 2 of ${name}`, scope);
  if (value === null || bars === null) return null;
  if (bars.constant === null)
    return fault(
      scope,
      barsTree.at,
      `the number of bars of ${name} changes from bar to bar`,
      "Give a number or a parameter.",
    );
  const values = Object.fromEntries(
    declaration.parameters.map((p) => [p.name, p.choices === undefined ? bars.constant : p.default]),
  ) as Record<string, number>;
  const [wrong] = faultsOfParameters(declaration, values);
  if (wrong !== undefined) return fault(scope, barsTree.at, wrong.message, wrong.cure);
  const timeframe = value.longer?.timeframe ?? null;
  const plan = timeframe === null ? scope.plan : scope.plan.over(timeframe);
  const own = value.longer?.value ?? value;
  const source = plan.expression(own.code(0), own.firstIndex);
  const others = declaration.inputs.slice(1).map((column) => plan.price(column));
  return inFrame(columnValue(plan.indicator(declaration, values, [source, ...others])[0]), timeframe, scope);
}

function lowerPast(tree: Extract<Expression, { kind: "past" }>, scope: LoweringScope): Lowered | null {
  const of = lowerAs("number", tree.of, 'what "[" stands behind', scope);
  const bars = lowerAs("number", tree.bars, "the number of bars", scope);
  if (of === null || bars === null) return null;
  const back = bars.constant;
  if (back === null)
    return fault(scope, tree.at, "the number of bars in [ ] changes from bar to bar", "Give a number or a parameter.");
  if (back < 0)
    return fault(scope, tree.at, `[${back}] would be a later bar`, "A rule sees past bars alone: [1] is the last one.");
  if (!Number.isInteger(back) || back > MAX_BARS_BACK)
    return fault(scope, tree.at, `[${back}] is no number of bars`, `Give a whole number from 0 to ${MAX_BARS_BACK}.`);
  // A constant has a value at every bar, also before the first one.
  if (of.constant !== null) return of;
  return overLonger([of], ([value]) => number(value.firstIndex + back, null, (more) => value.code(more + back)), scope);
}

/** A value over the bars of `timeframe` (null: those at hand) as the rules read it: on the bars at hand. */
function inFrame(value: Lowered, timeframe: string | null, { plan }: LoweringScope): Lowered {
  if (timeframe === null) return value;
  const column = plan.fromLonger(timeframe, plan.over(timeframe).expression(value.code(0), value.firstIndex));
  return { ...columnValue(column), longer: { timeframe, value } };
}

/** `make` over the longer bars that all the parts are of (constants are of any); else over the bars at hand. */
function overLonger(
  parts: readonly Lowered[],
  make: (parts: readonly Lowered[]) => Lowered,
  scope: LoweringScope,
): Lowered {
  const timeframes = new Set(parts.filter((part) => part.constant === null).map((part) => part.longer?.timeframe));
  const [timeframe] = timeframes;
  if (timeframes.size !== 1 || timeframe === undefined) return make(parts);
  return inFrame(make(parts.map((part) => part.longer?.value ?? part)), timeframe, scope);
}

function negated(of: Lowered): Lowered {
  return number(of.firstIndex, of.constant === null ? null : -of.constant, (back) => `(-${of.code(back)})`);
}

function combined(operator: ArithmeticOperator, left: Lowered, right: Lowered): Lowered {
  const known =
    left.constant === null || right.constant === null ? null : arithmetic(operator, left.constant, right.constant);
  const code = (back: number) => `(${left.code(back)} ${operator} ${right.code(back)})`;
  return number(Math.max(left.firstIndex, right.firstIndex), known, code);
}

function lowerAs(type: Lowered["type"], tree: Expression, what: string, scope: LoweringScope): Lowered | null {
  const lowered = lower(tree, scope);
  return lowered !== null && isOf(type, lowered, tree, what, scope) ? lowered : null;
}

function isOf(type: Lowered["type"], lowered: Lowered, tree: Expression, what: string, scope: LoweringScope): boolean {
  if (lowered.type === type) return true;
  if (type === "condition")
    fault(scope, tree.at, `${what} is a number, not a condition`, "Compare it, such as rsi_14 > 70.");
  else
    fault(
      scope,
      tree.at,
      `${what} is a condition, not a number`,
      "Use a price, an indicator, a parameter or a number.",
    );
  return false;
}

function fault(scope: LoweringScope, at: number, message: string, cure: string): null {
  scope.faults.push({ message, cure, at });
  return null;
}

function countMessage({ name, arguments: given }: Extract<Expression, { kind: "call" }>): string {
  return `${name} has ${given.length} ${given.length === 1 ? "argument" : "arguments"}`;
}

function exampleOf(name: string): string {
  if (name === "min" || name === "max") return `${name}(open, close)`;
  return Object.hasOwn(PLAIN_FUNCTIONS, name) ? `${name}(close - open)` : `${name}(close, 20)`;
}

function columnValue({ id, firstIndex }: PlannedColumn): Lowered {
  return number(firstIndex, null, (back) => columnAt(id, back));
}

function constant(value: number, code: () => string): Lowered {
  return number(0, value, code);
}

function number(firstIndex: number, known: number | null, code: (barsBack: number) => string): Lowered {
  return { type: "number", firstIndex, constant: known, code };
}

function condition(firstIndex: number, code: (barsBack: number) => string): Lowered {
  return { type: "condition", firstIndex, constant: null, code };
}

function arithmetic(operator: ArithmeticOperator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
  }
}
