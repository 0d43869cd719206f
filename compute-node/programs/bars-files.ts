/** Bars as files for programs of any language. */
import { writeParquet } from "../../results/index.ts";
import type { BarColumns } from "../market-data/index.ts";

const MAGIC = "\x93NUMPY\x01\x00";
/** The header's length, magic and all: `.npy` wants a multiple of 64. */
const HEADER_BYTES = 128;
const COLUMN_COUNT = 6;

/** Columns `timestamp` (milliseconds, UTC), `open`, `high`, `low`, `close` and `volume`. */
export function parquetOfBars(bars: BarColumns): Uint8Array {
  const double = (values: Float64Array) => ({ type: "double" as const, values });
  return writeParquet({
    timestamp: { type: "time", values: bars.timeMs },
    open: double(bars.open),
    high: double(bars.high),
    low: double(bars.low),
    close: double(bars.close),
    volume: double(bars.volume),
  });
}

/**
 * A float64 array [bar, column] with the same columns, which `numpy.load` opens: format version 1.0 as in
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. It is in Fortran order, column after column.
 */
export function npyOfBars(bars: BarColumns): Uint8Array {
  const { rows, timeMs, open, high, low, close, volume } = bars;
  const shape = `{'descr': '<f8', 'fortran_order': True, 'shape': (${rows}, ${COLUMN_COUNT}), }`;
  const bytes = Buffer.alloc(HEADER_BYTES + rows * COLUMN_COUNT * Float64Array.BYTES_PER_ELEMENT);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt16LE(HEADER_BYTES - MAGIC.length - 2, MAGIC.length);
  bytes.write(`${shape.padEnd(HEADER_BYTES - MAGIC.length - 3)}\n`, MAGIC.length + 2, "latin1");
  let at = HEADER_BYTES;
  for (const { buffer, byteOffset, byteLength } of [timeMs, open, high, low, close, volume]) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}
