/** `training.labels` of a strategy, checked and with the standard values filled in; a model keeps it. */
import { z } from "zod";
import { Problem } from "../../../../protocol/problem.ts";
import type { NeuralStrategy } from "../../../../protocol/strategy-neural.ts";
import { toSnakeCase, wire } from "../../../../protocol/wire.ts";
import { suggestion } from "../../../strategy/closest-name.ts";

const bars = z.int().min(1).max(1_000_000);
const multiplier = z.number().positive();

/** Zigzag on closes: every bar of a leg has the leg's direction. */
const zigzag = z.strictObject({
  source: z.literal("zigzag"),
  /** A reversal, as a fraction of the extreme. */
  zigzagThreshold: z.number().gt(0).lt(1).default(0.02),
});

/** The return over the next `horizon` bars, as a fraction. */
const forwardReturn = z.strictObject({ source: z.literal("forward_return"), horizon: bars.default(20) });

const tripleBarrier = z.strictObject({
  source: z.literal("triple_barrier"),
  /** Distance of the upper barrier in volatilities. */
  ptMultiplier: multiplier.default(2),
  /** Distance of the lower barrier in volatilities. */
  slMultiplier: multiplier.default(1.5),
  maxHoldingPeriod: bars.default(50),
  volSpan: bars.default(50),
  /** Mean range, or the deviation of returns from close to close. */
  volMethod: z.enum(["atr", "close"]).default("atr"),
  /** Weighs labels by how little they overlap. */
  computeWeights: z.boolean().default(false),
  /** Labels only bars at which returns have added up to it; 0 or less finds one from the volatility. */
  cusumThreshold: z.number().optional(),
  cusumMultiplier: multiplier.default(0.5),
});

const context = z.strictObject({
  source: z.literal("context"),
  horizon: bars.default(5),
  bullishThreshold: z.number().default(0.005),
  bearishThreshold: z.number().default(-0.005),
});

const regime = z.strictObject({
  source: z.literal("regime"),
  /** Reversal of a macro leg, in median ranges. */
  macroAtrMult: multiplier.default(3),
  microAtrMult: multiplier.default(1),
  atrPeriod: bars.min(2).default(14),
  volLookback: bars.min(2).default(120),
  /** The volatility ahead over the one behind, from which a bar is volatile. */
  volCrisisThreshold: multiplier.default(2),
  /** The share of inner extremes that must follow the leg. */
  progressionTolerance: z.number().min(0).max(1).default(0.5),
});

export const labelConfig = z.discriminatedUnion("source", [zigzag, forwardReturn, tripleBarrier, context, regime]);
export type LabelConfig = z.infer<typeof labelConfig>;
type LabelSource = LabelConfig["source"];
export type ConfigOf<Source extends LabelSource> = Extract<LabelConfig, { source: Source }>;

export const LABEL_SOURCES: readonly LabelSource[] = labelConfig.options.map(
  (option) => option.shape.source.value as LabelSource,
);

const codec = wire(labelConfig);

/** The names in the order of a network's outputs; none for a regression. */
export function classNamesOf(source: LabelSource): readonly string[] {
  return CLASS_NAMES[source];
}

const SIGNALS = ["buy", "hold", "sell"];
const CLASS_NAMES: Readonly<Record<LabelSource, readonly string[]>> = {
  zigzag: SIGNALS,
  triple_barrier: SIGNALS,
  forward_return: [],
  context: ["bullish", "bearish", "neutral"],
  regime: ["trending_up", "trending_down", "ranging", "volatile"],
};

/**
 * Reads the strategy's labels section; keys that it leaves out have their standard values. Keys that the source does not
 * know are left out here, since `resolveNeural` warns of each. Throws a `Problem` (`invalid-strategy`) for an unknown source
 * and for values outside their range, with the valid names.
 */
export function labelConfigOf({ training }: NeuralStrategy): LabelConfig {
  const given = training.labels ?? {};
  if (typeof given !== "object" || Array.isArray(given))
    throw new Problem("invalid-strategy", `training.labels is ${JSON.stringify(given)}, not a mapping.`, {
      cure: "Write a source and its fields, such as labels: { source: zigzag, zigzag_threshold: 0.02 }.",
    });
  const { source = "zigzag", ...fields } = given as Record<string, unknown>;
  const option = labelConfig.options.find((candidate) => candidate.shape.source.value === source);
  if (option === undefined) {
    const written = String(source);
    throw new Problem("invalid-strategy", `training.labels.source: unknown labels "${written}".`, {
      cure: suggestion(written, LABEL_SOURCES, "labels"),
    });
  }
  const names = Object.keys(option.shape).map(toSnakeCase);
  const known = Object.entries(fields).filter(([key, value]) => names.includes(key) && value !== null);
  return checked({ ...Object.fromEntries(known.map(([key, value]) => [key, methodOf(key, value)])), source }, names);
}

/** Files of ktrdr (Python) name the second method as they like: all but `atr` mean it. */
function methodOf(key: string, value: unknown): unknown {
  return key === "vol_method" && typeof value === "string" && value !== "atr" ? "close" : value;
}

/** Checks a configuration in wire spelling, such as a model's. Throws a `Problem` (`invalid-strategy`). */
function checked(json: Record<string, unknown>, names: readonly string[]): LabelConfig {
  let config: LabelConfig;
  try {
    config = codec.parse(json, "training.labels");
  } catch (error) {
    const { issues } = Problem.from(error);
    const [first] = issues;
    const place = first?.path ?? "";
    throw new Problem(
      "invalid-strategy",
      `training.labels.${place} is ${JSON.stringify(json[place])}: ${first?.message ?? "it is not valid"}.`,
      {
        cure: `Correct it. Labels of ${json.source} have ${names.filter((name) => name !== "source").join(", ")}.`,
        issues: issues.map((issue) => ({ ...issue, path: `training.labels.${issue.path ?? ""}` })),
      },
    );
  }
  checkTogether(config);
  return config;
}

function checkTogether(config: LabelConfig): void {
  if (config.source === "context" && config.bearishThreshold > config.bullishThreshold)
    throw new Problem(
      "invalid-strategy",
      `training.labels: bearish_threshold ${config.bearishThreshold} is above bullish_threshold ${config.bullishThreshold}.`,
      { cure: "Make it the lower one, such as -0.005 and 0.005." },
    );
  if (config.source === "regime" && config.microAtrMult > config.macroAtrMult)
    throw new Problem(
      "invalid-strategy",
      `training.labels: micro_atr_mult ${config.microAtrMult} is above macro_atr_mult ${config.macroAtrMult}.`,
      { cure: "Make it the smaller one, such as 1 and 3." },
    );
}
