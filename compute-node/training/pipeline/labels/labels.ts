/** What each bar should have been answered with: labels look ahead on purpose, and say how far. */
import type { BarColumns } from "../../../market-data/bars.ts";
import { labelContext, labelForwardReturn } from "./forward-return.ts";
import type { LabelConfig } from "./label-config.ts";
import { labelRegime } from "./regime.ts";
import { labelTripleBarrier } from "./triple-barrier.ts";
import { labelZigzag } from "./zigzag.ts";

export interface Labels {
  /** In the order of the network's outputs; empty for a regression. */
  readonly classNames: readonly string[];
  /** One for each bar: the index of a class, or a regression's target. NaN where a bar has no label. */
  readonly values: Float32Array;
  /**
   * The bar at whose close the label of a bar is known: no later bar changes it. The number of bars where the data ends
   * before that: such a label may still change, and nothing should learn from it.
   */
  readonly settledAt: Int32Array;
  /** How much of its own each label says (mean 1), where labels overlap and the configuration asks for it. */
  readonly weights: Float32Array | null;
}

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
