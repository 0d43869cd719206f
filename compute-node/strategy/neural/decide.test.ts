import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BarColumns } from "../../market-data/bars.ts";
import { type DecisionSettings, decide, type Position } from "./decide.ts";
import { neuralSignals } from "./neural-signals.ts";

const HOUR = 3_600_000;
const classification: DecisionSettings = {
  outputType: "classification",
  confidenceThreshold: 0.5,
  minSignalSeparationHours: 4,
  positionAwareness: true,
  allowShortFromFlat: false,
  edge: 0.0045,
};
const regression: DecisionSettings = { ...classification, outputType: "regression" };
const BUY = [5, 0, 0];
const SELL = [0, 0, 5];

function signalOf(
  settings: DecisionSettings,
  outputs: readonly number[],
  position: Position = "flat",
  hoursSinceTrade: number | null = null,
) {
  const lastTradeMs = hoursSinceTrade === null ? null : 100 * HOUR - hoursSinceTrade * HOUR;
  return decide(settings, outputs, 0, position, 100 * HOUR, lastTradeMs);
}

describe("a decision on a classification", () => {
  it("is the most probable class with its softmax as confidence", () => {
    const { signal, confidence, reason } = signalOf(classification, [1, 0, -1]);
    expect({ signal, reason }).toEqual({ signal: "buy", reason: null });
    expect(confidence).toBeCloseTo(Math.E / (Math.E + 1 + 1 / Math.E), 15);
    expect(signalOf(classification, [0, 3, 0]).signal).toBe("hold");
  });

  it("takes the softmax also of logits that sum to one", () => {
    expect(signalOf(classification, [1, 0, 0]).confidence).toBeCloseTo(Math.E / (Math.E + 2), 15);
  });

  it("holds below the threshold, and not at it", () => {
    expect(signalOf(classification, [0.1, 0, 0]).reason).toBe("below-threshold");
    const { confidence } = signalOf(classification, BUY);
    expect(signalOf({ ...classification, confidenceThreshold: confidence }, BUY).signal).toBe("buy");
  });

  it("holds for the hours after a trade, exits included", () => {
    expect(signalOf(classification, SELL, "long", 3.99).reason).toBe("too-soon");
    expect(signalOf(classification, SELL, "long", 4).signal).toBe("sell");
    expect(signalOf({ ...classification, minSignalSeparationHours: 0 }, SELL, "long", 0).signal).toBe("sell");
  });

  it("knows the position, unless told otherwise", () => {
    expect(signalOf(classification, BUY, "long").reason).toBe("already-held");
    expect(signalOf(classification, SELL, "short").reason).toBe("already-held");
    expect(signalOf(classification, BUY, "short").signal).toBe("buy");
    expect(signalOf(classification, SELL, "flat").reason).toBe("no-short-from-flat");
    expect(signalOf({ ...classification, allowShortFromFlat: true }, SELL, "flat").signal).toBe("sell");
    expect(signalOf({ ...classification, positionAwareness: false }, BUY, "long").signal).toBe("buy");
  });

  it("holds with confidence 0 where an output is not finite", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      for (const k of [0, 1, 2])
        expect(signalOf(classification, BUY.with(k, bad))).toEqual({
          signal: "hold",
          confidence: 0,
          reason: "output-undefined",
        });
  });
});

describe("a decision on a regression", () => {
  it("follows a prediction beyond the edge, and may short from flat", () => {
    expect(signalOf(regression, [0.0046])).toEqual({ signal: "buy", confidence: 0.0046 / (3 * 0.0045), reason: null });
    expect(signalOf(regression, [0.0045]).signal).toBe("hold");
    expect(signalOf(regression, [-0.02])).toEqual({ signal: "sell", confidence: 1, reason: null });
    expect(signalOf(regression, [Number.NaN]).reason).toBe("output-undefined");
  });

  it("asks for no confidence, and for the hours and the position as ever", () => {
    expect(signalOf({ ...regression, confidenceThreshold: 1 }, [0.0046]).signal).toBe("buy");
    expect(signalOf(regression, [0.01], "flat", 1).reason).toBe("too-soon");
    expect(signalOf(regression, [0.01], "long").reason).toBe("already-held");
  });
});

it("a regime or a context never trades by itself", () => {
  for (const outputType of ["regime", "context"] as const)
    expect(signalOf({ ...classification, outputType }, BUY).reason).toBe("not-a-signal");
});

describe("signals over all bars", () => {
  const barsOf = (rows: number): BarColumns => {
    const column = Float64Array.from({ length: rows }, () => 1);
    const timeMs = column.map((_, i) => i * HOUR);
    return { rows, timeMs, open: column, high: column, low: column, close: column, volume: column };
  };
  const bars = (column: Uint8Array) => [...column.keys()].filter((row) => column[row] === 1);

  it("enter once, leave once, and wait for the hours in between", () => {
    const outputs = [BUY, BUY, BUY, SELL, SELL, SELL, SELL, SELL, BUY, BUY].flat();
    const signals = neuralSignals(classification, outputs, barsOf(10), { firstRow: 1 });
    // The entry of bar 1 fills at hour 2, so that the exit waits for hour 6.
    expect([bars(signals.entryLong), bars(signals.exitLong), bars(signals.entryShort)]).toEqual([[1], [6], []]);
    expect(signals.holds["too-soon"]).toBeGreaterThan(0);
  });

  it("never hold two positions, and are the same on a prefix", () => {
    const logits = fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 })), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(logits, fc.boolean(), fc.nat(), (pairs, allowShortFromFlat, pick) => {
        const outputs = pairs.flatMap(([buy, sell]) => [buy, 0, sell]);
        const settings = { ...classification, allowShortFromFlat, minSignalSeparationHours: 1 };
        const whole = neuralSignals(settings, outputs, barsOf(pairs.length), { firstRow: 0 });
        let held = 0;
        for (let row = 0; row < pairs.length; row++) {
          if (whole.entryLong[row] + whole.entryShort[row] > 0) expect(held).toBe(0);
          if (whole.exitLong[row] > 0) expect(held).toBe(1);
          if (whole.exitShort[row] > 0) expect(held).toBe(-1);
          held += whole.entryLong[row] - whole.exitLong[row] - whole.entryShort[row] + whole.exitShort[row];
        }
        const rows = (pick % pairs.length) + 1;
        const prefix = neuralSignals(settings, outputs, barsOf(rows), { firstRow: 0 });
        for (const key of ["entryLong", "exitLong", "entryShort", "exitShort"] as const)
          expect(prefix[key].subarray(0, rows - 1)).toEqual(whole[key].subarray(0, rows - 1));
      }),
    );
  });
});
