import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classificationMetrics } from "./classification.ts";
import { regressionMetrics } from "./regression.ts";

const CLASS_NAMES = ["buy", "hold", "sell"];
const none = (rows: number) => new Float32Array(rows).fill(Number.NaN);

/** Logits whose softmax is the given one. */
const logitsOf = (probabilities: readonly number[][]) => Float32Array.from(probabilities.flat(), (p) => Math.log(p));

describe("metrics of a classification", () => {
  // Six rows by hand: actual b b h s s s, predicted b h h s s b.
  const logits = logitsOf([
    [0.8, 0.1, 0.1],
    [0.3, 0.6, 0.1],
    [0.2, 0.7, 0.1],
    [0.1, 0.2, 0.7],
    [0.1, 0.2, 0.7],
    [0.5, 0.1, 0.4],
  ]);
  const actual = Uint8Array.of(0, 0, 1, 2, 2, 2);
  const known = Float32Array.of(Number.NaN, 0, 0, 1, 2, 2);
  const metrics = classificationMetrics({
    logits,
    actual,
    classNames: CLASS_NAMES,
    trainingCounts: [10, 30, 20],
    known,
  });

  it("are those worked out by hand", () => {
    expect(metrics.confusion).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [1, 0, 2],
    ]);
    expect(metrics.accuracy).toBeCloseTo(4 / 6, 12);
    const [buy, hold, sell] = metrics.classes;
    expect(buy).toEqual({ name: "buy", precision: 0.5, recall: 0.5, f1: 0.5, rows: 2, predicted: 2 });
    expect([hold.precision, hold.recall, hold.f1]).toEqual([0.5, 1, expect.closeTo(2 / 3, 12)]);
    expect([sell.precision, sell.recall, sell.f1]).toEqual([1, expect.closeTo(2 / 3, 12), expect.closeTo(0.8, 12)]);
    expect(metrics.precision).toBeCloseTo((2 * 0.5 + 0.5 + 3) / 6, 12);
    expect(metrics.macroF1).toBeCloseTo((0.5 + 2 / 3 + 0.8) / 3, 12);
    const truth = [0.8, 0.3, 0.7, 0.7, 0.7, 0.4];
    expect(metrics.loss).toBeCloseTo(-truth.reduce((sum, p) => sum + Math.log(p), 0) / 6, 6);
  });

  it("have baselines that need no network", () => {
    expect(metrics.baselines.majority).toEqual({ name: "hold", accuracy: expect.closeTo(1 / 6, 12) });
    expect(metrics.baselines.persistence).toBeCloseTo(3 / 5, 12);
  });

  it("say how far confidence is from accuracy", () => {
    const { bins, expectedError, brier } = metrics.calibration;
    expect(bins.map(({ rows }) => rows)).toEqual([0, 0, 0, 0, 0, 1, 1, 3, 1, 0]);
    expect(bins[7]).toEqual({ from: 0.7, rows: 3, meanConfidence: expect.closeTo(0.7, 6), accuracy: 1 });
    expect(expectedError).toBeCloseTo((0.5 + 0.6 + 3 * 0.3 + 0.2) / 6, 6);
    expect(brier).toBeCloseTo((0.06 + 0.86 + 0.14 + 3 * 0 + 0.14 + 0.14 + (0.25 + 0.01 + 0.36)) / 6, 6);
  });

  it("for a perfect and sure network are perfect", () => {
    fc.assert(
      fc.property(fc.uint8Array({ min: 0, max: 2, minLength: 1, maxLength: 50 }), (classes) => {
        const sure = Float32Array.from({ length: 3 * classes.length }, (_, at) =>
          classes[Math.floor(at / 3)] === at % 3 ? 50 : 0,
        );
        const perfect = classificationMetrics({
          logits: sure,
          actual: classes,
          classNames: CLASS_NAMES,
          trainingCounts: [1, 1, 1],
          known: none(classes.length),
        });
        expect([perfect.accuracy, perfect.f1, perfect.macroF1]).toEqual([1, 1, 1]);
        expect(perfect.calibration.expectedError).toBeCloseTo(0, 10);
        expect(perfect.baselines.persistence).toBeNull();
      }),
    );
  });

  it("over no rows are zeros, not NaN", () => {
    const empty = { logits: new Float32Array(), actual: new Uint8Array(), known: none(0) };
    const zeros = classificationMetrics({ ...empty, classNames: CLASS_NAMES, trainingCounts: [0, 0, 0] });
    expect(JSON.stringify(zeros)).not.toMatch(/null,|NaN/);
    expect([zeros.accuracy, zeros.loss, zeros.f1]).toEqual([0, 0, 0]);
  });
});

describe("metrics of a regression", () => {
  it("are those worked out by hand", () => {
    const metrics = regressionMetrics({
      predicted: Float32Array.of(1, -1, 2, 0),
      actual: Float32Array.of(2, -2, -1, 0),
      trainingMean: 0.5,
      known: Float32Array.of(Number.NaN, 2, -2, -1),
    });
    expect(metrics).toEqual({
      rows: 4,
      meanAbsoluteError: 1.25,
      rootMeanSquareError: expect.closeTo(Math.sqrt(11 / 4), 12),
      r2: expect.closeTo(1 - 11 / (9 - 1 / 4), 12),
      signAccuracy: 0.75,
      predictionDeviation: expect.closeTo(Math.sqrt((0.25 + 2.25 + 2.25 + 0.25) / 3), 12),
      predictionMean: 0.5,
      baselines: { mean: (1.5 + 2.5 + 1.5 + 0.5) / 4, persistence: 2, majoritySign: 0.5 },
    });
  });

  it("give the mean an r2 of 0 and the truth one of 1", () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 2, maxLength: 40, noNaN: true, min: -1, max: 1 }), (actual) => {
        const mean = actual.reduce((sum, value) => sum + value, 0) / actual.length;
        const of = (predicted: Float32Array) =>
          regressionMetrics({ predicted, actual, trainingMean: mean, known: none(actual.length) });
        fc.pre(actual.some((value) => Math.abs(value - actual[0]) > 1e-3));
        expect(of(actual).r2).toBe(1);
        expect(of(actual).signAccuracy).toBe(1);
        expect(of(new Float32Array(actual.length).fill(mean)).r2).toBeCloseTo(0, 5);
      }),
    );
  });
});
