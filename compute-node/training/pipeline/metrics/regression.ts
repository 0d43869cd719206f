/** Measures a predicted return beside answers that need no network. */

export interface RegressionMetrics {
  readonly rows: number;
  readonly meanAbsoluteError: number;
  readonly rootMeanSquareError: number;
  /** 1 - Σ(y - ŷ)² / Σ(y - mean y)²; 0 where the targets do not vary. */
  readonly r2: number;
  /** Share of rows whose sign (up, down, none) is right. */
  readonly signAccuracy: number;
  /** Near zero where a network answers the same everywhere. */
  readonly predictionDeviation: number;
  readonly predictionMean: number;
  readonly baselines: {
    /** Mean absolute error of always answering the training rows' mean. */
    readonly mean: number;
    /** The error of answering the newest return known at the time; null when none ever is. */
    readonly persistence: number | null;
    /** Share of rows that the commonest sign of these rows gets right. */
    readonly majoritySign: number;
  };
}

interface PredictedRows {
  readonly predicted: Float32Array;
  readonly actual: Float32Array;
  /** Mean target of the training rows. */
  readonly trainingMean: number;
  /** For each row the newest target that was known then, or NaN. */
  readonly known: Float32Array;
}

/** Throws nothing: no rows give zeros. */
export function regressionMetrics({ predicted, actual, trainingMean, known }: PredictedRows): RegressionMetrics {
  const rows = actual.length;
  const count = Math.max(1, rows);
  const [mean, predictionMean] = [meanOf(actual), meanOf(predicted)];
  const signs = { "-1": 0, "0": 0, "1": 0 };
  const sums = { absolute: 0, squares: 0, spread: 0, predicted: 0, signs: 0, ofMean: 0, ofKnown: 0, known: 0 };
  for (let row = 0; row < rows; row++) {
    const error = predicted[row] - actual[row];
    sums.absolute += Math.abs(error);
    sums.squares += error * error;
    sums.spread += (actual[row] - mean) ** 2;
    sums.predicted += (predicted[row] - predictionMean) ** 2;
    if (Math.sign(predicted[row]) === Math.sign(actual[row])) sums.signs++;
    signs[String(Math.sign(actual[row]) + 0) as keyof typeof signs]++;
    sums.ofMean += Math.abs(actual[row] - trainingMean);
    if (Number.isNaN(known[row])) continue;
    sums.known++;
    sums.ofKnown += Math.abs(actual[row] - known[row]);
  }
  return {
    rows,
    meanAbsoluteError: sums.absolute / count,
    rootMeanSquareError: Math.sqrt(sums.squares / count),
    r2: sums.spread === 0 ? 0 : 1 - sums.squares / sums.spread,
    signAccuracy: sums.signs / count,
    predictionDeviation: Math.sqrt(sums.predicted / Math.max(1, rows - 1)),
    predictionMean,
    baselines: {
      mean: sums.ofMean / count,
      persistence: sums.known === 0 ? null : sums.ofKnown / sums.known,
      majoritySign: Math.max(...Object.values(signs)) / count,
    },
  };
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (let row = 0; row < values.length; row++) sum += values[row];
  return sum / Math.max(1, values.length);
}
