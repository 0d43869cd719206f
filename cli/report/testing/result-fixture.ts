/** Makes a result from a seeded random walk, for tests of reports. Its figures fit one another only roughly. */

import { DAY_MS } from "../../../protocol/durations.ts";
import { BACKTEST_RESULT_FORMAT, backtestSettings, EXIT_REASONS } from "../../../protocol/index.ts";
import {
  type BacktestResult,
  type OrderRecord,
  type SideStatistics,
  STATISTICS,
  type Trade,
} from "../../../results/index.ts";

const FIRST_DAY_MS = Date.UTC(2012, 0, 2);

interface FixtureOptions {
  bars?: number;
  /** Bars between the starts of two trades; 0 makes no trade. */
  barsPerTrade?: number;
  barsPerPoint?: number;
  seed?: number;
  strategyName?: string;
  barMs?: number;
}

/** The same options give the same result. */
export function resultFixture(options: FixtureOptions = {}): BacktestResult {
  const { bars = 1_500, barsPerTrade = 40, barsPerPoint = 1, seed = 7, barMs = DAY_MS } = options;
  const random = mulberry32(seed);
  const prices = walk(bars, barMs, random);
  const settings = backtestSettings.parse({ commissionRate: 0.001 });
  const trades = barsPerTrade === 0 ? [] : alternatingTrades(prices, barsPerTrade, random);
  const equity = equityOf(prices, trades, settings.initialCapital);
  const drawdowns = drawdownsOf(equity);
  return {
    format: BACKTEST_RESULT_FORMAT,
    strategyName: options.strategyName ?? "Random walk",
    symbol: "WALK",
    timeframe: barMs === DAY_MS ? "1d" : "1m",
    bars,
    parameters: { fast: 10, slow: 40, threshold: 0.25 },
    settings,
    hashes: { spec: "1a".repeat(32), data: "2b".repeat(32), engine: "3c".repeat(32) },
    statistics: statisticsOf({ prices, trades, equity, drawdowns, barMs, initialCapital: settings.initialCapital }),
    barStatistics: {
      barsPerYear: 365.25,
      totalReturn: equity[bars - 1] - settings.initialCapital,
      volatilityPercent: 13.9,
      sharpeRatio: trades.length === 0 ? null : 0.41,
      sortinoRatio: trades.length === 0 ? null : 0.52,
      calmarRatio: trades.length === 0 ? null : 0.2,
      maxDrawdown: 12_345.6,
      recoveryFactor: trades.length === 0 ? null : 1.3,
    },
    tradeSides: {
      all: sideOf(trades),
      long: sideOf(trades.filter(({ size }) => size > 0)),
      short: sideOf(trades.filter(({ size }) => size < 0)),
    },
    benchmark: {
      symbol: "WALK",
      returnPercent: (prices[bars - 1].close / prices[0].close - 1) * 100,
      excessReturnPercent: -4.2,
      annualVolatilityPercent: 17.7,
      sharpeRatio: 0.4,
      maxDrawdownPercent: -23.4,
      alphaPercent: 2.5,
      beta: 0.32,
      correlation: 0.45,
      trackingErrorPercent: 14.1,
      informationRatio: -0.21,
    },
    refusals: { noCash: 0, belowLot: 0, margin: 0, pyramiding: 0, noSize: 0 },
    monthlyReturns: monthlyReturnsOf(prices, equity),
    trades,
    orders: trades.flatMap(ordersOf),
    equity,
    exposure: exposureOf(prices, trades, equity),
    chart: chartOf(prices, equity, drawdowns, barsPerPoint),
    warnings: [],
  };
}

interface Course {
  prices: readonly Bar[];
  trades: readonly Trade[];
  equity: readonly number[];
  drawdowns: readonly number[];
  barMs: number;
  initialCapital: number;
}

function statisticsOf({
  prices,
  trades,
  equity,
  drawdowns,
  barMs,
  initialCapital,
}: Course): BacktestResult["statistics"] {
  const final = equity[prices.length - 1];
  const wins = trades.filter((trade) => trade.pnl > 0).length;
  const returns = trades.map((trade) => trade.returnPercent);
  const average = returns.length === 0 ? null : returns.reduce((sum, value) => sum + value, 0) / returns.length;
  const durations = trades.map((trade) => trade.exitTimeMs - trade.entryTimeMs);
  const newer = Object.fromEntries(STATISTICS.map(({ key, example }) => [key, example]));
  return {
    ...(newer as BacktestResult["statistics"]),
    startMs: prices[0].timeMs,
    endMs: prices[prices.length - 1].timeMs,
    durationMs: prices[prices.length - 1].timeMs - prices[0].timeMs,
    exposurePercent: trades.length === 0 ? 0 : 60.5,
    equityFinal: final,
    equityPeak: Math.max(...equity),
    returnPercent: (final / initialCapital - 1) * 100,
    buyAndHoldReturnPercent: (prices[prices.length - 1].close / prices[0].close - 1) * 100,
    annualReturnPercent: 6.214,
    annualVolatilityPercent: 14.51,
    cagrPercent: 4.3,
    sharpeRatio: trades.length === 0 ? null : 0.428,
    sortinoRatio: trades.length === 0 ? null : 0.691,
    calmarRatio: trades.length === 0 ? null : 0.21,
    alphaPercent: 1.75,
    beta: 0.313,
    maxDrawdownPercent: Math.min(...drawdowns),
    averageDrawdownPercent: -3.1,
    maxDrawdownDurationMs: trades.length === 0 ? null : 411 * barMs,
    averageDrawdownDurationMs: trades.length === 0 ? null : 31.4 * barMs,
    tradeCount: trades.length,
    winRatePercent: trades.length === 0 ? null : (wins / trades.length) * 100,
    bestTradePercent: returns.length === 0 ? null : Math.max(...returns),
    worstTradePercent: returns.length === 0 ? null : Math.min(...returns),
    averageTradePercent: average,
    maxTradeDurationMs: durations.length === 0 ? null : Math.max(...durations),
    averageTradeDurationMs:
      durations.length === 0 ? null : durations.reduce((sum, ms) => sum + ms, 0) / durations.length,
    profitFactor: trades.length === 0 ? null : wins === trades.length ? "Infinity" : 1.42,
    expectancyPercent: average,
    sqn: trades.length === 0 ? null : 1.1,
    kellyCriterion: trades.length === 0 ? null : 0.12,
  };
}

function sideOf(trades: readonly Trade[]): SideStatistics {
  const mean = (values: readonly number[]) =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  const least = (values: readonly number[]) => (values.length === 0 ? null : Math.min(...values));
  const greatest = (values: readonly number[]) => (values.length === 0 ? null : Math.max(...values));
  const wins = trades.filter(({ pnl }) => pnl > 0);
  const losses = trades.filter(({ pnl }) => pnl < 0);
  const profits = (of: readonly Trade[]) => of.map(({ pnl }) => pnl);
  const durations = (of: readonly Trade[]) => of.map(({ entryTimeMs, exitTimeMs }) => exitTimeMs - entryTimeMs);
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const returns = trades.map(({ returnPercent }) => returnPercent);
  const adverse = trades.map(({ adverseExcursionPercent }) => adverseExcursionPercent);
  const favourable = trades.map(({ favourableExcursionPercent }) => favourableExcursionPercent);
  return {
    tradeCount: trades.length,
    winningTrades: wins.length,
    losingTrades: losses.length,
    winRatePercent: trades.length === 0 ? null : (wins.length / trades.length) * 100,
    profit: total(profits(trades)),
    commission: total(trades.map(({ commission }) => commission)),
    expectancyPercent: mean(returns),
    bestTradePercent: greatest(returns),
    worstTradePercent: least(returns),
    profitFactor: losses.length === 0 ? null : total(profits(wins)) / -total(profits(losses)),
    averageWin: mean(profits(wins)),
    averageLoss: mean(profits(losses)),
    largestWin: greatest(profits(wins)),
    largestLoss: least(profits(losses)),
    averageBarsHeld: mean(trades.map(({ barsHeld }) => barsHeld)),
    averageDurationMs: mean(durations(trades)),
    averageWinDurationMs: mean(durations(wins)),
    averageLossDurationMs: mean(durations(losses)),
    averageAdverseExcursionPercent: mean(adverse),
    worstAdverseExcursionPercent: least(adverse),
    averageFavourableExcursionPercent: mean(favourable),
    bestFavourableExcursionPercent: greatest(favourable),
  };
}

function ordersOf(trade: Trade): OrderRecord[] {
  const units = Math.abs(trade.size);
  const market = { kind: "market", units: null, limitPrice: null, stopPrice: null, status: "filled" } as const;
  const [buy, sell] = trade.size > 0 ? (["buy", "sell"] as const) : (["sell", "buy"] as const);
  return [
    {
      ...market,
      side: buy,
      placedBar: trade.entryBar - 1,
      placedTimeMs: trade.entryTimeMs,
      reason: "signal",
      endedBar: trade.entryBar,
      endedTimeMs: trade.entryTimeMs,
      filledUnits: units,
      price: trade.entryPrice,
    },
    {
      ...market,
      side: sell,
      placedBar: trade.exitBar - 1,
      placedTimeMs: trade.exitTimeMs,
      reason: trade.exitReason,
      endedBar: trade.exitBar,
      endedTimeMs: trade.exitTimeMs,
      filledUnits: units,
      price: trade.exitPrice,
    },
  ];
}

function exposureOf(prices: readonly Bar[], trades: readonly Trade[], equity: readonly number[]): number[] {
  const exposure = prices.map(() => 0);
  for (const { size, entryBar, exitBar } of trades) {
    for (let bar = entryBar; bar < exitBar; bar++) exposure[bar] = (size * prices[bar].close) / equity[bar];
  }
  return exposure;
}

interface Bar {
  timeMs: number;
  open: number;
  high: number;
  low: number;
  close: number;
}

function walk(bars: number, barMs: number, random: () => number): Bar[] {
  let close = 100;
  return Array.from({ length: bars }, (_, index) => {
    const open = close * (1 + (random() - 0.5) * 0.004);
    close = open * Math.exp((random() - 0.49) * 0.03);
    const high = Math.max(open, close) * (1 + random() * 0.006);
    const low = Math.min(open, close) * (1 - random() * 0.006);
    return { timeMs: FIRST_DAY_MS + index * barMs, open, high, low, close };
  });
}

/** Makes long and short trades in turn, each held for two thirds of the time until the next. */
function alternatingTrades(prices: readonly Bar[], barsPerTrade: number, random: () => number): Trade[] {
  const trades: Trade[] = [];
  for (let entryBar = 1; entryBar < prices.length - 1; entryBar += barsPerTrade) {
    const exitBar = Math.min(prices.length - 1, entryBar + Math.max(1, Math.round(barsPerTrade * 0.67)));
    const size = (trades.length % 2 === 0 ? 1 : -1) * 800;
    const entryPrice = prices[entryBar].open;
    const exitPrice = prices[exitBar].open;
    const commission = 0.001 * Math.abs(size) * (entryPrice + exitPrice);
    const pnl = size * (exitPrice - entryPrice) - commission;
    const hasStops = trades.length % 3 === 0;
    const value = Math.abs(size) * entryPrice;
    const held = prices.slice(entryBar, exitBar);
    const highest = Math.max(entryPrice, exitPrice, ...held.map(({ high }) => high));
    const lowest = Math.min(entryPrice, exitPrice, ...held.map(({ low }) => low));
    const [adverse, favourable] =
      size > 0 ? [lowest - entryPrice, highest - entryPrice] : [entryPrice - highest, entryPrice - lowest];
    trades.push({
      size,
      entryBar,
      exitBar,
      entryTimeMs: prices[entryBar].timeMs,
      exitTimeMs: prices[exitBar].timeMs,
      entryPrice,
      exitPrice,
      pnl,
      commission,
      returnPercent: (pnl / (Math.abs(size) * entryPrice)) * 100,
      stopLoss: hasStops ? entryPrice * (size > 0 ? 0.94 : 1.06) : null,
      takeProfit: hasStops ? entryPrice * (size > 0 ? 1.1 : 0.9) : null,
      exitReason: EXIT_REASONS[Math.floor(random() * 4)],
      holdingCost: 0,
      barsHeld: exitBar - entryBar,
      adverseExcursion: adverse * Math.abs(size),
      adverseExcursionPercent: (adverse * Math.abs(size) * 100) / value,
      favourableExcursion: favourable * Math.abs(size),
      favourableExcursionPercent: (favourable * Math.abs(size) * 100) / value,
    });
  }
  return trades;
}

function equityOf(prices: readonly Bar[], trades: readonly Trade[], initialCapital: number): number[] {
  const equity = prices.map(() => initialCapital);
  let booked = 0;
  let bar = 0;
  for (const trade of trades) {
    for (; bar < trade.entryBar; bar++) equity[bar] += booked;
    for (; bar < trade.exitBar; bar++) equity[bar] += booked + trade.size * (prices[bar].close - trade.entryPrice);
    booked += trade.pnl;
  }
  for (; bar < prices.length; bar++) equity[bar] += booked;
  return equity;
}

function drawdownsOf(equity: readonly number[]): number[] {
  let peak = Number.NEGATIVE_INFINITY;
  return equity.map((value) => {
    peak = Math.max(peak, value);
    return (value / peak - 1) * 100;
  });
}

function monthlyReturnsOf(prices: readonly Bar[], equity: readonly number[]): BacktestResult["monthlyReturns"] {
  const lastBars = Map.groupBy(
    prices.map((_, bar) => bar),
    (bar) => new Date(prices[bar].timeMs).toISOString().slice(0, 7),
  );
  let before = equity[0];
  return [...lastBars].map(([name, barsOfMonth]) => {
    const after = equity[barsOfMonth[barsOfMonth.length - 1]];
    const returnPercent = (after / before - 1) * 100;
    before = after;
    return { year: Number(name.slice(0, 4)), month: Number(name.slice(5)), returnPercent };
  });
}

function chartOf(
  prices: readonly Bar[],
  equity: readonly number[],
  drawdowns: readonly number[],
  barsPerPoint: number,
): BacktestResult["chart"] {
  const firsts = prices.flatMap((_, bar) => (bar % barsPerPoint === 0 ? [bar] : []));
  const spans = firsts.map((first) => [first, Math.min(prices.length, first + barsPerPoint)] as const);
  return {
    barsPerPoint,
    timeMs: firsts.map((bar) => prices[bar].timeMs),
    open: firsts.map((bar) => prices[bar].open),
    high: spans.map(([from, to]) => Math.max(...prices.slice(from, to).map((bar) => bar.high))),
    low: spans.map(([from, to]) => Math.min(...prices.slice(from, to).map((bar) => bar.low))),
    close: spans.map(([, to]) => prices[to - 1].close),
    equity: spans.map(([, to]) => equity[to - 1]),
    drawdownPercent: spans.map(([from, to]) => Math.min(...drawdowns.slice(from, to))),
    benchmark: spans.map(([, to]) => (prices[to - 1].close / prices[0].close) * equity[0]),
  };
}

/** Tommy Ettinger's 32-bit generator (public domain): small, seeded, good enough for prices that nobody trades. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
