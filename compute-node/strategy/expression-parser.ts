/**
 * The condition language: text → tree. Precedence, weakest first: `or`, `and`, `not`, comparisons and crosses,
 * `+ -`, `* /`, unary `-`, `[bars]`, `@timeframe`. The parser goes by the binding power of operators (Pratt, "Top down
 * operator precedence", 1973, https://doi.org/10.1145/512927.512931); why it is our own: docs/decisions/0031-expression-parser.md.
 */
import { type ConditionToken, tokensOf } from "./condition-tokens.ts";
import type { ArithmeticOperator, ComparisonOperator, Expression, ExpressionFault } from "./expression-tree.ts";

/** Parentheses and brackets within each other; deeper ones would exhaust the stack. */
const MAX_NESTING = 40;

/** The number of remembered conditions: a sweep compiles the same few again and again. */
const REMEMBERED_CONDITIONS = 256;
const remembered = new Map<string, ParsedCondition>();

type ParsedCondition =
  | { readonly expression: Expression; readonly fault: null }
  | { readonly expression: null; readonly fault: ExpressionFault };

/** Never throws on bad text: the first fault is handed back. Equal texts give the same tree. */
export function parseCondition(text: string): ParsedCondition {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const parsed = parse(text);
  if (remembered.size >= REMEMBERED_CONDITIONS) remembered.clear();
  remembered.set(text, parsed);
  return parsed;
}

function parse(text: string): ParsedCondition {
  const { tokens, badCharacterAt } = tokensOf(text);
  if (badCharacterAt !== null) return failed(badCharacter(text, badCharacterAt));
  const tooDeep = firstTooDeep(tokens);
  if (tooDeep !== undefined)
    return failed({
      message: `parentheses stand more than ${MAX_NESTING} deep`,
      cure: "Split the condition, or name its parts as indicators.",
      at: tooDeep.at,
    });
  try {
    return { expression: new ConditionParser(tokens).whole(), fault: null };
  } catch (error) {
    if (error instanceof UnexpectedToken) return failed(unexpected(error.token, tokens));
    throw error;
  }
}

function failed(fault: ExpressionFault): ParsedCondition {
  return { expression: null, fault };
}

const EXAMPLE = "A condition looks like: sma_fast crosses above sma_slow and rsi_14 < 70.";
const OTHER_SPELLINGS: Readonly<Record<string, string>> = {
  "=": 'Write "==" to compare.',
  "&": 'Write "and".',
  "|": 'Write "or".',
  "!": 'Write "not".',
  "^": "There are no powers; multiply instead.",
  "%": 'A percentage is a number and "%", such as 3%.',
};

function badCharacter(text: string, at: number): ExpressionFault {
  return { message: `unexpected character "${text[at]}"`, cure: OTHER_SPELLINGS[text[at]] ?? EXAMPLE, at };
}

function firstTooDeep(tokens: readonly ConditionToken[]): ConditionToken | undefined {
  let depth = 0;
  return tokens.find(({ kind }) => {
    if (kind === "(" || kind === "[") depth++;
    if (kind === ")" || kind === "]") depth--;
    return depth > MAX_NESTING;
  });
}

/** A sentence for the token at which the parser stopped. */
function unexpected(token: ConditionToken, tokens: readonly ConditionToken[]): ExpressionFault {
  const { kind, at } = token;
  const ended = kind === "end";
  const before = tokens.slice(0, tokens.indexOf(token));
  const message = ended ? "the condition ends too early" : `unexpected "${token.text}"`;
  if (before.at(-1)?.kind === "crosses") return { message, cure: 'Write "crosses above" or "crosses below".', at };
  if (isRelation(token) && before.some(isRelation))
    return { message, cure: 'Comparisons do not chain: write "30 < rsi_14 and rsi_14 < 70".', at };
  const count = (mark: string) => tokens.filter((other) => other.kind === mark).length;
  const open = count("(") - count(")");
  if (open > 0) return { message, cure: "A parenthesis is not closed, or something is missing before this.", at };
  if (open < 0 && kind === ")") return { message, cure: "Remove it: no parenthesis is open here.", at };
  return { message, cure: EXAMPLE, at };
}

const NOT_BINDS = 3;
const RELATION_BINDS = 4;
/** The binding power of operators between two operands. */
const BINDING: ReadonlyMap<string, number> = new Map([
  ["or", 1],
  ["and", 2],
  ...["<", "<=", ">", ">=", "==", "!=", "crosses"].map((relation) => [relation, RELATION_BINDS] as const),
  ["+", 5],
  ["-", 5],
  ["*", 6],
  ["/", 6],
]);

function isRelation({ kind }: ConditionToken): boolean {
  return BINDING.get(kind) === RELATION_BINDS;
}

class UnexpectedToken extends Error {
  readonly token: ConditionToken;

  constructor(token: ConditionToken) {
    super(`unexpected ${token.kind}`);
    this.token = token;
  }
}

/** Its methods take tokens from the front, and throw an `UnexpectedToken` at the first that fits nowhere. */
class ConditionParser {
  readonly #tokens: readonly ConditionToken[];
  #at = 0;

  constructor(tokens: readonly ConditionToken[]) {
    this.#tokens = tokens;
  }

  whole(): Expression {
    const expression = this.#expression(0);
    this.#take("end");
    return expression;
  }

  /** One operand with all operators behind it that bind more strongly than `outside`, the one before it. */
  #expression(outside: number): Expression {
    const isNegated = outside < NOT_BINDS && this.#peek().kind === "not";
    let left = isNegated ? this.#negation() : this.#signed();
    // A stronger operator would have taken its left side from within it; a relation does not take another one.
    let strongest = isNegated ? NOT_BINDS : Number.POSITIVE_INFINITY;
    for (;;) {
      const operator = this.#peek();
      const binding = BINDING.get(operator.kind);
      if (binding === undefined || binding <= outside || binding > strongest) return left;
      this.#at++;
      left = this.#binary(operator, binding, left);
      strongest = binding === RELATION_BINDS ? RELATION_BINDS - 1 : binding;
    }
  }

  #binary({ kind, at }: ConditionToken, binding: number, left: Expression): Expression {
    if (kind === "crosses") {
      const operator = this.#take("above", "below").kind === "above" ? "above" : "below";
      return { kind: "cross", operator, left, right: this.#expression(binding), at };
    }
    const right = this.#expression(binding);
    if (kind === "or" || kind === "and") return { kind: "logic", operator: kind, left, right, at };
    if (binding === RELATION_BINDS)
      return { kind: "comparison", operator: kind as ComparisonOperator, left, right, at };
    return { kind: "arithmetic", operator: kind as ArithmeticOperator, left, right, at };
  }

  /** `not`, any number of times: a loop, since only parentheses are counted against the stack. */
  #negation(): Expression {
    const signs = this.#takeAll("not");
    return signs.reduceRight<Expression>((of, { at }) => ({ kind: "not", of, at }), this.#expression(NOT_BINDS));
  }

  #signed(): Expression {
    const signs = this.#takeAll("+", "-");
    const negative = (of: Expression, { kind, at }: ConditionToken): Expression =>
      kind === "-" ? { kind: "negative", of, at } : of;
    return signs.reduceRight(negative, this.#past());
  }

  #past(): Expression {
    let of = this.#primary();
    while (this.#peek().kind === "[") {
      const { at } = this.#take("[");
      of = { kind: "past", of, bars: this.#expression(RELATION_BINDS), at };
      this.#take("]");
    }
    return of;
  }

  #primary(): Expression {
    const token = this.#take("number", "name", "(");
    if (token.kind === "number") return numberOf(token);
    if (token.kind === "name") return this.#named(token);
    const inner = this.#expression(0);
    this.#take(")");
    return inner;
  }

  #named({ text: name, at }: ConditionToken): Expression {
    if (this.#peek().kind === "(") return { kind: "call", name, arguments: this.#arguments(), at };
    const output = this.#skips(".") ? this.#take("name").text : null;
    const timeframe = this.#peek().kind === "timeframe" ? this.#take("timeframe").text.slice(1).trim() : null;
    return { kind: "name", name, output, timeframe, at };
  }

  #arguments(): Expression[] {
    const given: Expression[] = [];
    this.#take("(");
    if (this.#skips(")")) return given;
    do given.push(this.#expression(0));
    while (this.#skips(","));
    this.#take(")");
    return given;
  }

  #peek(): ConditionToken {
    return this.#tokens[this.#at];
  }

  #take(...kinds: string[]): ConditionToken {
    const token = this.#peek();
    if (!kinds.includes(token.kind)) throw new UnexpectedToken(token);
    this.#at++;
    return token;
  }

  #skips(kind: string): boolean {
    if (this.#peek().kind !== kind) return false;
    this.#at++;
    return true;
  }

  #takeAll(...kinds: string[]): ConditionToken[] {
    const taken: ConditionToken[] = [];
    while (kinds.includes(this.#peek().kind)) taken.push(this.#take(...kinds));
    return taken;
  }
}

/** `3%` is 0.03. */
function numberOf({ text, at }: ConditionToken): Expression {
  const value = text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
  return { kind: "number", value, at };
}
