/**
 * Slow, obvious indicators that the tests hold the fast ones to: each value is computed anew from the bars up to it,
 * straight from the sentence that defines it.
 */
import { AVERAGE_REFERENCES } from "./references/averages.ts";
import { CLASSIC_REFERENCES } from "./references/classic.ts";
import type { Reference } from "./references/helpers.ts";
import { MOMENTUM_REFERENCES } from "./references/momentum.ts";
import { STATISTICS_REFERENCES } from "./references/statistics.ts";
import { TREND_REFERENCES } from "./references/trend.ts";
import { VOLATILITY_REFERENCES } from "./references/volatility.ts";
import { VOLUME_REFERENCES } from "./references/volume.ts";

export { NEURAL_REFERENCES } from "./references/neural.ts";

export const REFERENCES: Readonly<Record<string, Reference>> = {
  ...CLASSIC_REFERENCES,
  ...AVERAGE_REFERENCES,
  ...MOMENTUM_REFERENCES,
  ...TREND_REFERENCES,
  ...VOLATILITY_REFERENCES,
  ...VOLUME_REFERENCES,
  ...STATISTICS_REFERENCES,
};
