/** One order at the close of bar `at`, and a close of `part` of the position at the close of bar `out`. 0 is none. */
import { defineStrategy } from "ktrdr/strategy";

export default defineStrategy({
  parameters: {
    at: 1,
    side: 1,
    units: 10,
    share: 0,
    limit: 0,
    stop: 0,
    loss: 0,
    target: 0,
    trail: 0,
    out: -1,
    part: 1,
  },
  onBar({ bar, parameters, buy, sell, close }) {
    const { at, side, units, share, limit, stop, loss, target, trail, out, part } = parameters;
    if (bar === out) close(part);
    if (bar !== at) return;
    const place = side > 0 ? buy : sell;
    place({
      ...(units !== 0 && { units }),
      ...(share !== 0 && { size: share }),
      ...(limit !== 0 && { limit }),
      ...(stop !== 0 && { stop }),
      ...(loss !== 0 && { stopLoss: loss }),
      ...(target !== 0 && { takeProfit: target }),
      ...(trail !== 0 && { trailingStop: trail }),
    });
  },
});
