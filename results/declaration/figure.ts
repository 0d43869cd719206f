/** Figures of a result, each declared once: its schema, how it is written and what it says. */
import { z } from "zod";
import { statistic, timestampMs } from "../../protocol/index.ts";

/** What a figure counts, which decides its digits; `money` is the account's, and lengths are milliseconds. */
export type FigureUnit = "percent" | "money" | "ratio" | "bars" | "count" | "duration" | "date";

/** How a figure reads. */
export interface FigureForm {
  readonly label: string;
  readonly unit: FigureUnit;
  /** Better above zero and worse below it, so worth a colour. */
  readonly signed?: true;
  /** What it is, where the label alone does not say. */
  readonly hint?: string;
}

/** `number` may be undefined or infinite; `whole` and `time` (milliseconds since 1970) always have a value. */
export type FigureType = "number" | "whole" | "time";

export interface Figure<Key extends string = string, Type extends FigureType = FigureType> extends FigureForm {
  /** In code, and in snake case in JSON. */
  readonly key: Key;
  readonly type: Type;
  /** Its place among the rows of its table in reports. */
  readonly row: number;
  /** How it is computed, for the page about results; nothing where the label says all. */
  readonly formula: string;
}

/** Null is undefined; a result from before a figure existed reads as if it were undefined there. */
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
