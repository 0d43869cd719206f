/** Facts about the columns of a training set, over its training rows. */
import type { NeuralFeature } from "../../strategy/index.ts";
import type { TrainingSet } from "../network.ts";

interface FeatureFacts {
  /** The value on every training row; null where it varies. */
  readonly constant: number | null;
  /** Mean magnitude, on evenly spread rows. */
  readonly magnitude: number;
}

export function inspectFeatures(set: TrainingSet): FeatureFacts[] {
  const { features, inputs, training } = set;
  const sample = sampleOf(training, COMPARED_ROWS);
  return Array.from({ length: inputs }, (_, k) => {
    const sum = sample.reduce((total, row) => total + Math.abs(features[row * inputs + k]), 0);
    return { constant: constantOf(set, k), magnitude: sum / sample.length };
  });
}

function constantOf({ features, inputs, training }: TrainingSet, k: number): number | null {
  const first = features[training[0] * inputs + k];
  for (let index = 1; index < training.length; index++)
    if (features[training[index] * inputs + k] !== first) return null;
  return first;
}

interface DeadZone {
  /** The timeframe and name of a fuzzy set, such as `1h_momentum`. */
  readonly set: string;
  /** Share of the training rows in which none of its memberships is above zero. */
  readonly share: number;
}

/** Rows that shares are taken of: enough for a percent or two. */
const SAMPLED_ROWS = 20_000;
/** Rows that are compared: enough to tell columns apart, and quick for hundreds of columns. */
const COMPARED_ROWS = 2000;
const SAME_CORRELATION = 0.9999;

function sampleOf(rows: Uint32Array, most: number): Uint32Array {
  const step = Math.max(1, Math.ceil(rows.length / most));
  return Uint32Array.from({ length: Math.ceil(rows.length / step) }, (_, index) => rows[index * step]);
}

/** For each fuzzy set and timeframe how often it says nothing at all, on evenly spread rows. */
export function deadZones(
  features: readonly NeuralFeature[],
  { features: matrix, inputs, training }: TrainingSet,
): DeadZone[] {
  const sets = new Map<string, number[]>();
  for (const [k, { fn, fuzzySet, timeframe }] of features.entries()) {
    if (fn === null) continue;
    const name = `${timeframe}_${fuzzySet}`;
    sets.set(name, [...(sets.get(name) ?? []), k]);
  }
  const sample = sampleOf(training, SAMPLED_ROWS);
  return [...sets].map(([set, columns]) => {
    const dead = sample.filter((row) => columns.every((k) => matrix[row * inputs + k] === 0));
    return { set, share: dead.length / sample.length };
  });
}

/** Pairs [column, earlier column] of `varying` whose correlation is 1 or -1 to four digits, on a sample of the rows. */
export function findDuplicates({ features, inputs, training }: TrainingSet, varying: readonly number[]): number[][] {
  const sample = sampleOf(training, COMPARED_ROWS);
  const columns = varying.map((k) => standardised(Float64Array.from(sample, (row) => features[row * inputs + k])));
  const pairs: number[][] = [];
  for (let k = 1; k < varying.length; k++) {
    const same = columns.findIndex((other, index) => index < k && Math.abs(dot(columns[k], other)) > SAME_CORRELATION);
    if (same !== -1) pairs.push([varying[k], varying[same]]);
  }
  return pairs;
}

/** Mean 0 and length 1; zeros for a constant. */
function standardised(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const away = values.map((value) => value - mean);
  const norm = Math.sqrt(dot(away, away));
  return norm === 0 ? away.fill(0) : away.map((value) => value / norm);
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index++) sum += left[index] * right[index];
  return sum;
}
