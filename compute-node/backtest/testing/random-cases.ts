/** Random price paths, signals and settings for property tests. */
import fc from "fast-check";
import { answersOf } from "../../../protocol/conventions.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { allocateBars, type BarColumns, barsBetween } from "../../market-data/bars.ts";
import type { EntrySizing, ProtectiveLevel, StrategySignals } from "../../strategy/signals.ts";

export interface RandomCase {
  readonly bars: BarColumns;
  readonly signals: StrategySignals;
  readonly settings: BacktestSettings;
}

/** Uniform in [0, 1), from a seed: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A random walk of daily bars; `volatility` is the size of a bar's largest step, as a fraction. Gaps are common. */
export function randomBars(rows: number, seed: number, volatility: number): BarColumns {
  const random = seededRandom(seed);
  const bars = allocateBars(rows);
  const step = () => 1 + volatility * (random() * 2 - 1);
  let price = 100;
  for (let bar = 0; bar < rows; bar++) {
    const open = price * step();
    const close = open * step();
    bars.timeMs[bar] = Date.UTC(2020, 0, 1) + bar * DAY_MS;
    bars.open[bar] = open;
    bars.close[bar] = close;
    bars.high[bar] = Math.max(open, close) * (1 + volatility * random());
    bars.low[bar] = Math.min(open, close) * (1 - volatility * random() * 0.9);
    bars.volume[bar] = Math.floor(random() * 1000);
    price = close;
  }
  return bars;
}

/** One byte a bar, set with probability `density`. */
function randomFlags(rows: number, seed: number, density: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: rows }, () => (random() < density ? 1 : 0));
}

/** Zero, or large enough that no product with it is subnormal, where scaling by two is no longer exact. */
const rate = (max: number) => fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max, noNaN: true }));
/** Zero, or above the part of the largest account that counts as rounding. */
const fee = (max: number) => fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max, noNaN: true }));
const level: fc.Arbitrary<ProtectiveLevel | null> = fc.option(
  fc.record({
    fraction: fc.double({ min: 0.011, max: 0.3, noNaN: true }),
    from: fc.constantFrom("signal_close" as const, "fill" as const),
  }),
);

/** Spreads stay below the nearest target, which the engine would refuse. */
const basicSettings = fc.record({
  initialCapital: fc.constantFrom(50, 1000, 10_000, 1e6),
  commissionRate: rate(0.02),
  commissionFixed: fee(5),
  commissionPerUnit: fee(0.05),
  commissionMinimum: fee(5),
  spreadRate: rate(0.01),
  slippageRate: rate(0.01),
  margin: fc.constantFrom(1, 0.5, 0.1),
  fractionalUnits: fc.boolean(),
  lotSize: fc.constantFrom(0, 0, 1, 10, 0.25),
  fillAt: fc.constantFrom("next_open" as const, "close" as const),
  finalizeTrades: fc.boolean(),
});
/** Settings that may be left out; the maintenance margin is a share of the margin. */
const furtherSettings = fc.record(
  {
    makerCommissionRate: fc.constantFrom(-0.0005, 0, 0.0002, 0.01),
    shortBorrowRate: fc.constantFrom(0.01, 0.5, 5),
    financingRate: fc.constantFrom(0.01, 0.5, 5),
    maintenanceMargin: fc.constantFrom(0.1, 0.5, 0.95),
    tickSize: fc.constantFrom(0.25, 0.01, 2, 0.3),
    lastBar: fc.constantFrom(...answersOf("lastBar")),
    allIn: fc.constantFrom(...answersOf("allIn")),
    fixedFeeSizing: fc.constantFrom(...answersOf("fixedFeeSizing")),
    gappedTarget: fc.constantFrom(...answersOf("gappedTarget")),
    entryBarTarget: fc.constantFrom(...answersOf("entryBarTarget")),
  },
  { requiredKeys: [] },
);

export const randomSettings: fc.Arbitrary<BacktestSettings> = fc
  .tuple(basicSettings, fc.oneof(fc.constant({}), furtherSettings))
  .map(([basic, further]: [BacktestSettings, Partial<BacktestSettings>]) => {
    const { maintenanceMargin: share, ...rest } = further;
    return { ...basic, ...rest, ...(share === undefined ? {} : { maintenanceMargin: share * basic.margin }) };
  });

/** A way to size each entry; half of the time a fraction decides. */
const randomSizing: fc.Arbitrary<{ readonly sizing?: EntrySizing }> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.record({
      sizing: fc.oneof(
        fc.record({ kind: fc.constant("units" as const), units: fc.constantFrom(1, 3.5, 40) }),
        fc.record({ kind: fc.constant("money" as const), money: fc.constantFrom(40, 1000, 20_000) }),
        fc.record({ kind: fc.constant("value" as const), fraction: fc.constantFrom(0.1, 0.5, 2) }),
        fc.record({
          kind: fc.constant("volatility" as const),
          target: fc.constantFrom(0.05, 0.3, 2),
          window: fc.integer({ min: 2, max: 25 }),
        }),
      ),
    }),
  },
);

const density = fc.constantFrom(0, 0.01, 0.1, 0.5, 1);

export const randomCase: fc.Arbitrary<RandomCase> = fc
  .record({
    rows: fc.integer({ min: 1, max: 400 }),
    seed: fc.integer(),
    volatility: fc.constantFrom(0, 0.005, 0.03, 0.2),
    warmupBars: fc.integer({ min: 0, max: 30 }),
    densities: fc.tuple(density, density, density, density),
    reverse: fc.boolean(),
    sizeFraction: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 1, noNaN: true })),
    stopLoss: level,
    takeProfit: level,
    sizing: randomSizing,
    settings: randomSettings,
  })
  .map(({ rows, seed, volatility, densities, settings, sizing, ...rest }) => {
    const [entryLong, entryShort, exitLong, exitShort] = densities.map((share, index) =>
      randomFlags(rows, seed + index + 1, share),
    );
    return {
      bars: randomBars(rows, seed, volatility),
      signals: { ...rest, ...sizing, entryLong, entryShort, exitLong, exitShort },
      settings,
    };
  });

/** The first `rows` bars of a case. */
export function truncated({ bars, signals, settings }: RandomCase, rows: number): RandomCase {
  return {
    bars: barsBetween(bars, 0, rows),
    signals: {
      ...signals,
      entryLong: signals.entryLong.subarray(0, rows),
      entryShort: signals.entryShort.subarray(0, rows),
      exitLong: signals.exitLong.subarray(0, rows),
      exitShort: signals.exitShort.subarray(0, rows),
    },
    settings,
  };
}
