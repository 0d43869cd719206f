/** Reads a strategy file. */
import { LineCounter, parseDocument, type YAMLError } from "yaml";
import { type RuleStrategy, ruleStrategy } from "../../protocol/strategy-rules.ts";
import { shapeFaults } from "./shape-faults.ts";
import { rememberPositions, sourcePositions } from "./source-positions.ts";
import { type StrategyFault, type StrategyOrigin, throwFaults } from "./strategy-faults.ts";

/** A file beyond this is no strategy: the wire takes 48 KiB. */
const MAX_FILE_CHARACTERS = 256 * 1024;

/**
 * YAML text → checked shape; what it means is checked by `validateStrategy`. `kind: rules` may be left out.
 * `file` appears in messages and is not opened. Throws a `Problem` (`invalid-strategy`) whose issues, one for each
 * fault, carry file, line, column and path.
 */
export function parseStrategyFile(text: string, file: string): RuleStrategy {
  if (text.length > MAX_FILE_CHARACTERS) {
    const message = `the file has ${text.length} characters, more than ${MAX_FILE_CHARACTERS}`;
    throwFaults([{ message, cure: "Give a strategy file.", path: [] }], { name: file, file });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const positions = sourcePositions(document, lines, text, file);
  const origin: StrategyOrigin = { name: file, file, positions };
  if (document.errors.length > 0) {
    throwFaults(
      document.errors.map((error) => syntaxFault(error, lines, text)),
      origin,
    );
  }
  const content = contentOf(document, origin);
  const parsed = ruleStrategy.safeParse("kind" in content ? content : { kind: "rules", ...content });
  if (!parsed.success) throwFaults(shapeFaults(parsed.error, content), origin);
  rememberPositions(parsed.data, positions);
  return parsed.data;
}

function contentOf(document: ReturnType<typeof parseDocument>, origin: StrategyOrigin): Record<string, unknown> {
  const content = plainContent(document, origin);
  if (typeof content === "object" && content !== null && !Array.isArray(content))
    return content as Record<string, unknown>;
  const kind = Array.isArray(content) ? "a list" : content === null ? "empty" : `a ${typeof content}`;
  const message = `a strategy file is a mapping, and this one is ${kind}`;
  throwFaults([{ message, cure: "Write keys and values: name, indicators, entries, exits.", path: [] }], origin);
}

function plainContent(document: ReturnType<typeof parseDocument>, origin: StrategyOrigin): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // An alias of nothing, or aliases that grow into millions of values.
    const message = error instanceof Error ? error.message : String(error);
    throwFaults([{ message, cure: "Write the repeated parts out.", path: [] }], origin);
  }
}

function syntaxFault(error: YAMLError, lines: LineCounter, text: string): StrategyFault {
  const { line, col } = lines.linePos(error.pos[0]);
  const position = { line: Math.max(1, line), column: Math.max(1, col) };
  if (error.code === "DUPLICATE_KEY") {
    const key = /^[^:\s]+/.exec(text.slice(error.pos[0]))?.[0] ?? "";
    return { message: `the key "${key}" stands here twice`, cure: "Remove one of the two.", path: [], position };
  }
  const message = `this is not valid YAML: ${error.message}`;
  return { message, cure: "Check indentation, colons and quotes around this line.", path: [], position };
}
