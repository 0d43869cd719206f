/** Measures a classifier beside answers that need no network. */

interface ClassMetrics {
  readonly name: string;
  /** The share of right answers among rows that were given this class; 0 without such rows. */
  readonly precision: number;
  /** The share of right answers among rows of this class; 0 without such rows. */
  readonly recall: number;
  /** Harmonic mean of the two. */
  readonly f1: number;
  /** Rows that are this class, and rows that were called so. */
  readonly rows: number;
  readonly predicted: number;
}

interface CalibrationBin {
  /** Confidences from `from` (inclusive) up to the next bin's. */
  readonly from: number;
  readonly rows: number;
  readonly meanConfidence: number;
  readonly accuracy: number;
}

interface Calibration {
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error: Σ rows/n · |accuracy - confidence| (Guo et al. 2017, eq. 3). */
  readonly expectedError: number;
  /** Mean over the rows of Σ over the classes of (probability - truth)² (Brier 1950). */
  readonly brier: number;
}

export interface ClassificationMetrics {
  readonly rows: number;
  readonly accuracy: number;
  /** Mean cross entropy, without class weights. */
  readonly loss: number;
  /** [actual][predicted]. */
  readonly confusion: readonly (readonly number[])[];
  readonly classes: readonly ClassMetrics[];
  /** Weighted by the rows of each class. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Mean over the classes that occur, each the same. */
  readonly macroF1: number;
  readonly baselines: {
    /** The accuracy of always answering the commonest class of the training rows. */
    readonly majority: { readonly name: string; readonly accuracy: number };
    /** The accuracy of answering the newest label known at the time; null when none ever is. */
    readonly persistence: number | null;
  };
  readonly calibration: Calibration;
}

interface ClassifiedRows {
  /** [row, class]: raw logits. */
  readonly logits: Float32Array;
  readonly actual: Uint8Array;
  readonly classNames: readonly string[];
  /** Rows of each class in the training part. */
  readonly trainingCounts: readonly number[];
  /** For each row the newest label that was known then, or NaN. */
  readonly known: Float32Array;
}

const BINS = 10;

/** Throws nothing: no rows give zeros. */
export function classificationMetrics(given: ClassifiedRows): ClassificationMetrics {
  const { logits, actual, classNames, trainingCounts, known } = given;
  const width = classNames.length;
  const rows = actual.length;
  const confusion = classNames.map(() => classNames.map(() => 0));
  const bins = Array.from({ length: BINS }, () => ({ rows: 0, confidence: 0, correct: 0 }));
  const probabilities = new Float64Array(width);
  let loss = 0;
  let brier = 0;
  for (let row = 0; row < rows; row++) {
    const predicted = softmax(logits, row * width, probabilities);
    const truth = actual[row];
    confusion[truth][predicted]++;
    loss -= Math.log(Math.max(probabilities[truth], Number.MIN_VALUE));
    for (let k = 0; k < width; k++) brier += (probabilities[k] - (k === truth ? 1 : 0)) ** 2;
    const bin = bins[Math.min(BINS - 1, Math.floor(probabilities[predicted] * BINS))];
    bin.rows++;
    bin.confidence += probabilities[predicted];
    if (predicted === truth) bin.correct++;
  }
  const classes = classNames.map((name, k) => classMetrics(name, k, confusion));
  const weighted = (of: (entry: ClassMetrics) => number) =>
    share(
      classes.reduce((sum, entry) => sum + of(entry) * entry.rows, 0),
      rows,
    );
  const occurring = classes.filter((entry) => entry.rows > 0);
  return {
    rows,
    accuracy: share(sumOf(confusion.map((line, k) => line[k])), rows),
    loss: share(loss, rows),
    confusion,
    classes,
    precision: weighted(({ precision }) => precision),
    recall: weighted(({ recall }) => recall),
    f1: weighted(({ f1 }) => f1),
    macroF1: share(sumOf(occurring.map(({ f1 }) => f1)), occurring.length),
    baselines: baselines(actual, known, classNames, trainingCounts),
    calibration: calibrationOf(bins, rows, share(brier, rows)),
  };
}

/** Fills `probabilities` and returns the likeliest class, the first one on a tie. */
function softmax(logits: Float32Array, offset: number, probabilities: Float64Array): number {
  let best = 0;
  for (let k = 1; k < probabilities.length; k++) if (logits[offset + k] > logits[offset + best]) best = k;
  let sum = 0;
  for (let k = 0; k < probabilities.length; k++) {
    probabilities[k] = Math.exp(logits[offset + k] - logits[offset + best]);
    sum += probabilities[k];
  }
  for (let k = 0; k < probabilities.length; k++) probabilities[k] /= sum;
  return best;
}

function classMetrics(name: string, k: number, confusion: readonly (readonly number[])[]): ClassMetrics {
  const rows = sumOf(confusion[k]);
  const predicted = sumOf(confusion.map((line) => line[k]));
  const right = confusion[k][k];
  const precision = share(right, predicted);
  const recall = share(right, rows);
  return { name, precision, recall, f1: share(2 * precision * recall, precision + recall), rows, predicted };
}

function baselines(
  actual: Uint8Array,
  known: Float32Array,
  classNames: readonly string[],
  trainingCounts: readonly number[],
): ClassificationMetrics["baselines"] {
  const majority = trainingCounts.indexOf(Math.max(...trainingCounts));
  let ofMajority = 0;
  let answered = 0;
  let persisted = 0;
  for (let row = 0; row < actual.length; row++) {
    if (actual[row] === majority) ofMajority++;
    if (!Number.isNaN(known[row])) answered++;
    if (actual[row] === known[row]) persisted++;
  }
  return {
    majority: { name: classNames[majority], accuracy: share(ofMajority, actual.length) },
    persistence: answered === 0 ? null : persisted / answered,
  };
}

function calibrationOf(
  bins: readonly { rows: number; confidence: number; correct: number }[],
  rows: number,
  brier: number,
): Calibration {
  const measured = bins.map((bin, k) => ({
    from: k / BINS,
    rows: bin.rows,
    meanConfidence: share(bin.confidence, bin.rows),
    accuracy: share(bin.correct, bin.rows),
  }));
  const apart = measured.map((bin) => bin.rows * Math.abs(bin.accuracy - bin.meanConfidence));
  return { bins: measured, expectedError: share(sumOf(apart), rows), brier };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
