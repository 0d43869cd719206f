/** Labels each bar with its right answer. Labels look ahead on purpose, and say how far. */
import type { BarColumns } from "../../../market-data/bars.ts";
import type { Labels } from "./bar-labels.ts";
import { labelContext, labelForwardReturn } from "./forward-return.ts";
import type { LabelConfig } from "./label-config.ts";
import { labelRegime } from "./regime.ts";
import { labelTripleBarrier } from "./triple-barrier.ts";
import { labelZigzag } from "./zigzag.ts";

/**
 * Labels of one symbol's bars, in O(n log n) at most. Throws a `Problem` (`invalid-data`) for fewer bars than the
 * labels look back and ahead, and for prices that a return cannot be taken of.
 */
export function labelBars(config: LabelConfig, bars: BarColumns): Labels {
  switch (config.source) {
    case "zigzag":
      return labelZigzag(bars, config);
    case "forward_return":
      return labelForwardReturn(bars, config);
    case "triple_barrier":
      return labelTripleBarrier(bars, config);
    case "context":
      return labelContext(bars, config);
    case "regime":
      return labelRegime(bars, config);
  }
}
