/** Converts rows and lists to Parquet and back, by the columns that a table declares. */
import type { Problem } from "../../protocol/index.ts";
import type { Column } from "../declaration/index.ts";
import { listOf } from "./column-values.ts";
import { type ParquetColumn, readParquet, writeParquet } from "./parquet-table.ts";

type Cell = number | string | null;
type Rows<Key extends string> = readonly Readonly<Record<Key, Cell>>[];

/** A row a record; null is NaN. */
export function encodeRows<Key extends string>(columns: readonly Column<Key>[], rows: Rows<Key>): Uint8Array {
  const table = columns.map(({ name, key, type }): [string, ParquetColumn] => {
    if (type === "text") return [name, { type, values: rows.map((row) => String(row[key])) }];
    // Plain loops, since `from` with a function takes ten times as long.
    if (type === "int") return [name, { type, values: filled(new Int32Array(rows.length), rows, key) }];
    return [name, { type, values: filled(new Float64Array(rows.length), rows, key) }];
  });
  return writeParquet(Object.fromEntries(table));
}

function filled<Values extends Float64Array | Int32Array, Key extends string>(
  values: Values,
  rows: Rows<Key>,
  key: Key,
): Values {
  for (let index = 0; index < rows.length; index++) {
    const cell = rows[index][key];
    values[index] = typeof cell === "number" ? cell : Number.NaN;
  }
  return values;
}

/** A list a column. */
export function encodeLists<Key extends string>(
  columns: readonly Column<Key>[],
  lists: Readonly<Record<Key, ArrayLike<number>>>,
): Uint8Array {
  const kept = columns.filter(({ key, isLeftOutWhenEmpty }) => !isLeftOutWhenEmpty || lists[key].length > 0);
  return writeParquet(Object.fromEntries(kept.map(({ name, key, type }) => [name, columnOf(type, lists[key])])));
}

function columnOf(type: Column["type"], values: ArrayLike<number>): ParquetColumn {
  if (type === "text") throw new TypeError("a result has no lists of texts");
  if (type === "int") return { type, values: new Int32Array(values) };
  return { type, values: values instanceof Float64Array ? values : new Float64Array(values) };
}

/** One Parquet file of an archive. */
export class TableFile {
  private readonly file: string;
  private readonly table: ReadonlyMap<string, ParquetColumn>;
  private readonly incomplete: (what: string) => Problem;

  /** @param incomplete makes the error for an archive that lacks something */
  constructor(file: string, bytes: Uint8Array, incomplete: (what: string) => Problem) {
    this.file = file;
    this.table = readParquet(bytes);
    this.incomplete = incomplete;
  }

  /** Reverses `encodeLists`. Throws the error that `incomplete` makes. */
  lists<Key extends string>(columns: readonly Column<Key>[]): Record<Key, number[]> {
    return Object.fromEntries(columns.map((column) => [column.key, this.list(column)])) as Record<Key, number[]>;
  }

  /** Reverses `encodeRows`. Throws the error that `incomplete` makes, also for a text that the schema does not know. */
  rows<Key extends string>(columns: readonly Column<Key>[]): Record<Key, Cell>[] {
    const cells = columns.map((column) => (column.type === "text" ? this.texts(column) : this.numbers(column)));
    const count = cells[0].length;
    if (count === 0) return [];
    const keys = columns.map(({ key }) => key);
    const nullable = columns.map(({ isOptional }) => isOptional);
    // Copies of a parsed record are objects of one shape, which takes a quarter of the time of building each up.
    const pattern: Record<Key, Cell> = JSON.parse(JSON.stringify(Object.fromEntries(keys.map((key) => [key, 0.5]))));
    const rows = new Array<Record<Key, Cell>>(count);
    for (let index = 0; index < count; index++) {
      const row = { ...pattern };
      for (let column = 0; column < keys.length; column++) {
        const cell = cells[column][index];
        row[keys[column]] = nullable[column] && Number.isNaN(cell) ? null : cell;
      }
      rows[index] = row;
    }
    return rows;
  }

  private list(column: Column): number[] {
    if (column.isLeftOutWhenEmpty && !this.table.has(column.name)) return [];
    const values = this.numbers(column);
    return values instanceof Float64Array ? listOf(values) : Array.from(values);
  }

  private numbers({ name }: Column): Float64Array | Int32Array {
    const column = this.table.get(name);
    if (column === undefined || column.type === "text") throw this.incomplete(`${this.file} has no numbers "${name}"`);
    return column.values;
  }

  private texts({ name, schema }: Column): readonly string[] {
    const column = this.table.get(name);
    if (column?.type !== "text") throw this.incomplete(`${this.file} has no texts "${name}"`);
    const unknown = [...new Set(column.values)].find((value) => !schema.safeParse(value).success);
    if (unknown !== undefined) throw this.incomplete(`${this.file} has the ${name} "${unknown}"`);
    return column.values;
  }
}
