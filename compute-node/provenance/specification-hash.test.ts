import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type OperationSpec, operationSpec } from "../../protocol/operations/index.ts";
import { modelBacktestHash, specificationHash } from "./specification-hash.ts";

const RULES = {
  kind: "rules",
  name: "cross",
  parameters: { fast: { default: 5, min: 2, max: 50 } },
  indicators: { fast: { type: "sma", period: "fast" }, slow: { type: "sma", period: 20 } },
  entries: { long: "fast > slow" },
  exits: { long: "fast < slow" },
  stop_loss: "2%",
  portfolio: { max_positions: 2, rank_by: "close", rebalance: { every: 5, band: 0.1 } },
};
const SETTINGS = { initialCapital: 5000, commissionRate: 0.001, fractionalUnits: true, tickSize: 0.01 };
const SERIES = { symbol: "AAA", timeframe: "1d", startMs: 1_000, endMs: 2_000 };
const CONVERSION = { currency: "EUR", data: { symbol: "EURUSD", timeframe: "1d" }, isInverse: false };

/** One of each kind, with everything that it can say. */
const SPECIFICATIONS: Readonly<Record<string, object>> = {
  "a backtest of rules": {
    kind: "backtest",
    strategy: RULES,
    parameters: { fast: 7, other: 1 },
    data: SERIES,
    settings: SETTINGS,
  },
  "a backtest of code": {
    kind: "backtest",
    strategy: { kind: "script", name: "code", description: "says why", source: "exports.default = {}" },
    data: SERIES,
    settings: SETTINGS,
  },
  "a portfolio": {
    kind: "portfolio",
    strategy: RULES,
    parameters: { fast: 7 },
    data: [SERIES, { ...SERIES, symbol: "BBB" }],
    settings: SETTINGS,
    actions: [{ symbol: "BBB", exMs: 1_500, action: "split", ratio: 2 }],
    currencies: [{ symbol: "BBB", currency: "EUR" }],
    conversions: [CONVERSION],
  },
  "a training run": {
    kind: "train",
    model: "trend",
    strategy: {
      name: "trend",
      description: "learns",
      note: { nothing: ["known", null, true] },
      training_data: {
        symbols: { mode: "multi_symbol", list: ["AAA", "BBB"] },
        timeframes: { mode: "single", timeframe: "1d" },
      },
      context_data: [{ provider: "fred", series: ["DGS10", "DGS2"] }],
      indicators: { speed: { type: "roc", period: 4 }, place: { type: "rsi", period: 10 } },
      fuzzy_sets: {
        level: { indicator: "place", low: [0, 20, 50], high: { type: "triangular", parameters: [50, 80, 100] } },
        pace: { indicator: "speed", slow: [-1, 0, 1], fast: [0, 1, 2] },
      },
      nn_inputs: [
        { fuzzy_set: "level", timeframes: "all" },
        { raw_indicator: "speed", timeframes: ["1d"], normalization: "zscore" },
      ],
      model: { type: "mlp", architecture: { hidden_layers: [8, 4], dropout: 0.1 } },
      decisions: { confidence_threshold: 0.4, filters: { min_signal_separation: 0 } },
      training: { labels: { source: "zigzag", zigzag_threshold: 0.05 }, epochs: 6, learning_rate: 0.01 },
    },
    data: [SERIES, { ...SERIES, symbol: "BBB" }],
    ...{ seed: 3, epochs: 4, seeds: 2, backend: "cpu", fast: false },
  },
  "a model's backtest": {
    kind: "model_backtest",
    model: { sha256: "a".repeat(64) },
    data: [SERIES],
    settings: SETTINGS,
  },
  "a program": {
    kind: "command",
    program: "fit",
    input: { depth: 3, nested: { b: 1, a: [1, { d: 2, c: 3 }] } },
    data: [SERIES],
  },
  "a pause": { kind: "sleep", durationMs: 5 },
};

/** The timeframe that a model with only one names itself; any other is refused. */
const FOLLOWS: readonly string[] = ["a model's backtest: data.0.timeframe"];

function parsed(name: string): OperationSpec {
  return operationSpec.parse(SPECIFICATIONS[name]);
}

type Path = readonly (string | number)[];

/** Paths of the values: everything that is neither an object nor a list. */
function placesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  if (Array.isArray(value)) return value.flatMap((item, index) => placesOf(item, [...path, index]));
  return Object.entries(value).flatMap(([key, item]) => placesOf(item, [...path, key]));
}

/** A copy in which the value at `path` is another one of its type. */
function changedAt(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) {
    if (typeof value === "number") return value + 1;
    return typeof value === "boolean" ? !value : `${String(value)}x`;
  }
  if (Array.isArray(value)) return value.map((item, index) => (index === key ? changedAt(item, rest) : item));
  const fields = value as Readonly<Record<string, unknown>>;
  return { ...fields, [key]: changedAt(fields[key], rest) };
}

/** The order of memberships is that of a network's inputs. */
function hasOrder(path: Path): boolean {
  return path.length === 3 && path[0] === "strategy" && path[1] === "fuzzy_sets";
}

/** A copy whose keys stand in the order that `rank` gives, at every depth where order has no meaning. */
function reordered(value: unknown, rank: (path: Path, key: string) => number, path: Path = []): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => reordered(item, rank, [...path, index]));
  const keys = hasOrder(path)
    ? Object.keys(value)
    : Object.keys(value).toSorted((left, right) => rank(path, left) - rank(path, right));
  return Object.fromEntries(
    keys.map((key) => [key, reordered((value as Record<string, unknown>)[key], rank, [...path, key])]),
  );
}

/** A number for each key, from a seed. */
function rankOf(seed: number) {
  return (path: Path, key: string): number => {
    let hash = seed;
    for (const letter of [...path, key].join("/")) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
    return hash;
  };
}

describe.each(Object.keys(SPECIFICATIONS))("the hash of %s", (name) => {
  const spec = parsed(name);
  const hash = specificationHash(spec);

  it("does not depend on the order of any keys", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const shuffled = reordered(spec, rankOf(seed)) as OperationSpec;
        expect(shuffled).toEqual(spec);
        expect(specificationHash(shuffled)).toBe(hash);
      }),
    );
  });

  it("is another one when any value is another one", () => {
    const places = placesOf(spec).filter(
      (path) => !FOLLOWS.includes(`${name}: ${path.join(".")}`) && path[0] !== "kind",
    );
    const hashes = places.map((path) => specificationHash(changedAt(spec, path) as OperationSpec));
    expect(places.filter((_, index) => hashes[index] === hash)).toEqual([]);
    expect(new Set([hash, ...hashes]).size).toBe(places.length + 1);
  });
});

describe("a part that a specification's hash leaves out", () => {
  it("is the bytes that data is pinned to", () => {
    const pin = { sha256: "b".repeat(64) };
    for (const name of ["a portfolio", "a training run", "a model's backtest", "a program"]) {
      const { data } = SPECIFICATIONS[name] as { data: object[] };
      const pinned = operationSpec.parse({ ...SPECIFICATIONS[name], data: data.map((own) => ({ ...own, ...pin })) });
      expect(specificationHash(pinned)).toBe(specificationHash(parsed(name)));
    }
  });

  it("is the order of a portfolio's symbols", () => {
    const { data } = SPECIFICATIONS["a portfolio"] as { data: object[] };
    const turned = operationSpec.parse({ ...SPECIFICATIONS["a portfolio"], data: data.toReversed() });
    expect(specificationHash(turned)).toBe(specificationHash(parsed("a portfolio")));
  });
});

describe("the hash of a training run's fuzzy sets", () => {
  const { fuzzy_sets: sets, ...strategy } = (SPECIFICATIONS["a training run"] as { strategy: { fuzzy_sets: object } })
    .strategy;
  const hashWith = (fuzzySets: object) =>
    specificationHash(
      operationSpec.parse({
        ...SPECIFICATIONS["a training run"],
        strategy: { ...strategy, fuzzy_sets: { ...sets, pace: fuzzySets } },
      }),
    );

  it("is another one when memberships change places, and not when the indicator does", () => {
    const [slow, fast] = [{ slow: [-1, 0, 1] }, { fast: [0, 1, 2] }];
    const indicator = { indicator: "speed" };
    const hash = specificationHash(parsed("a training run"));
    expect(hashWith({ ...indicator, ...slow, ...fast })).toBe(hash);
    expect(hashWith({ ...slow, ...indicator, ...fast })).toBe(hash);
    expect(hashWith({ ...indicator, ...fast, ...slow })).not.toBe(hash);
  });
});

describe("the hash of a model's backtest without a specification", () => {
  it("is that of the same specification, and another one with a size of its own", () => {
    const { settings, ...spec } = parsed("a model's backtest") as Extract<OperationSpec, { kind: "model_backtest" }>;
    const { symbol, startMs, endMs } = spec.data[0];
    const choice = { modelSha256: spec.model.sha256, symbol, startMs, endMs, settings };
    expect(modelBacktestHash(choice)).toBe(specificationHash({ ...spec, settings }));
    expect(modelBacktestHash({ ...choice, sizeFraction: 0.5 })).not.toBe(modelBacktestHash(choice));
  });
});
