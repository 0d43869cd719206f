/**
 * A strategy in TypeScript or JavaScript on its way to a node: one bundled CommonJS module as text, which exports the
 * strategy as `default`. `ktrdr backtest my-strategy.ts` makes it; callers of the API may write it by hand.
 * Nodes run it only where their operator allowed scripts.
 */
import { z } from "zod";
import { byteLength } from "./byte-length.ts";
import { LIMITS } from "./limits.ts";

/** Longer texts are refused before their bytes are counted. */
function fitsSpec(text: string): boolean {
  return text.length <= LIMITS.operationSpecBytes && byteLength(text) <= LIMITS.operationSpecBytes;
}

export const scriptStrategy = z.strictObject({
  kind: z.literal("script"),
  name: z.string().min(1).max(100),
  description: z.string().max(4000).optional(),
  source: z.string().min(1).refine(fitsSpec, `a bundle of at most ${LIMITS.operationSpecBytes} bytes`),
  /** A source map (version 3, JSON) by which errors name the author's lines. It is not part of the hash. */
  sourceMap: z.string().refine(fitsSpec, `a source map of at most ${LIMITS.operationSpecBytes} bytes`).optional(),
});

export type ScriptSource = z.infer<typeof scriptStrategy>;
