/** Every indicator. Names, validation, documentation and lists come from here. */
import type { IndicatorDeclaration } from "./declaration.ts";
import { AVERAGES } from "./families/averages.ts";
import { CLASSIC } from "./families/classic.ts";
import { MOMENTUM } from "./families/momentum.ts";
import { STATISTICS } from "./families/statistics.ts";
import { TREND } from "./families/trend.ts";
import { VOLATILITY } from "./families/volatility.ts";
import { VOLUME } from "./families/volume.ts";

export { NEURAL_INDICATORS } from "./families/neural.ts";

export const INDICATORS: readonly IndicatorDeclaration[] = [
  ...CLASSIC,
  ...AVERAGES,
  ...MOMENTUM,
  ...TREND,
  ...VOLATILITY,
  ...VOLUME,
  ...STATISTICS,
];
