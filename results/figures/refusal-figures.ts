/** Entries that became no position, by reason. */
import { z } from "zod";
import { count, figureShape } from "../declaration/index.ts";

export const REFUSAL_FIGURES = [
  count("noCash", "No cash", {
    row: 1,
    formula: "the free equity did not pay for the smallest tradable amount",
  }),
  count("belowLot", "Below a unit or lot", { row: 2, formula: "less than a unit or lot was asked for" }),
  count("margin", "Margin", { row: 3, formula: "what is held, or the margin, leaves too little free" }),
  count("pyramiding", "Pyramiding limit", {
    row: 4,
    formula: "as many entries as the strategy allows were held",
  }),
  count("noSize", "No size", {
    row: 5,
    formula: "the price was 0, or the volatility that decides the size not known yet",
  }),
] as const;

/** Older results have no `noSize`. */
export const refusalCounts = z.strictObject({ ...figureShape(REFUSAL_FIGURES), noSize: z.int().default(0) });
