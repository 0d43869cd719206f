/** Versions 1 and 2 of fuzzy-neural strategy files → version 3. */
import { type Document, isMap, isSeq, type YAMLMap } from "yaml";
import { findNeuralIndicator } from "../../indicators/index.ts";
import { throwFaults } from "../strategy-faults.ts";
import { readDocument } from "../strategy-file.ts";

export interface Migration {
  /** The file in version 3. */
  readonly text: string;
  /** Guesses, and settings that could not be carried over, as sentences. */
  readonly warnings: readonly string[];
}

/**
 * The text of a version 1 or 2 file in version 3, with its comments where they can be kept: the list of indicators
 * becomes a mapping, fuzzy sets name their indicator, and `nn_inputs` takes every fuzzy set in the order of the file on
 * all timeframes, as the old pipeline did. A version 3 file comes back unchanged with a warning. Throws a `Problem`
 * (`invalid-strategy`) for a text that is no such file.
 */
export function migrateStrategy(text: string, file = "strategy.yaml"): Migration {
  const { document, origin } = readDocument(text, file);
  const root = document.contents;
  const indicators = isMap(root) ? root.get("indicators") : undefined;
  if (isMap(root) && isMap(indicators) && root.has("nn_inputs"))
    return { text, warnings: ["the file is version 3 already; nothing was changed"] };
  if (!isMap(root) || !isSeq(indicators)) {
    const message = "this is no fuzzy-neural strategy of version 1 or 2: it has no list of indicators";
    throwFaults([{ message, cure: "Give a file with indicators as a list and fuzzy_sets.", path: [] }], origin);
  }
  const warnings: string[] = [];
  const named = namedIndicators(indicators.toJSON() as unknown[], warnings);
  const setIds = migrateFuzzySets(document, root, named, warnings);
  root.set("indicators", document.createNode(Object.fromEntries(named.map(({ id, use }) => [id, use]))));
  if (!root.has("training_data")) root.set("training_data", document.createNode(trainingData(root, warnings)));
  if (!root.has("nn_inputs")) {
    const inputs = setIds.map((id) => ({ fuzzy_set: id, timeframes: "all" }));
    const after = root.items.findIndex((pair) => String(pair.key) === "fuzzy_sets");
    root.items.splice(after + 1, 0, document.createPair("nn_inputs", inputs));
  }
  root.set("version", "3.0");
  removeDeadKeys(root, warnings);
  for (const key of ["model", "decisions", "training"]) {
    if (root.has(key)) continue;
    root.set(key, document.createNode({}));
    warnings.push(`"${key}" was missing and is empty now: fill it in`);
  }
  return { text: document.toString({ lineWidth: 120 }), warnings };
}

function removeDeadKeys(root: YAMLMap, warnings: string[]): void {
  for (const key of ["scope", "data"])
    if (root.delete(key)) warnings.push(`"${key}" was removed: version 3 has no such key`);
}

/** Reads version 1's `data: { symbols, timeframes }`. */
function trainingData(root: YAMLMap, warnings: string[]): Record<string, unknown> {
  const data = root.get("data");
  const given = mappingOf(isMap(data) ? data.toJSON() : undefined);
  const listOf = (value: unknown): string[] =>
    Array.isArray(value) ? value.map(String) : value === undefined ? [] : [String(value)];
  const symbols = listOf(given.symbols ?? given.symbol);
  const timeframes = listOf(given.timeframes ?? given.timeframe);
  if (symbols.length === 0 || timeframes.length === 0)
    warnings.push("training_data was guessed (EURUSD, 1h): correct its symbols and timeframes");
  const [symbol = "EURUSD"] = symbols;
  const [timeframe = "1h"] = timeframes;
  return {
    symbols: symbols.length > 1 ? { mode: "multi_symbol", list: symbols } : { mode: "single", symbol },
    timeframes: timeframes.length > 1 ? { mode: "multi_timeframe", list: timeframes } : { mode: "single", timeframe },
  };
}

function mappingOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

interface NamedIndicator {
  readonly id: string;
  readonly use: Record<string, unknown>;
}

/** `{ name, type?, feature_id?, params? or parameters? or flat parameters }` of the old list. */
function namedIndicators(list: readonly unknown[], warnings: string[]): NamedIndicator[] {
  const taken = new Set<string>();
  return list.map((given, k) => {
    const entry = (typeof given === "object" && given !== null ? given : { name: String(given) }) as Record<
      string,
      unknown
    >;
    const { name, type, feature_id: featureId, params, parameters, indicator, ...flat } = entry;
    const kind = String(type ?? indicator ?? name ?? "");
    const use = { type: kind, ...flat, ...mappingOf(params), ...mappingOf(parameters) };
    if (findNeuralIndicator(kind) === undefined) warnings.push(`indicator ${k + 1} has the unknown type "${kind}"`);
    const period = (use as Record<string, unknown>).period;
    const standard = typeof period === "number" ? `${kind}_${period}` : kind;
    let id = String(featureId ?? (type === undefined ? standard : name) ?? standard);
    while (taken.has(id)) id = `${id}_${k + 1}`;
    taken.add(id);
    return { id, use };
  });
}

/** Each set gets its `indicator`; the ids of the sets in order. */
function migrateFuzzySets(
  document: Document,
  root: YAMLMap,
  indicators: readonly NamedIndicator[],
  warnings: string[],
): string[] {
  const sets = root.get("fuzzy_sets");
  if (!isMap(sets)) {
    warnings.push("there are no fuzzy_sets: add some, and nn_inputs that name them");
    return [];
  }
  return sets.items.map((pair) => {
    const id = String(pair.key);
    const set = pair.value;
    if (!isMap(set) || set.has("indicator")) return id;
    const reference = referenceOf(id, indicators);
    if (reference === null) warnings.push(`no indicator fits the fuzzy set "${id}": correct its indicator`);
    set.items.unshift(document.createPair("indicator", reference ?? id));
    return id;
  });
}

/** By id, by id and output (`macd_12.signal`, `macd_signal`), by type, by the beginning of either. */
function referenceOf(setId: string, indicators: readonly NamedIndicator[]): string | null {
  const exact = indicators.find(({ id }) => id === setId);
  if (exact !== undefined) return exact.id;
  for (const { id, use } of indicators) {
    const outputs = findNeuralIndicator(String(use.type))?.outputs ?? [];
    const output = outputs.find(({ name }) =>
      [`${id}.${name}`, `${id}_${name}`, `${use.type}_${name}`].includes(setId),
    );
    if (output !== undefined) return outputs.length === 1 ? id : `${id}.${output.name}`;
  }
  const byType = indicators.filter(
    ({ id, use }) => use.type === setId || id.startsWith(`${setId}_`) || setId.startsWith(`${id}_`),
  );
  return byType.length > 0 ? byType[0].id : null;
}
