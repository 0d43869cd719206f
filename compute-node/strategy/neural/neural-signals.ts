/** A network's outputs over all bars → the signals that the backtest engine takes. */
import type { BarColumns } from "../../market-data/bars.ts";
import type { StrategySignals } from "../signals.ts";
import { type DecisionSettings, decide, type HoldReason, type Position } from "./decide.ts";

export interface NeuralSignals extends StrategySignals {
  /** The number of bars that held for each reason, from the first decided bar on. */
  readonly holds: Readonly<Record<HoldReason, number>>;
}

interface NeuralSignalOptions {
  /** The first bar that is decided; features are defined from it on. */
  readonly firstRow: number;
  /** Fraction of free equity that an entry uses; ktrdr (Python) takes a quarter. */
  readonly sizeFraction?: number;
}

/**
 * Calls `decide` bar by bar, where each signal fills at the next bar's open. An opposite signal closes and does
 * not reverse; a signal on the last bar fills nowhere. `outputs` holds `width` values a bar: 3 logits, or 1 prediction.
 */
export function neuralSignals(
  settings: DecisionSettings,
  outputs: ArrayLike<number>,
  bars: BarColumns,
  { firstRow, sizeFraction = 0.25 }: NeuralSignalOptions,
): NeuralSignals {
  const { rows, timeMs } = bars;
  const width = settings.outputType === "regression" ? 1 : 3;
  const [entryLong, exitLong, entryShort, exitShort] = Array.from({ length: 4 }, () => new Uint8Array(rows));
  const holds = { ...NO_HOLDS };
  let position: Position = "flat";
  let lastTradeMs: number | null = null;
  for (let row = firstRow; row < rows; row++) {
    const { signal, reason } = decide(settings, outputs, row * width, position, timeMs[row], lastTradeMs);
    if (reason !== null) holds[reason]++;
    if (signal === "hold") continue;
    const isBuy = signal === "buy";
    const held: Position = position;
    if (held === "flat") {
      (isBuy ? entryLong : entryShort)[row] = 1;
      position = isBuy ? "long" : "short";
    } else if (isBuy === (held === "short")) {
      (isBuy ? exitShort : exitLong)[row] = 1;
      position = "flat";
    } else continue;
    lastTradeMs = row + 1 < rows ? timeMs[row + 1] : timeMs[row];
  }
  const rest = {
    reverse: false,
    sizeFraction,
    stopLoss: null,
    takeProfit: null,
    warmupBars: Math.max(0, firstRow - 1),
  };
  return { entryLong, exitLong, entryShort, exitShort, holds, ...rest };
}

const NO_HOLDS: Readonly<Record<HoldReason, number>> = {
  "output-undefined": 0,
  "not-a-signal": 0,
  "below-threshold": 0,
  "too-soon": 0,
  "already-held": 0,
  "no-short-from-flat": 0,
};
