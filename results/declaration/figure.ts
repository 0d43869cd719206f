/** Figures of a result, each declared once: its schema, how it is written and what it says. */
import { z } from "zod";
import { statistic, timestampMs } from "../../protocol/index.ts";

/** Units of a figure, which decide its digits; `money` is in the account's currency, and lengths are milliseconds. */
export type FigureUnit = "percent" | "money" | "ratio" | "bars" | "count" | "duration" | "date";

/** The label and the format of a figure. */
export interface FigureForm {
  readonly label: string;
  readonly unit: FigureUnit;
  /** True for a figure that is good above zero and bad below it; reports colour it. */
  readonly signed?: true;
  /** Explains the figure where the label alone does not. */
  readonly hint?: string;
}

/** `number` may be undefined or infinite; `whole` and `time` (milliseconds since 1970) always have a value. */
export type FigureType = "number" | "whole" | "time";

export interface Figure<Key extends string = string, Type extends FigureType = FigureType> extends FigureForm {
  /** Its key in code, and in snake case in JSON. */
  readonly key: Key;
  readonly type: Type;
  /** Its place among the rows of its table in reports. */
  readonly row: number;
  /** Its formula in words, for the page about results; absent where the label says all. */
  readonly formula: string;
}

/** Null is undefined. A result that is older than a figure reads as if the figure were undefined. */
const number = statistic.default(null);
const SCHEMAS = { number, whole: z.int(), time: timestampMs } as const;

export type FigureShape<Figures extends readonly Figure[]> = {
  readonly [F in Figures[number] as F["key"]]: (typeof SCHEMAS)[F["type"]];
};

export function figureShape<const Figures extends readonly Figure[]>(figures: Figures): FigureShape<Figures> {
  return Object.fromEntries(figures.map(({ key, type }) => [key, SCHEMAS[type]])) as FigureShape<Figures>;
}

type Rest = Pick<Figure, "row" | "hint" | "signed"> & { readonly formula?: string };

/** A figure that may be undefined. */
export function figure<const Key extends string>(
  key: Key,
  label: string,
  unit: FigureUnit,
  rest: Rest,
): Figure<Key, "number"> {
  return { key, label, unit, type: "number", formula: "", ...rest };
}

/** A figure that always has a whole value. */
export function count<const Key extends string>(key: Key, label: string, rest: Rest): Figure<Key, "whole"> {
  return { key, label, unit: "count", type: "whole", formula: "", ...rest };
}

/** In the order in which they are read. */
export function byRow<F extends Figure>(figures: readonly F[]): F[] {
  return figures.toSorted((left, right) => left.row - right.row);
}
