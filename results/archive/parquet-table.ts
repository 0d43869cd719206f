/**
 * @file Flat Parquet tables straight from typed arrays: plain encoding, no compression, one row group, one page a column.
 *
 * The values are copied as they lie in memory, about ten times faster than by encoding each (hyparquet-writer's own
 * writer takes some 100 ns a value). hyparquet-writer writes page headers and the footer. pandas, polars and DuckDB open it.
 */
import { type FileMetaData, parquetMetadata, type SchemaElement } from "hyparquet";
import { ByteWriter } from "hyparquet-writer";
import { writePageHeader } from "hyparquet-writer/src/datapage.js";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { Problem } from "../../protocol/index.ts";

/** `time`: milliseconds since the epoch, UTC; `text`: UTF-8. No value is null; an undefined number is NaN. */
export type ParquetColumn =
  | { readonly type: "double" | "time"; readonly values: Float64Array }
  | { readonly type: "int"; readonly values: Int32Array }
  | { readonly type: "text"; readonly values: readonly string[] };
type ParquetTable = Readonly<Record<string, ParquetColumn>>;

/** The number of different texts whose encoding a column remembers. */
const REPEATED_TEXTS = 64;

const MAGIC = Uint8Array.from([0x50, 0x41, 0x52, 0x31]);
const CREATED_BY = "ktrdr";
const PHYSICAL = { double: "DOUBLE", time: "INT64", int: "INT32", text: "BYTE_ARRAY" } as const;
const ANNOTATION: Partial<Record<ParquetColumn["type"], Partial<SchemaElement>>> = {
  time: {
    converted_type: "TIMESTAMP_MILLIS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MILLIS" },
  },
  text: { converted_type: "UTF8", logical_type: { type: "STRING" } },
};

/** Every column has the same length. The same table gives the same bytes. */
export function writeParquet(table: ParquetTable): Uint8Array {
  const columns = Object.entries(table);
  const rows = columns[0]?.[1].values.length ?? 0;
  const writer = new ByteWriter(columns.length * (rows * Float64Array.BYTES_PER_ELEMENT + 256) + 4096);
  writer.appendBytes(MAGIC);
  const chunks = columns.map(([name, column]) => writeColumn(writer, name, column));
  const metadata: FileMetaData = {
    version: 1,
    created_by: CREATED_BY,
    num_rows: BigInt(rows),
    schema: [
      { name: "table", num_children: columns.length },
      ...columns.map(([name, { type }]): SchemaElement => {
        return { name, type: PHYSICAL[type], repetition_type: "REQUIRED", ...ANNOTATION[type] };
      }),
    ],
    row_groups: [
      {
        columns: chunks,
        total_byte_size: chunks.reduce((sum, chunk) => sum + (chunk.meta_data?.total_uncompressed_size ?? 0n), 0n),
        num_rows: BigInt(rows),
      },
    ],
    metadata_length: 0,
  };
  writeMetadata(writer, metadata);
  writer.appendBytes(MAGIC);
  return writer.getBytes();
}

function writeColumn(
  writer: ByteWriter,
  name: string,
  column: ParquetColumn,
): FileMetaData["row_groups"][number]["columns"][number] {
  const start = writer.offset;
  const bytes = plainBytes(column);
  const count = column.values.length;
  writePageHeader(writer, {
    type: "DATA_PAGE",
    uncompressed_page_size: bytes.length,
    compressed_page_size: bytes.length,
    data_page_header: {
      num_values: count,
      encoding: "PLAIN",
      definition_level_encoding: "RLE",
      repetition_level_encoding: "RLE",
    },
  });
  writer.appendBytes(bytes);
  const size = BigInt(writer.offset - start);
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: PHYSICAL[column.type],
      encodings: ["PLAIN", "RLE"],
      path_in_schema: [name],
      codec: "UNCOMPRESSED",
      num_values: BigInt(count),
      total_uncompressed_size: size,
      total_compressed_size: size,
      data_page_offset: BigInt(start),
      // Says where the texts begin, since the page's header has no fixed length.
      ...(column.type === "text" && {
        size_statistics: { unencoded_byte_array_data_bytes: BigInt(bytes.length - count * 4) },
      }),
    },
  };
}

/** Little-endian, as Parquet wants it and as machines have it. */
function plainBytes({ type, values }: ParquetColumn): Uint8Array {
  if (type === "text") return textBytes(values);
  if (type === "time") return new Uint8Array(int64Words(values).buffer);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Whole numbers below 2^53 as pairs of words, low one first: BigInt conversion would take ten times as long. */
function int64Words(values: Float64Array): Int32Array {
  const words = new Int32Array(values.length * 2);
  for (let row = 0; row < values.length; row++) {
    const high = Math.floor(values[row] / 2 ** 32);
    words[row * 2] = values[row] - high * 2 ** 32;
    words[row * 2 + 1] = high;
  }
  return words;
}

function textBytes(values: readonly string[]): Uint8Array {
  const encoder = new TextEncoder();
  // Most columns repeat a few words.
  const known = new Map<string, Uint8Array>();
  const parts = values.map((value) => {
    let part = known.get(value);
    if (part === undefined) {
      part = encoder.encode(value);
      if (known.size < REPEATED_TEXTS) known.set(value, part);
    }
    return part;
  });
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

/** Reads a table that `writeParquet` wrote. Throws a `Problem` (`invalid-request`) for any other file. */
export function readParquet(bytes: Uint8Array): Map<string, ParquetColumn> {
  let metadata: FileMetaData;
  try {
    metadata = parquetMetadata(bytes.slice().buffer);
  } catch (cause) {
    throw new Problem("invalid-request", `These ${bytes.length} bytes are not a Parquet file.`, {
      cure: "Fetch the artefact again and check its SHA-256.",
      cause,
    });
  }
  const [group] = metadata.row_groups;
  if (metadata.created_by !== CREATED_BY || group === undefined) {
    throw new Problem("invalid-request", `This Parquet file was written by ${metadata.created_by}, not by ktrdr.`, {
      cure: "Give a result as ktrdr wrote it.",
    });
  }
  const elements = metadata.schema.slice(1);
  return new Map(
    group.columns.map((chunk, index) => {
      const { name, type } = elements[index];
      const start = Number(chunk.meta_data?.data_page_offset ?? 0n);
      const end = start + Number(chunk.meta_data?.total_compressed_size ?? 0n);
      const textBytes = Number(chunk.meta_data?.size_statistics?.unencoded_byte_array_data_bytes ?? 0n);
      return [name, readColumn(bytes.subarray(start, end), type, Number(group.num_rows), textBytes)];
    }),
  );
}

/** Finds the values at the end of a chunk. */
function readColumn(chunk: Uint8Array, type: SchemaElement["type"], rows: number, textBytes: number): ParquetColumn {
  const tail = (width: number) => chunk.slice(chunk.length - rows * width).buffer;
  switch (type) {
    case "DOUBLE":
      return { type: "double", values: new Float64Array(tail(8)) };
    case "INT32":
      return { type: "int", values: new Int32Array(tail(4)) };
    case "INT64": {
      const words = new Int32Array(tail(8));
      const time = (_: unknown, row: number) => words[row * 2 + 1] * 2 ** 32 + (words[row * 2] >>> 0);
      return { type: "time", values: Float64Array.from({ length: rows }, time) };
    }
    default:
      return { type: "text", values: readTexts(chunk.subarray(chunk.length - textBytes - rows * 4), rows) };
  }
}

function readTexts(bytes: Uint8Array, rows: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  let at = 0;
  return Array.from({ length: rows }, () => {
    const end = at + 4 + view.getUint32(at, true);
    const text = decoder.decode(bytes.subarray(at + 4, end));
    at = end;
    return text;
  });
}
