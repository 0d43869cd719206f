/** A parsed condition. `at` is the offset in the text, from 0, of the part that a fault would be about. */
export type Expression =
  | { readonly kind: "number"; readonly value: number; readonly at: number }
  /** `sma_fast`, `close`, with an output `macd_1.signal`, and any of them over longer bars: `close@1d`. */
  | {
      readonly kind: "name";
      readonly name: string;
      readonly output: string | null;
      /** Null for the bars at hand. */
      readonly timeframe: string | null;
      readonly at: number;
    }
  | { readonly kind: "call"; readonly name: string; readonly arguments: readonly Expression[]; readonly at: number }
  /** `close[1]`: the value that many bars ago. */
  | { readonly kind: "past"; readonly of: Expression; readonly bars: Expression; readonly at: number }
  | { readonly kind: "negative"; readonly of: Expression; readonly at: number }
  | Binary<"arithmetic", ArithmeticOperator>
  | Binary<"comparison", ComparisonOperator>
  | Binary<"cross", "above" | "below">
  | { readonly kind: "not"; readonly of: Expression; readonly at: number }
  | Binary<"logic", "and" | "or">;

export type ArithmeticOperator = "+" | "-" | "*" | "/";
export type ComparisonOperator = "<" | "<=" | ">" | ">=" | "==" | "!=";

interface Binary<Kind, Operator> {
  readonly kind: Kind;
  readonly operator: Operator;
  readonly left: Expression;
  readonly right: Expression;
  readonly at: number;
}

/** A fault within a condition. */
export interface ExpressionFault {
  readonly message: string;
  readonly cure: string;
  readonly at: number;
}
