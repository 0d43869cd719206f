/** Reads a strategy file. */
import { type Document, LineCounter, parseDocument, type YAMLError } from "yaml";
import { type NeuralStrategy, neuralStrategy } from "../../protocol/strategy-neural.ts";
import { type RuleStrategy, ruleStrategy } from "../../protocol/strategy-rules.ts";
import { neuralShapeFaults } from "./neural/shape.ts";
import { shapeFaults } from "./shape-faults.ts";
import { positionsOf, rememberPositions, type SourcePositions, sourcePositions } from "./source-positions.ts";
import { type StrategyFault, type StrategyOrigin, throwFaults } from "./strategy-faults.ts";

/** A file beyond this is no strategy: the wire takes 48 KiB. */
const MAX_FILE_CHARACTERS = 256 * 1024;

/** A strategy as its file holds it; `kind` tells which. */
export type Strategy = RuleStrategy | NeuralStrategy;

/**
 * YAML text → checked shape; `validateStrategy` checks the meaning. A file with `nn_inputs` and a mapping of
 * indicators is a fuzzy-neural strategy (v3), every other one holds rules; `kind` may be left out of both. `file` appears
 * in messages and is not opened. Throws a `Problem` (`invalid-strategy`) whose issues, one for each fault, carry file,
 * line, column and path.
 */
export function parseStrategyFile(text: string, file: string): Strategy {
  const { content, origin } = readContent(text, file);
  if (isNeural(content)) {
    const parsed = neuralStrategy.safeParse(content);
    if (!parsed.success) throwFaults(neuralShapeFaults(parsed.error, content), origin);
    rememberPositions(parsed.data, origin.positions);
    return parsed.data;
  }
  const outdated = faultOfOldVersion(content);
  if (outdated !== null) throwFaults([outdated], origin);
  const parsed = ruleStrategy.safeParse("kind" in content ? content : { kind: "rules", ...content });
  if (!parsed.success) throwFaults(shapeFaults(parsed.error, content), origin);
  rememberPositions(parsed.data, origin.positions);
  return parsed.data;
}

/** As `parseStrategyFile`, for callers that take only rules. */
export function parseRuleStrategyFile(text: string, file: string): RuleStrategy {
  const strategy = parseStrategyFile(text, file);
  if (strategy.kind === "rules") return strategy;
  const message = "this is a fuzzy-neural strategy, which needs a trained model; here rules are needed";
  throwFaults([{ message, cure: "Give a strategy with entries and exits.", path: [] }], {
    name: strategy.name,
    file,
    positions: positionsOf(strategy),
  });
}

type FileOrigin = StrategyOrigin & { readonly positions: SourcePositions };

/** The mapping that a file holds, with where its parts stand. Throws a `Problem` for text that is no YAML mapping. */
function readContent(text: string, file: string): { content: Record<string, unknown>; origin: FileOrigin } {
  const { document, origin } = readDocument(text, file);
  return { content: contentOf(document, origin), origin };
}

/** The YAML document itself, with its comments. */
export function readDocument(text: string, file: string): { document: Document; origin: FileOrigin } {
  if (text.length > MAX_FILE_CHARACTERS) {
    const message = `the file has ${text.length} characters, more than ${MAX_FILE_CHARACTERS}`;
    throwFaults([{ message, cure: "Give a strategy file.", path: [] }], { name: file, file });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const positions = sourcePositions(document, lines, text, file);
  const origin = { name: file, file, positions };
  if (document.errors.length > 0) {
    throwFaults(
      document.errors.map((error) => syntaxFault(error, lines, text)),
      origin,
    );
  }
  return { document, origin };
}

function isMapping(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNeural(content: Readonly<Record<string, unknown>>): boolean {
  return "nn_inputs" in content && isMapping(content.indicators);
}

/** Versions 1 and 2 of fuzzy-neural files have a list of indicators. */
function faultOfOldVersion(content: Readonly<Record<string, unknown>>): StrategyFault | null {
  const isOld = Array.isArray(content.indicators) && ("fuzzy_sets" in content || "training_data" in content);
  if (!isOld && !("fuzzy_sets" in content && !("entries" in content))) return null;
  const cure = isOld
    ? "Bring it to version 3 with ktrdr strategy migrate."
    : "Add nn_inputs: a list such as - { fuzzy_set: momentum, timeframes: all }.";
  const message = isOld
    ? `indicators is a list, as in version ${"data" in content ? 1 : 2} of fuzzy-neural strategies`
    : 'a fuzzy-neural strategy needs "nn_inputs"';
  return { message, cure, path: isOld ? ["indicators"] : ["nn_inputs"], atKey: true };
}

function contentOf(document: Document, origin: StrategyOrigin): Record<string, unknown> {
  const content = plainContent(document, origin);
  if (typeof content === "object" && content !== null && !Array.isArray(content))
    return content as Record<string, unknown>;
  const kind = Array.isArray(content) ? "a list" : content === null ? "empty" : `a ${typeof content}`;
  const message = `a strategy file is a mapping, and this one is ${kind}`;
  throwFaults([{ message, cure: "Write keys and values: name, indicators, entries, exits.", path: [] }], origin);
}

function plainContent(document: Document, origin: StrategyOrigin): unknown {
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
