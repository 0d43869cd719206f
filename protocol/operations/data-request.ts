/** Requests of operations for market data. */
import { z } from "zod";
import { sha256, symbol, timeframe, timestampMs } from "../identifiers.ts";

/** Selects prices by name on any node, or pinned to bytes by `sha256`. */
export const dataRequest = z.strictObject({
  symbol,
  timeframe,
  sha256: sha256.optional(),
  /** Inclusive. */
  startMs: timestampMs.optional(),
  /** Inclusive. */
  endMs: timestampMs.optional(),
});
export type DataRequest = z.infer<typeof dataRequest>;

/** Symbols of one specification; its bytes have a limit of their own. */
export const MAX_REQUESTED_SYMBOLS = 200;
