/**
 * A fuzzy-neural strategy, version 3, as people write it in YAML. Existing files load unmodified, so unknown keys pass
 * here; `compute-node/strategy` warns of each that it does nothing. The meaning of names is checked there too.
 * Keys stay snake_case, as they stand in the file.
 */
import { z } from "zod";

export const NEURAL_TIMEFRAMES = ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"] as const;

/** An id within a strategy; it becomes a part of feature names. */
const id = z.string().min(1).max(100);

const symbolChoice = z.looseObject({
  mode: z.enum(["single", "multi_symbol"]),
  symbol: z.string().min(1).optional(),
  list: z.array(z.string().min(1)).min(1).optional(),
  /** Another spelling of `list`. */
  symbols: z.array(z.string().min(1)).min(1).optional(),
  selection_criteria: z.record(z.string(), z.unknown()).optional(),
});

const timeframeChoice = z.looseObject({
  mode: z.enum(["single", "multi_timeframe"]),
  timeframe: z.string().min(1).optional(),
  list: z.array(z.string().min(1)).min(1).optional(),
  /** Another spelling of `list`. */
  timeframes: z.array(z.string().min(1)).min(1).optional(),
  base_timeframe: z.string().min(1).optional(),
});

const trainingData = z.looseObject({
  symbols: symbolChoice,
  timeframes: timeframeChoice,
  history_required: z.int().min(50).default(200),
  start_date: z.string().optional(),
  end_date: z.string().optional(),
});

const contextEntry = z.looseObject({
  provider: z.enum(["fred", "ib", "cftc_cot"]),
  alignment: z.string().default("forward_fill"),
  symbol: z.string().optional(),
  timeframe: z.string().optional(),
  instrument_type: z.string().optional(),
  series: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  frequency: z.string().optional(),
  report: z.string().optional(),
  currencies: z.array(z.string()).optional(),
  min_impact: z.string().optional(),
  broker: z.string().optional(),
});

const deployment = z.looseObject({
  target_symbols: z.looseObject({
    mode: z.enum(["universal", "group_restricted", "training_only"]),
    restrictions: z.record(z.string(), z.unknown()).nullish(),
  }),
  target_timeframes: z.looseObject({
    mode: z.enum(["single", "multi_timeframe"]),
    timeframe: z.string().optional(),
    supported: z.array(z.string()).optional(),
  }),
});

/** `type` names the indicator; the other keys are its parameters, `source`, and `data_source` for a context series. */
const indicator = z.looseObject({ type: z.string().min(1), data_source: z.string().optional() });

/** A bare list is short for a triangle. */
const membership = z.union([
  z.array(z.number()).min(1),
  z.looseObject({ type: z.string().min(1), parameters: z.array(z.number()) }),
]);

/** `indicator` is an id, or `id.output`; every other key is a membership, in the order of the features. */
const fuzzySet = z.object({ indicator: z.string().min(1) }).catchall(membership);

const input = z.looseObject({
  fuzzy_set: z.string().min(1).optional(),
  raw_indicator: z.string().min(1).optional(),
  /** `all`, or a list. */
  timeframes: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** Only with `raw_indicator`. */
  normalization: z.enum(["minmax", "zscore", "none"]).optional(),
});

const section = z.record(z.string(), z.unknown());

export const neuralStrategy = z.looseObject({
  kind: z.literal("neural").default("neural"),
  name: z.string().min(1).max(100),
  description: z.string().max(20_000).nullish(),
  /** A text such as "3.0"; a number is accepted with a warning. */
  version: z.union([z.string(), z.number()]).default("3.0"),
  training_data: trainingData,
  context_data: z.array(contextEntry).nullish(),
  deployment: deployment.nullish(),
  indicators: z.record(id, indicator),
  fuzzy_sets: z.record(id, fuzzySet),
  nn_inputs: z.array(input).min(1),
  model: section,
  decisions: section,
  training: section,
});

export type NeuralStrategy = z.infer<typeof neuralStrategy>;
export type NeuralIndicator = z.infer<typeof indicator>;
export type NeuralInput = z.infer<typeof input>;
