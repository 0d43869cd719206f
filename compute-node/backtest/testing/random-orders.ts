/** Random scripts of orders for property tests. */
import fc from "fast-check";
import { HOUR_MS } from "../../../protocol/durations.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { BrokerOptions } from "../engine/execution.ts";
import type { OrderRequest } from "../engine/order.ts";
import { randomBars } from "./random-cases.ts";

const price = fc.double({ min: 60, max: 160, noNaN: true });
const near = fc.double({ min: 0.01, max: 0.3, noNaN: true });
const level = fc.oneof(price, fc.record({ fraction: near }));

const prices: fc.Arbitrary<OrderRequest> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.record({ limit: price }) },
  { weight: 2, arbitrary: fc.record({ stop: price }) },
  { weight: 1, arbitrary: fc.record({ limit: price, stop: price }) },
);
const amount: fc.Arbitrary<OrderRequest> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.record({ size: fc.double({ min: 0.05, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: fc.record({ units: fc.constantFrom(1, 2, 7.5, 50) }) },
  { weight: 1, arbitrary: fc.record({ money: fc.constantFrom(20, 500, 9000) }) },
);
const sometimes = <Value>(value: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const protection = fc.record({
  stopLoss: sometimes(level),
  takeProfit: sometimes(level),
  trailingStop: sometimes(near),
  maxBars: sometimes(fc.integer({ min: 1, max: 20 })),
  timeInForce: sometimes(fc.constantFrom("gtc" as const, "day" as const)),
  cancelGroup: sometimes(fc.constantFrom("a", "b")),
});

const randomRequest: fc.Arbitrary<OrderRequest> = fc
  .tuple(prices, amount, protection)
  .map(([wanted, size, guards]) => ({ ...wanted, ...size, ...withoutUndefined(guards) }));

function withoutUndefined(values: object): OrderRequest {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

export type OrderStep = { readonly bar: number } & (
  | { readonly kind: "place"; readonly side: 1 | -1; readonly request: OrderRequest }
  | { readonly kind: "close"; readonly portion: number }
  /** Picks the waiting orders one after the other, around and around. */
  | { readonly kind: "cancel"; readonly index: number }
);

/** The number of bars in the run of a random script of orders. */
export const SCRIPT_BARS = 100;

const bar = fc.nat({ max: SCRIPT_BARS - 1 });
const orderStep: fc.Arbitrary<OrderStep> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      bar,
      kind: fc.constant("place" as const),
      side: fc.constantFrom(1 as const, -1 as const),
      request: randomRequest,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      bar,
      kind: fc.constant("close" as const),
      portion: fc.oneof(fc.constant(1), fc.double({ min: 0.1, max: 1, noNaN: true })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ bar, kind: fc.constant("cancel" as const), index: fc.nat({ max: 5 }) }) },
);

export interface OrderScript {
  readonly bars: BarColumns;
  readonly steps: readonly OrderStep[];
  readonly options: BrokerOptions;
}

export const randomScript: fc.Arbitrary<OrderScript> = fc
  .record({
    seed: fc.integer(),
    volatility: fc.constantFrom(0, 0.005, 0.03, 0.1),
    hours: fc.constantFrom(1, 8, 24),
    steps: fc.array(orderStep, { maxLength: 60, size: "max" }),
    options: fc.record({ reversal: fc.boolean(), pyramiding: fc.constantFrom(1, 2, 5) }, { requiredKeys: [] }),
  })
  .map(({ seed, volatility, hours, steps, options }) => {
    const bars = randomBars(SCRIPT_BARS, seed, volatility);
    for (let at = 0; at < SCRIPT_BARS; at++) bars.timeMs[at] = at * hours * HOUR_MS;
    return { bars, options, steps: steps.toSorted((left, right) => left.bar - right.bar) };
  });
