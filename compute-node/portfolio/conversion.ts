/** Exchange rates at the opens and closes of bars, from the bars of an exchange rate, without look-ahead. */
import { DAY_MS } from "../../protocol/durations.ts";
import { Problem } from "../../protocol/problem.ts";
import type { BarColumns } from "../market-data/bars.ts";
import type { PortfolioSymbol } from "./portfolio-model.ts";

/** An older rate is a hole in the data: longer than any weekend or holiday. */
const OLDEST_RATE_MS = 10 * DAY_MS;

interface RateSeries {
  /** Such as `EURUSD 1d`, for messages. */
  readonly name: string;
  readonly bars: BarColumns;
  /** Nominal length of a bar. */
  readonly barMs: number;
  /** The series gives the symbol's currency for one of the account's, and not the other way round. */
  readonly isInverse: boolean;
}

/**
 * Account money for one of the symbol's currency at each of its bars. At an open, the newest rate bar that has begun gives
 * its close when it is over by then, and its open else; at a close, the newest that began before it likewise.
 *
 * @throws Problem `data-not-found` where there is no rate, or none of the last ten days (three bars, when they are longer)
 */
export function ratesFor(
  symbol: string,
  bars: BarColumns,
  barMs: number,
  series: RateSeries,
): NonNullable<PortfolioSymbol["rates"]> {
  const opens = new Float64Array(bars.rows);
  const closes = new Float64Array(bars.rows);
  const opening = new RateReader(symbol, series);
  const closing = new RateReader(symbol, series);
  for (let bar = 0; bar < bars.rows; bar++) {
    const start = bars.timeMs[bar];
    opens[bar] = opening.at(start, start);
    // A rate that begins at the very close would stand in a later bar.
    closes[bar] = closing.at(start + barMs, start + barMs - 1);
  }
  return { open: opens, close: closes };
}

class RateReader {
  private readonly symbol: string;
  private readonly series: RateSeries;
  private bar = -1;

  constructor(symbol: string, series: RateSeries) {
    this.symbol = symbol;
    this.series = series;
  }

  /** The rate of the newest bar that has begun by `begunMs`. Moments never go back. */
  at(timeMs: number, begunMs: number): number {
    const { bars, barMs, isInverse } = this.series;
    while (this.bar + 1 < bars.rows && bars.timeMs[this.bar + 1] <= begunMs) this.bar++;
    if (this.bar < 0) throw this.missing(timeMs);
    const endMs = bars.timeMs[this.bar] + barMs;
    if (timeMs - endMs > Math.max(OLDEST_RATE_MS, 3 * barMs)) throw this.missing(timeMs);
    const price = endMs <= timeMs ? bars.close[this.bar] : bars.open[this.bar];
    return isInverse ? 1 / price : price;
  }

  private missing(timeMs: number): Problem {
    const { name, bars } = this.series;
    const day = (time: number) => new Date(time).toISOString().slice(0, 10);
    const has =
      bars.rows === 0
        ? "it has no bars"
        : `its bars go from ${day(bars.timeMs[0])} to ${day(bars.timeMs[bars.rows - 1])}`;
    const newest = this.bar < 0 ? "" : `, and the newest before is of ${day(bars.timeMs[this.bar])}`;
    return new Problem("data-not-found", `${name} has no rate for ${this.symbol} on ${day(timeMs)}: ${has}${newest}.`, {
      cure: "Load rates over the whole range, or ask for a range that they cover.",
    });
  }
}
