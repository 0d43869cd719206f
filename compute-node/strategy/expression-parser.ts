/**
 * The condition language: text → tree. Precedence, weakest first: `or`, `and`, `not`, comparisons and crosses,
 * `+ -`, `* /`, unary `-`, `[bars]`, `@timeframe`.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { IToken, ParserMethod } from "chevrotain";
import type { ArithmeticOperator, ComparisonOperator, Expression, ExpressionFault } from "./expression-tree.ts";

/** Parentheses and brackets within each other; deeper ones would exhaust the stack. */
export const MAX_NESTING = 40;

/** How many parsed conditions are remembered: a sweep compiles the same few again and again. */
const REMEMBERED_CONDITIONS = 256;
const remembered = new Map<string, ParsedCondition>();

export type ParsedCondition =
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
  grammar ??= buildGrammar();
  const { tokens, errors } = grammar.lexer.tokenize(text);
  if (errors.length > 0) return failed(badCharacter(text, errors[0].offset));
  const tooDeep = firstTooDeep(tokens);
  if (tooDeep !== undefined)
    return failed({
      message: `parentheses stand more than ${MAX_NESTING} deep`,
      cure: "Split the condition, or name its parts as indicators.",
      at: tooDeep.startOffset,
    });
  const { parser } = grammar;
  parser.input = tokens;
  const expression = parser.condition();
  const error = parser.errors[0];
  if (error === undefined) return { expression, fault: null };
  return failed(unexpected(text, error.token, tokens));
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

function firstTooDeep(tokens: readonly IToken[]): IToken | undefined {
  let depth = 0;
  return tokens.find((token) => {
    if (token.image === "(" || token.image === "[") depth++;
    if (token.image === ")" || token.image === "]") depth--;
    return depth > MAX_NESTING;
  });
}

/** A sentence for the token at which the parser stopped. */
function unexpected(text: string, token: IToken, tokens: readonly IToken[]): ExpressionFault {
  const ended = Number.isNaN(token.startOffset) || token.image === "";
  const at = ended ? text.trimEnd().length : token.startOffset;
  const before = tokens.findLast((other) => other.startOffset < at)?.image.toLowerCase();
  const message = ended ? "the condition ends too early" : `unexpected "${token.image}"`;
  if (before === "crosses") return { message, cure: 'Write "crosses above" or "crosses below".', at };
  const related = tokens.some((other) => other.startOffset < at && isRelation(other.image));
  if (!ended && related && isRelation(token.image))
    return { message, cure: 'Comparisons do not chain: write "30 < rsi_14 and rsi_14 < 70".', at };
  const open = tokens.filter((t) => t.image === "(").length - tokens.filter((t) => t.image === ")").length;
  if (open > 0) return { message, cure: "A parenthesis is not closed, or something is missing before this.", at };
  if (open < 0 && token.image === ")") return { message, cure: "Remove it: no parenthesis is open here.", at };
  return { message, cure: EXAMPLE, at };
}

function isRelation(image: string): boolean {
  return /^([<>]=?|[=!]=|crosses)$/i.test(image);
}

interface NamedParts {
  output: string | null;
  call: Expression | null;
  timeframe: string | null;
}

type Grammar = ReturnType<typeof buildGrammar>;
let grammar: Grammar | undefined;

/**
 * Chevrotain's own entry consists of a hundred modules and takes 180 ms to load; its bundle, in the same package, takes
 * 10 ms. Loaded when the first condition is parsed, so that commands without a strategy do not wait for it.
 */
function loadChevrotain(): typeof import("chevrotain") {
  const require = createRequire(import.meta.url);
  return require(join(dirname(require.resolve("chevrotain")), "..", "chevrotain.min.mjs"));
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the grammar, a rule a member
function buildGrammar() {
  const { createToken, EmbeddedActionsParser, Lexer } = loadChevrotain();
  const identifier = createToken({ name: "Identifier", pattern: /[A-Za-z_][A-Za-z0-9_]*/ });
  const keyword = (name: string) => createToken({ name, pattern: new RegExp(name, "i"), longer_alt: identifier });
  const symbol = (name: string, pattern: RegExp) => createToken({ name, pattern });
  const space = createToken({ name: "Space", pattern: /\s+/, group: Lexer.SKIPPED });
  const number = symbol("Number", /(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?/);
  const [and, or, not] = ["and", "or", "not"].map(keyword);
  const [crosses, above, below] = ["crosses", "above", "below"].map(keyword);
  const timeframe = symbol("Timeframe", /@\s*[1-9]\d{0,3}(mo|s|m|h|d|w)(?![A-Za-z0-9_])/);
  const comparison = symbol("Comparison", /<=|>=|==|!=|<|>/);
  const plusMinus = symbol("PlusMinus", /[+-]/);
  const timesOver = symbol("TimesOver", /[*/]/);
  const [open, close] = [symbol("Open", /\(/), symbol("Close", /\)/)];
  const [openBars, closeBars] = [symbol("OpenBars", /\[/), symbol("CloseBars", /\]/)];
  const [comma, dot] = [symbol("Comma", /,/), symbol("Dot", /\./)];
  const words = [and, or, not, crosses, above, below];
  const marks = [timeframe, comparison, plusMinus, timesOver, open, close, openBars, closeBars, comma, dot];
  const all = [space, number, ...words, identifier, ...marks];

  class ConditionParser extends EmbeddedActionsParser {
    readonly condition: ParserMethod<[], Expression> = this.RULE("condition", () => {
      let left = this.SUBRULE(this.conjunction);
      this.MANY(() => {
        const at = this.CONSUME(or).startOffset;
        left = { kind: "logic", operator: "or", left, right: this.SUBRULE2(this.conjunction), at };
      });
      return left;
    });

    readonly conjunction: ParserMethod<[], Expression> = this.RULE("conjunction", () => {
      let left = this.SUBRULE(this.negation);
      this.MANY(() => {
        const at = this.CONSUME(and).startOffset;
        left = { kind: "logic", operator: "and", left, right: this.SUBRULE2(this.negation), at };
      });
      return left;
    });

    readonly negation: ParserMethod<[], Expression> = this.RULE("negation", () => {
      const signs: number[] = [];
      this.MANY(() => signs.push(this.CONSUME(not).startOffset));
      const of = this.SUBRULE(this.relation);
      return signs.reduceRight<Expression>((inner, at) => ({ kind: "not", of: inner, at }), of);
    });

    readonly relation: ParserMethod<[], Expression> = this.RULE("relation", () => {
      const left = this.SUBRULE(this.sum);
      let relation = left;
      this.OPTION(() => {
        this.OR([
          {
            ALT: () => {
              const token = this.CONSUME(comparison);
              const operator = token.image as ComparisonOperator;
              relation = { kind: "comparison", operator, left, right: this.SUBRULE2(this.sum), at: token.startOffset };
            },
          },
          {
            ALT: () => {
              const at = this.CONSUME(crosses).startOffset;
              const operator = this.OR2([
                { ALT: () => this.CONSUME(above) && ("above" as const) },
                { ALT: () => this.CONSUME(below) && ("below" as const) },
              ]);
              relation = { kind: "cross", operator, left, right: this.SUBRULE3(this.sum), at };
            },
          },
        ]);
      });
      return relation;
    });

    readonly sum: ParserMethod<[], Expression> = this.RULE("sum", () => {
      let left = this.SUBRULE(this.product);
      this.MANY(() => {
        const token = this.CONSUME(plusMinus);
        const operator = token.image as ArithmeticOperator;
        left = { kind: "arithmetic", operator, left, right: this.SUBRULE2(this.product), at: token.startOffset };
      });
      return left;
    });

    readonly product: ParserMethod<[], Expression> = this.RULE("product", () => {
      let left = this.SUBRULE(this.signed);
      this.MANY(() => {
        const token = this.CONSUME(timesOver);
        const operator = token.image as ArithmeticOperator;
        left = { kind: "arithmetic", operator, left, right: this.SUBRULE2(this.signed), at: token.startOffset };
      });
      return left;
    });

    readonly signed: ParserMethod<[], Expression> = this.RULE("signed", () => {
      const signs: IToken[] = [];
      this.MANY(() => signs.push(this.CONSUME(plusMinus)));
      const of = this.SUBRULE(this.past);
      const negative = (inner: Expression, sign: IToken): Expression =>
        sign.image === "-" ? { kind: "negative", of: inner, at: sign.startOffset } : inner;
      return signs.reduceRight(negative, of);
    });

    readonly past: ParserMethod<[], Expression> = this.RULE("past", () => {
      let of = this.SUBRULE(this.primary);
      this.MANY(() => {
        const at = this.CONSUME(openBars).startOffset;
        of = { kind: "past", of, bars: this.SUBRULE(this.sum), at };
        this.CONSUME(closeBars);
      });
      return of;
    });

    readonly primary: ParserMethod<[], Expression> = this.RULE("primary", () =>
      this.OR<Expression>([
        { ALT: () => numberOf(this.CONSUME(number)) },
        { ALT: () => this.SUBRULE(this.named) },
        {
          ALT: () => {
            this.CONSUME(open);
            const inner = this.SUBRULE(this.condition);
            this.CONSUME(close);
            return inner;
          },
        },
      ]),
    );

    readonly named: ParserMethod<[], Expression> = this.RULE("named", (): Expression => {
      const token = this.CONSUME(identifier);
      const name = token.image;
      // An object, since the compiler does not see that closures assign.
      const parts: NamedParts = { output: null, call: null, timeframe: null };
      this.OPTION(() => {
        this.OR([
          {
            ALT: () => {
              this.CONSUME(dot);
              parts.output = this.CONSUME2(identifier).image;
            },
          },
          {
            ALT: () => {
              this.CONSUME(open);
              const given: Expression[] = [];
              this.MANY_SEP({ SEP: comma, DEF: () => given.push(this.SUBRULE(this.condition)) });
              this.CONSUME(close);
              parts.call = { kind: "call", name, arguments: given, at: token.startOffset };
            },
          },
        ]);
      });
      this.OPTION2({
        GATE: () => parts.call === null,
        DEF: () => {
          parts.timeframe = this.CONSUME(timeframe).image.slice(1).trim();
        },
      });
      return (
        parts.call ?? { kind: "name", name, output: parts.output, timeframe: parts.timeframe, at: token.startOffset }
      );
    });

    constructor() {
      super(all, { maxLookahead: 2, recoveryEnabled: false, skipValidations: true });
      this.performSelfAnalysis();
    }
  }
  return {
    lexer: new Lexer(all, { positionTracking: "onlyOffset", skipValidations: true }),
    parser: new ConditionParser(),
  };
}

/** `3%` is 0.03. The parser also calls this while it records the grammar, with a token that is no number. */
function numberOf(token: IToken): Expression {
  const image = token.image;
  const value = image.endsWith("%") ? Number(image.slice(0, -1)) / 100 : Number(image);
  return { kind: "number", value, at: token.startOffset };
}
