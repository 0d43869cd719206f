/** Defines the result of a label source. */
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
  /** Uniqueness of each label (mean 1), when labels overlap and the configuration asks for it. */
  readonly weights: Float32Array | null;
}
