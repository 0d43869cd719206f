/**
 * A strategy in TypeScript or JavaScript on its way to a node: one bundled CommonJS module as text, which exports the
 * strategy as `default`. `ktrdr backtest my-strategy.ts` makes it; callers of the API may write it by hand.
 * Nodes run it only where their operator allowed scripts.
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";

export const scriptStrategy = z.strictObject({
  kind: z.literal("script"),
  name: z.string().min(1).max(100),
  description: z.string().max(4000).optional(),
  source: z
    .string()
    .min(1)
    .max(LIMITS.operationSpecBytes, `a bundle of at most ${LIMITS.operationSpecBytes} characters`),
  /** A source map (version 3, JSON) by which errors name the author's lines. It is not part of the hash. */
  sourceMap: z.string().max(LIMITS.operationSpecBytes).optional(),
});

export type ScriptSource = z.infer<typeof scriptStrategy>;
