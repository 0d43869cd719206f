/** A run small enough to work its statistics out by hand. */

/** Eight daily bars, Monday 2024-01-01 to Wednesday 2024-01-10 without the weekend; the strategy decides from bar 1 on. */
export const EXAMPLE_RUN = {
  days: [1, 2, 3, 4, 5, 8, 9, 10].map((day) => Date.UTC(2024, 0, day)),
  warmupBars: 1,
  close: [10, 11, 10, 10.5, 12, 11.5, 11, 12],
  equity: [1000, 1100, 990, 1045, 1210, 1150, 1150, 1265],
  trades: [
    { entryBar: 1, exitBar: 2, pnl: -110, returnFraction: -0.1 },
    { entryBar: 3, exitBar: 4, pnl: 165, returnFraction: 0.15 },
    { entryBar: 5, exitBar: 7, pnl: 115, returnFraction: 0.1 },
  ],
} as const;
