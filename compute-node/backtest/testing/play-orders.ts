/** Plays random scripts of orders on the broker, for property tests. */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Broker } from "../engine/broker.ts";
import type { OrderScript, OrderStep } from "./random-orders.ts";

function play(broker: Broker, step: OrderStep): void {
  if (step.kind === "place") broker.place(step.side, step.request);
  else if (step.kind === "close") broker.close(step.portion);
  else if (broker.orders.length > 0) broker.cancel(broker.orders[step.index % broker.orders.length]);
}

/** Runs to the end of the data; `seen` is called after each bar. */
export function playOrders(
  { bars, steps, options }: OrderScript,
  settings: BacktestSettings,
  seen: (broker: Broker, bar: number) => void = () => undefined,
): Broker {
  const broker = new Broker(bars, settings, options);
  for (let bar = 0; bar < bars.rows && !broker.isRuined; bar++) {
    broker.process(bar);
    seen(broker, bar);
    if (!broker.isRuined) for (const step of steps) if (step.bar === bar) play(broker, step);
  }
  broker.finish();
  return broker;
}
