/**
 * Names that cross a wire. Each is checked once, at the border, so that nothing that a caller
 * sends can become a path, a shell word or a header.
 */
import { z } from "zod";

/** Names a compute node; its host name by default. */
export const workerId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit",
  );

/** `op_` and a sortable random part, made by the registry. */
export const operationId = z.string().regex(/^op_[0-9a-z]{20}$/, "an operation id, such as op_01jd3x0c5k8m2q4r6t8v");

/** Lower-case hexadecimal SHA-256 of some bytes. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");

/** A market symbol, such as `AAPL`, `BTC-USD` or `ES.c.0`. */
export const symbol = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._=^-]{0,31}$/,
    "1 to 32 letters, digits, '.', '_', '=', '^' or '-', starting with a letter or digit",
  );

/** A bar length: a count and a unit, such as `1m`, `5m`, `1h`, `1d`, `1w` or `1mo`. */
export const timeframe = z
  .string()
  .regex(/^[1-9][0-9]{0,3}(s|m|h|d|w|mo)$/, "a count and a unit (s, m, h, d, w, mo), such as 5m or 1d");

/** A workspace: the unit of isolation, one registry object each. */
export const workspace = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,38}$/, "1 to 39 lower-case letters, digits or '-', starting with a letter or digit");

/** Integer milliseconds since 1970-01-01T00:00:00Z. */
export const timestampMs = z.int().min(0);
