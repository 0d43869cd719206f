/** Columns of a result's tables, each declared once: its schema, its place in the Parquet file and its line in the page. */
import { z } from "zod";
import { timestampMs, toSnakeCase } from "../../protocol/index.ts";

/** Units of a column's numbers; `money` is in the account's currency, `price` in the symbol's. */
export type ColumnUnit = "bars" | "units" | "price" | "money" | "percent" | "fraction" | "time" | "count" | "none";

export interface Column<Key extends string = string, Schema extends z.ZodType = z.ZodType> {
  /** Its name in the Parquet file. */
  readonly name: string;
  /** Its key in code, and in snake case in JSON. */
  readonly key: Key;
  readonly type: "double" | "int" | "time" | "text";
  readonly unit: ColumnUnit;
  /** Checks a value in the form of code. */
  readonly schema: Schema;
  /** Null in code and NaN in the file, where there is none. */
  readonly isOptional: boolean;
  /** True where an empty list beside full ones becomes no column in the file. */
  readonly isLeftOutWhenEmpty: boolean;
  /** A sentence for the page about results; empty where the name says all. */
  readonly about: string;
}

/** The shape of a row: the schema of each column by its key. */
type RowShape<Columns extends readonly Column[]> = {
  readonly [C in Columns[number] as C["key"]]: C["schema"];
};

/** The shape of the same columns as lists. */
type ListShape<Columns extends readonly Column[]> = {
  readonly [C in Columns[number] as C["key"]]: z.ZodArray<C["schema"]>;
};

export function double<Key extends string>(key: Key, unit: ColumnUnit, about = ""): Column<Key, z.ZodNumber> {
  return column(key, "double", unit, z.number(), about);
}

export function optionalDouble<Key extends string>(
  key: Key,
  unit: ColumnUnit,
  about = "",
): Column<Key, z.ZodNullable<z.ZodNumber>> {
  return { ...column(key, "double", unit, z.number().nullable(), about), isOptional: true };
}

/** A list that may be empty where the others are not. */
export function leftOutWhenEmpty<C extends Column>(declared: C): C {
  return { ...declared, isLeftOutWhenEmpty: true };
}

export function int<Key extends string>(key: Key, unit: ColumnUnit, about = ""): Column<Key, z.ZodInt> {
  return column(key, "int", unit, z.int(), about);
}

/** `key` ends in `Ms`, which the column's name leaves out: Parquet has a type for times. */
export function time<Key extends `${string}Ms`>(key: Key, about = ""): Column<Key, z.ZodInt> {
  return column(key, "time", "time", timestampMs, about);
}

/** `schema` accepts texts. */
export function text<Key extends string, Schema extends z.ZodType<string>>(
  key: Key,
  schema: Schema,
  about = "",
): Column<Key, Schema> {
  return column(key, "text", "none", schema, about);
}

function column<Key extends string, Schema extends z.ZodType>(
  key: Key,
  type: Column["type"],
  unit: ColumnUnit,
  schema: Schema,
  about: string,
): Column<Key, Schema> {
  const name = toSnakeCase(type === "time" ? key.slice(0, -"Ms".length) : key);
  return { name, key, type, unit, schema, isOptional: false, isLeftOutWhenEmpty: false, about };
}

export function rowShape<const Columns extends readonly Column[]>(columns: Columns): RowShape<Columns> {
  return Object.fromEntries(columns.map(({ key, schema }) => [key, schema])) as RowShape<Columns>;
}

export function listShape<const Columns extends readonly Column[]>(columns: Columns): ListShape<Columns> {
  return Object.fromEntries(columns.map(({ key, schema }) => [key, z.array(schema)])) as ListShape<Columns>;
}
