/** The declaration of an indicator. Validation, documentation and lists are made only from it. */

/** The price columns of `BarColumns` that an indicator may read, and that `source:` and conditions may name. */
export type PriceColumn = "open" | "high" | "low" | "close" | "volume";
export const PRICE_COLUMNS: readonly PriceColumn[] = ["open", "high", "low", "close", "volume"];

/** The columns that an indicator may read: prices, and for those that know days, the start of each bar. */
export type InputColumn = PriceColumn | "timeMs";
export const INPUT_COLUMNS: readonly InputColumn[] = [...PRICE_COLUMNS, "timeMs"];

export type IndicatorParameters = Readonly<Record<string, number>>;

/**
 * The arithmetic of an indicator. `inputs` and `outputs` all have one length, and every input value is finite.
 * Output k is written from its `firstIndex` to the end; earlier values stay as they are (NaN, by the caller), or are
 * written as NaN. The value at index i depends only on inputs 0..i. Parameters were checked. Works for any length.
 */
export type IndicatorKernel = (
  inputs: readonly Float64Array[],
  parameters: IndicatorParameters,
  outputs: readonly Float64Array[],
) => void;

/** One bar: reads `inputs[k][index]` and writes `outputs[k][index]`; keeps its own state. */
export type IndicatorStep = (inputs: readonly Float64Array[], index: number, outputs: readonly Float64Array[]) => void;

export interface IndicatorParameter {
  readonly name: string;
  readonly default: number;
  /** Inclusive. */
  readonly min: number;
  /** Inclusive. */
  readonly max: number;
  readonly integer: boolean;
  readonly description: string;
  /** Written as one of these, and handed to the kernel as its index: `adjust: true`, `ma_type: SMA`. */
  readonly choices?: readonly (string | boolean)[];
  /** The reason why it is accepted and does nothing. */
  readonly ignored?: string;
}

export interface IndicatorOutput {
  readonly name: string;
  readonly description: string;
  /** The index of the first defined value, on inputs that are defined from index 0. */
  firstIndex(parameters: IndicatorParameters): number;
}

/** The power of a factor on all prices, and on all volumes, by which an output grows with it. */
export interface Scale {
  readonly price: number;
  readonly volume: number;
}

export interface IndicatorDeclaration {
  /** As it is written under `type:`. */
  readonly name: string;
  /** Other spellings of `type:`; case and underscores never matter. */
  readonly aliases: readonly string[];
  readonly title: string;
  readonly parameters: readonly IndicatorParameter[];
  /** The columns that it reads, in the order in which the kernel takes them. */
  readonly inputs: readonly InputColumn[];
  /** `source:` may name another column or indicator instead of its first input. */
  readonly takesSource: boolean;
  readonly outputs: readonly IndicatorOutput[];
  /**
   * One for all outputs, or one for each, with the columns that are read where `source` names no other. Null for an output
   * whose meaning depends on the unit of prices. Factors that are powers of two change no other bit.
   */
  readonly scale: Scale | readonly (Scale | null)[];
  /** The computation, with its edge cases. */
  readonly formula: string;
  /** The source of the formula. */
  readonly origin: string;
  /** The cases in which a value after the first one is undefined; absent when there are none. */
  readonly undefinedWhere?: string;
  /** The difference from the system that neural strategies were written for, and the reason. */
  readonly deviation?: string;
  /** A rule between parameters; the fault as a sentence, or null. */
  readonly conflict?: (parameters: IndicatorParameters) => string | null;
  readonly compute: IndicatorKernel;
  /** The same arithmetic bar by bar, bit for bit, from a fresh start. */
  readonly begin: (parameters: IndicatorParameters) => IndicatorStep;
}

/** The scale of output k. */
export function scaleOf({ scale }: Pick<IndicatorDeclaration, "scale">, k: number): Scale | null {
  return "price" in scale ? scale : scale[k];
}
