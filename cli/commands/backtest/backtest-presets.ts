/**
 * Settings under which results compare with other systems. An option given beside a preset overrides it. `ktrdr` has the
 * costs of ktrdr in Python, with its accounting faults mended. That system enters with a quarter of the equity; here the
 * strategy's `size` says so.
 */
import { BACKTESTING_PY_CONVENTIONS } from "../../../protocol/conventions.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";

export type PresetName = "ktrdr" | "backtesting.py";

export const SETTINGS_PRESETS: Readonly<Record<PresetName, Partial<BacktestSettings>>> = {
  ktrdr: { initialCapital: 100_000, commissionRate: 0.001, slippageRate: 0.0005 },
  "backtesting.py": BACKTESTING_PY_CONVENTIONS,
};
