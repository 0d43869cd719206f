/**
 * Settings under which results compare with other systems; an option beside a preset goes over it. `ktrdr` are the costs
 * of ktrdr in Python, with its accounting faults mended; the quarter of the equity that it takes for an entry is the
 * strategy's `size`.
 */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";

export type PresetName = "ktrdr" | "backtesting.py";

export const SETTINGS_PRESETS: Readonly<Record<PresetName, Partial<BacktestSettings>>> = {
  ktrdr: { initialCapital: 100_000, commissionRate: 0.001, slippageRate: 0.0005 },
  "backtesting.py": { initialCapital: 10_000, finalizeTrades: false },
};
