import { type Document, isMap, isNode, isPair, isScalar, isSeq, type LineCounter, type Node, Scalar } from "yaml";

/** Counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Finds the lines and columns of a strategy file's parts. */
export interface SourcePositions {
  readonly file: string;
  /**
   * The position of the value at `path` (its key with `atKey`, the character `at` of a text), or the nearest thing
   * around it that is in the file.
   */
  positionOf(path: readonly string[], where?: { readonly atKey?: boolean; readonly at?: number }): Position;
}

/** Kept beside the strategy, not in it: a strategy crosses the wire, its file does not. */
const positionsOfStrategies = new WeakMap<object, SourcePositions>();

export function rememberPositions(strategy: object, positions: SourcePositions): void {
  positionsOfStrategies.set(strategy, positions);
}

/** Undefined for a strategy that no file was read for. */
export function positionsOf(strategy: object): SourcePositions | undefined {
  return positionsOfStrategies.get(strategy);
}

export function sourcePositions(document: Document, lines: LineCounter, text: string, file: string): SourcePositions {
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  return {
    file,
    positionOf(path, { atKey = false, at = 0 } = {}) {
      const found = findNode(document.contents, path);
      if (found.depth < path.length || atKey) return position(startOf(found.key ?? found.value));
      if (isScalar(found.value) && at > 0) return position(offsetWithin(found.value, at, text));
      return position(startOf(found.value ?? found.key) + quoteLength(found.value));
    },
  };
}

interface Found {
  readonly key: Node | null;
  readonly value: Node | null;
  /** The number of the path's keys that were there. */
  readonly depth: number;
}

function findNode(root: Node | null, path: readonly string[]): Found {
  let found: Found = { key: null, value: root, depth: 0 };
  for (const name of path) {
    const parent: Node | null = found.value;
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === name);
      if (pair === undefined) return found;
      found = { key: nodeOrNull(pair.key), value: nodeOrNull(pair.value), depth: found.depth + 1 };
    } else if (isSeq(parent)) {
      const item = nodeOrNull(parent.items[Number(name)]);
      if (item === null) return found;
      found = { key: null, value: item, depth: found.depth + 1 };
    } else return found;
  }
  return found;
}

function nodeOrNull(value: unknown): Node | null {
  return isNode(value) ? value : null;
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function quoteLength(node: Node | null): number {
  return isScalar(node) && (node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE) ? 1 : 0;
}

/**
 * The file's offset of character `at` of a text. Folding and indentation change nothing but white space, so the
 * characters that are no space are counted off on both sides.
 */
function offsetWithin(node: Scalar, at: number, text: string): number {
  const isBlock = node.type === Scalar.BLOCK_FOLDED || node.type === Scalar.BLOCK_LITERAL;
  const start = startOf(node);
  let offset = isBlock ? text.indexOf("\n", start) + 1 : start + quoteLength(node);
  const end = node.range?.[1] ?? text.length;
  let left = String(node.value).slice(0, at).replace(/\s/g, "").length;
  const atEnd = at >= String(node.value).trimEnd().length;
  while (offset < end && (left > 0 || (!atEnd && /\s/.test(text[offset])))) {
    if (!/\s/.test(text[offset])) left--;
    offset++;
  }
  return offset;
}
