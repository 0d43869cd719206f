/** Indicators whose values are worked out by hand. */
import { defineStrategy } from "ktrdr/strategy";

export default defineStrategy({
  indicators: () => ({
    fisher: ["fisher", { period: 2 }],
    cmo: ["cmo", { period: 5, sums: 1 }],
  }),
  onBar() {},
});
