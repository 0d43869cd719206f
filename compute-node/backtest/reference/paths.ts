/** The ways that a price may have gone through a bar, as the slow broker tries them. */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { onTick } from "./arithmetic.ts";
import type { Waiting } from "./broker-model.ts";

interface Bar {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

/** The price that an order waits for. */
export function levelOf(settings: BacktestSettings, { direction, request, isTriggered }: Waiting): number {
  if (request.stop !== undefined && !isTriggered) return onTick(settings, request.stop, direction);
  return onTick(settings, request.limit ?? Number.NaN, -direction);
}

export function waitsForRise({ direction, request, isTriggered }: Waiting): boolean {
  const isStop = request.stop !== undefined && !isTriggered;
  return isStop ? direction === 1 : direction === -1;
}

/** @param heldDirection 1 or -1 for the side that is held, 0 while flat */
export function pathsOf(
  settings: BacktestSettings,
  waiting: readonly Waiting[],
  heldDirection: number,
  bar: Bar,
): number[][] {
  const { open, high, low, close } = bar;
  const reached = waiting
    .filter((order) => (waitsForRise(order) ? high >= levelOf(settings, order) : low <= levelOf(settings, order)))
    .map((order) => levelOf(settings, order))
    .filter((level) => level >= low && level <= high);
  const above = reached.filter((level) => level > open).sort((a, b) => a - b)[0];
  const below = reached.filter((level) => level < open).sort((a, b) => b - a)[0];
  const isHighFirst = heldDirection === 0 ? high - open < open - low : heldDirection === -1;
  const [upFirst, downFirst] = [
    [high, low, close],
    [low, high, close],
  ];
  return [
    // Whichever end the open stands on is over, unless the bar never moved.
    ...(isHighFirst ? [upFirst, downFirst] : [downFirst, upFirst]).filter(
      (path) => path[1] !== open || (high === open && low === open),
    ),
    ...waiting.flatMap((order) => pathBackToLimit(settings, order, bar)),
    ...(above === undefined ? [] : [[above, low, high, close]]),
    ...(below === undefined ? [] : [[below, high, low, close]]),
  ];
}

/** Through the stop, back to the limit behind it, and then on past the stop again. */
function pathBackToLimit(settings: BacktestSettings, order: Waiting, { high, low, close }: Bar): number[][] {
  const { direction, request, isTriggered } = order;
  if (request.stop === undefined || request.limit === undefined || isTriggered) return [];
  const stop = onTick(settings, request.stop, direction);
  const limit = onTick(settings, request.limit, -direction);
  const isWithin = (level: number) => level >= low && level <= high;
  const isReached = direction === 1 ? high >= stop : low <= stop;
  if (!isReached || !isWithin(limit) || direction * (stop - limit) <= 0) return [];
  return [direction === 1 ? [stop, limit, high, low, close] : [stop, limit, low, high, close]];
}
