/** The words and marks of the condition language. */

export interface ConditionToken {
  /** A mark or a keyword stands for itself, keywords in lower case; "end" comes last, once. */
  readonly kind: string;
  /** As it was written. */
  readonly text: string;
  /** Offset in the condition, from 0; for "end", that of the white space behind the last token. */
  readonly at: number;
}

const KEYWORDS: ReadonlySet<string> = new Set(["and", "or", "not", "crosses", "above", "below"]);

/** The pattern of each token that has several spellings; marks stand for themselves. */
const SPELLINGS: Readonly<Record<string, string>> = {
  number: String.raw`(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?%?`,
  name: "[A-Za-z_][A-Za-z0-9_]*",
  timeframe: String.raw`@\s*[1-9]\d{0,3}(?:mo|s|m|h|d|w)(?![A-Za-z0-9_])`,
};
const KINDS = Object.keys(SPELLINGS);
const MARK = String.raw`<=|>=|==|!=|[<>+\-*/()[\],.]`;
const TOKEN = new RegExp(
  `${Object.values(SPELLINGS)
    .map((spelling) => `(${spelling})`)
    .join("|")}|${MARK}`,
  "y",
);
const SPACE = /\s*/y;

/** `badCharacterAt` is the offset of the first character that starts no token; the tokens then end before it. */
export function tokensOf(condition: string): { tokens: ConditionToken[]; badCharacterAt: number | null } {
  const tokens: ConditionToken[] = [];
  const end = condition.trimEnd().length;
  let badCharacterAt: number | null = null;
  for (let at = spaceEnd(condition, 0); at < end; ) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(condition);
    if (match === null) {
      badCharacterAt = at;
      break;
    }
    const [text, ...spelled] = match;
    tokens.push({ kind: kindOf(text, spelled), text, at });
    at = spaceEnd(condition, at + text.length);
  }
  tokens.push({ kind: "end", text: "", at: end });
  return { tokens, badCharacterAt };
}

function spaceEnd(condition: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(condition);
  return SPACE.lastIndex;
}

function kindOf(text: string, spelled: readonly (string | undefined)[]): string {
  const kind = KINDS[spelled.findIndex((spelling) => spelling !== undefined)] ?? text;
  const word = text.toLowerCase();
  return kind === "name" && KEYWORDS.has(word) ? word : kind;
}
