/**
 * @file Writes a specification as one text. Requests that ask for the same have the same text, whatever the order of their
 * keys. The SHA-256 of the text names the specification in results and models.
 *
 * The text leaves out pinned hashes, which are in the hash of the data, and source maps, which only errors need. A kind's text
 * changes with a version of its own. A change without one would give two meanings to one hash.
 */
import { canonicalJson } from "./canonical-json.ts";
import {
  type BacktestSpec,
  backtestSpec,
  commandSpec,
  type DataRequest,
  type ModelBacktestSpec,
  type OperationKind,
  type OperationSpec,
  type PortfolioSpec,
  portfolioSpec,
  sleepSpec,
  type TrainSpec,
  trainSpec,
} from "./operations/index.ts";
import { wire } from "./wire.ts";

type SpecOf<Kind extends OperationKind> = Extract<OperationSpec, { kind: Kind }>;

/** The specification has its defaults filled in, as parsing leaves it. */
const TEXTS: { readonly [Kind in OperationKind]: (spec: SpecOf<Kind>) => string } = {
  backtest: ({ strategy, parameters, data, settings }) => {
    const asked = {
      kind: "backtest" as const,
      strategy: withoutLines(strategy),
      parameters,
      data: unpinned(data),
      settings,
    };
    return canonicalJson(wire(backtestSpec).encode(asked));
  },
  portfolio: (spec) => canonicalJson(wire(portfolioSpec).encode(byName(spec))),
  train: trainText,
  model_backtest: ({ model, data: [series], settings }) => {
    if (series === undefined) throw new Error("a model backtest names one series of prices");
    const { symbol, startMs, endMs } = series;
    return modelBacktestText({ modelSha256: model.sha256, symbol, startMs, endMs, settings });
  },
  command: (spec) => canonicalJson(wire(commandSpec).encode({ ...spec, data: spec.data.map(unpinned) })),
  sleep: (spec) => canonicalJson(wire(sleepSpec).encode(spec)),
};

export function specificationText<Kind extends OperationKind>(spec: SpecOf<Kind>): string {
  const textOf = TEXTS[spec.kind as Kind] as (spec: SpecOf<Kind>) => string;
  return textOf(spec);
}

/** The inputs of a model's backtest, besides its data. */
export interface ModelBacktestChoice
  extends Pick<ModelBacktestSpec, "settings">,
    Pick<DataRequest, "startMs" | "endMs"> {
  readonly modelSha256: string;
  readonly symbol: string;
  /** Fraction of the equity in each entry, where it differs from the strategy's. */
  readonly sizeFraction?: number;
}

/** Writes the text of the kind `model_backtest` for callers without a specification. Its keys are camelCase, unlike the wire's. */
export function modelBacktestText(choice: ModelBacktestChoice): string {
  const { modelSha256, symbol, startMs, endMs, settings, sizeFraction } = choice;
  return canonicalJson({ kind: "model_backtest", modelSha256, symbol, startMs, endMs, settings, sizeFraction });
}

/** Version 1 was JSON as the specification was written, so that the order of its keys counted. */
const TRAIN_TEXT_VERSION = 2;

/**
 * The order of keys counts in one place, where it decides the order of a network's inputs: memberships within a fuzzy set
 * are a list of pairs.
 */
function trainText(spec: TrainSpec): string {
  const encoded = wire(trainSpec).encode({ ...spec, data: spec.data.map(unpinned) });
  // Goes through JSON, since keys that no schema names may hold values that it cannot carry, such as NaN.
  const { strategy, ...asked } = JSON.parse(JSON.stringify(encoded)) as TrainSpec;
  const sets = Object.entries(strategy.fuzzy_sets).map(([id, { indicator, ...memberships }]) => {
    return [id, { indicator, memberships: Object.entries(memberships) }];
  });
  const ordered = { ...strategy, fuzzy_sets: Object.fromEntries(sets) };
  return canonicalJson({ ...asked, strategy: ordered, text_version: TRAIN_TEXT_VERSION });
}

function unpinned({ sha256: _pinned, ...data }: DataRequest): DataRequest {
  return data;
}

/** Comments and blank lines move the lines that errors name, and change nothing else. */
function withoutLines(strategy: BacktestSpec["strategy"]): BacktestSpec["strategy"] {
  if (strategy.kind !== "script") return strategy;
  const { sourceMap: _lines, ...code } = strategy;
  return code;
}

/** A portfolio does not depend on the order in which its symbols are named. */
function byName(spec: PortfolioSpec): PortfolioSpec {
  const sorted = <Named extends { symbol: string }>(list: readonly Named[]) =>
    list.toSorted((a, b) => (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0));
  return {
    ...spec,
    data: sorted(spec.data.map(unpinned)),
    actions: sorted(spec.actions),
    currencies: sorted(spec.currencies),
    conversions: spec.conversions.map((conversion) => ({ ...conversion, data: unpinned(conversion.data) })),
  };
}
