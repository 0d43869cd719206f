/**
 * @file Finds the order of events within a bar, for orders and levels that wait.
 *
 * A bar gives its open, high, low and close, and not the way between them. Whatever the open itself reaches happens
 * first. From there the price walks to the high and the low, one after the other, and then to the close. An open at the
 * low has met the low. The price may also turn back at the first order that it meets, or at the limit of a stop-limit
 * order. On each of these paths events follow each other as the price meets them. Where all paths end alike, that is
 * what happened. Where they differ, the one that leaves the account with the least at the close is taken, and the bar
 * counts as ambiguous.
 */
import { type Side, stopFillPrice } from "../../ledger/index.ts";
import type { Execution } from "./execution.ts";
import { followPrice, trailedLevel } from "./lot.ts";
import type { Lot, Order } from "./order.ts";
import { SAME_MONEY } from "./same-money.ts";

/** An event that the price meets next, and how far off it is. */
interface Meeting {
  distance: number;
  /** How far the price stands beyond a loss that it has passed already. */
  beyond: number;
  price: number;
  kind: "none" | "stop" | "liquidation" | "order" | "target";
  lot: Lot | null;
  order: Order | null;
}

interface Outcome {
  readonly value: number;
  readonly cash: number;
  readonly size: number;
  readonly trades: number;
  readonly orders: number;
  /** Σ size · best price: the lower, the looser the trailing stops. */
  readonly best: number;
}

export class BarPath {
  readonly #books: Execution;
  /** One for all bars: hot loops make no garbage. */
  readonly #next: Meeting = { distance: 0, beyond: 0, price: 0, kind: "none", lot: null, order: null };

  constructor(books: Execution) {
    this.#books = books;
  }

  /** Executes all that the bar reaches after its market orders; the books' `bar` says which one. */
  run(): void {
    const { bars, bar } = this.#books;
    const [open, high, low, close] = [bars.open[bar], bars.high[bar], bars.low[bar], bars.close[bar]];
    if (!this.#reachesAnything()) {
      this.#follow(high);
      this.#follow(low);
      return;
    }
    this.#loseBeforeGappedTargets();
    this.#walk(open, [open]);
    if (!this.#reachesAnything() || this.#isOneWay()) this.#walk(open, [high, low, close]);
    else this.#takeWorst(open, this.#paths(open, high, low, close));
  }

  /** True when a level or an order lies within the bar, trailing stops as far as the bar may raise them. */
  #reachesAnything(): boolean {
    const { held, bars, bar, models } = this.#books;
    const [high, low] = [bars.high[bar], bars.low[bar]];
    const { list } = held;
    if (this.#reachesOrder(high, low) || this.#reachesLiquidation(high, low)) return true;
    if (held.guarded === 0) return false;
    for (let index = 0; index < list.length; index++) {
      const lot = list[index];
      if (losesAt(lot, lot.stop, high, low) || winsWithin(lot, high, low)) return true;
      if (lot.trailingFraction === 0) continue;
      const best = bestOf(lot, lot.size > 0 ? high : low);
      if (losesAt(lot, trailedLevel(lot, best, models.fills.tickSize), high, low)) return true;
    }
    return false;
  }

  #reachesOrder(high: number, low: number): boolean {
    const { orders } = this.#books;
    for (let index = 0; index < orders.length; index++) if (isReached(orders[index], high, low)) return true;
    return false;
  }

  #reachesLiquidation(high: number, low: number): boolean {
    const { held, models } = this.#books;
    if (models.margins.maintenanceMargin === 0 || held.list.length === 0) return false;
    return losesAt(held.list[0], held.liquidationPrice(), high, low);
  }

  /** Only levels on one side of the open, and none that moves or opens a position: every path ends alike. */
  #isOneWay(): boolean {
    const { held, bars, bar } = this.#books;
    const [high, low] = [bars.high[bar], bars.low[bar]];
    if (this.#reachesOrder(high, low)) return false;
    let isLost = this.#reachesLiquidation(high, low);
    let isWon = false;
    for (let index = 0; index < held.list.length; index++) {
      const lot = held.list[index];
      if (lot.trailingFraction > 0) return false;
      if (losesAt(lot, lot.stop, high, low)) isLost = true;
      if (winsWithin(lot, high, low)) isWon = true;
    }
    return !(isLost && isWon);
  }

  /** Under `gappedTarget: stop` a bar that opens beyond a target and reaches the stop ends at the stop. */
  #loseBeforeGappedTargets(): void {
    const { held, conventions, bars, bar } = this.#books;
    if (conventions.gappedTarget !== "stop") return;
    const [open, high, low] = [bars.open[bar], bars.high[bar], bars.low[bar]];
    for (const lot of [...held.list]) {
      if (!held.list.includes(lot)) continue;
      const side: Side = lot.size > 0 ? 1 : -1;
      const liquidation = held.liquidationPrice();
      const isLiquidation = side * (liquidation - lot.stop) > 0;
      const price = stopFillPrice(side, open, high, low, isLiquidation ? liquidation : lot.stop);
      if (Number.isNaN(price) || side * (open - lot.target) < 0) continue;
      if (isLiquidation) this.#books.liquidate(price);
      else this.#books.closeStopped(lot, price);
    }
  }

  #paths(open: number, high: number, low: number, close: number): number[][] {
    const { held, orders } = this.#books;
    // Among equal outcomes the first counts: the way that goes against the position, or to the nearer end while flat.
    const isHighFirst = held.size === 0 ? high - open < open - low : held.size < 0;
    const [first, second] = isHighFirst ? [high, low] : [low, high];
    const paths: number[][] = [];
    // An end of the bar at the open is behind the price already.
    if (second !== open) paths.push([first, second, close]);
    if (first !== open) paths.push([second, first, close]);
    if (paths.length === 0) paths.push([close]);
    let above = Number.POSITIVE_INFINITY;
    let below = Number.NEGATIVE_INFINITY;
    for (const order of orders) {
      if (!isReached(order, high, low)) continue;
      const level = levelOf(order);
      if (level > open) above = Math.min(above, level);
      else if (level < open) below = Math.max(below, level);
      // A stop-limit that waits behind its stop fills on the way back, from where the bar may turn once more.
      const { kind, side, limit } = order;
      const isBehind = kind === "stop_limit" && side * (level - limit) > 0 && limit >= low && limit <= high;
      if (isBehind) paths.push(side === 1 ? [level, limit, high, low, close] : [level, limit, low, high, close]);
    }
    // The price may turn at an entry: a stop behind it is then met before the far end of the bar.
    if (above <= high) paths.push([above, low, high, close]);
    if (below >= low) paths.push([below, high, low, close]);
    return paths;
  }

  #takeWorst(open: number, paths: readonly (readonly number[])[]): void {
    const books = this.#books;
    const before = books.save();
    let worst = -1;
    let least: Outcome | null = null;
    let isAmbiguous = false;
    for (let index = 0; index < paths.length; index++) {
      if (index > 0) books.putBack(before);
      this.#walk(open, paths[index]);
      const outcome = this.#outcome();
      if (least !== null && !isSame(outcome, least)) isAmbiguous = true;
      if (least === null || isWorse(outcome, least)) {
        least = outcome;
        worst = index;
      }
    }
    if (worst !== paths.length - 1) {
      books.putBack(before);
      this.#walk(open, paths[worst]);
    }
    if (isAmbiguous) books.warnings.ambiguousBars++;
  }

  #outcome(): Outcome {
    const { held, bars, bar, trades, orders } = this.#books;
    const best = held.list.reduce((sum, lot) => sum + lot.size * lot.best, 0);
    return {
      value: held.valueAt(bars.close[bar]),
      cash: held.cash,
      size: held.size,
      trades: trades.count,
      orders: orders.length,
      best,
    };
  }

  /** Walks from `from` to each of the turning points; events happen as the price meets them. */
  #walk(from: number, turns: readonly number[]): void {
    let price = from;
    for (let index = 0; index < turns.length; index++) {
      const end = turns[index];
      for (;;) {
        const next = this.#meet(price, end);
        if (next.kind === "none") break;
        price = next.price;
        this.#happen(next);
      }
      price = end;
      this.#follow(price);
    }
  }

  /** Trailing stops take the price into account. */
  #follow(price: number): void {
    const { held, models } = this.#books;
    if (held.guarded === 0) return;
    for (let index = 0; index < held.list.length; index++) {
      const lot = held.list[index];
      if (lot.trailingFraction === 0) continue;
      lot.best = bestOf(lot, price);
      followPrice(lot, models.fills.tickSize);
    }
  }

  /** The nearest event on the way from `price` to `end`, both included. Among equally near ones losses come first, then orders. */
  #meet(price: number, end: number): Meeting {
    const next = this.#next;
    next.kind = "none";
    next.beyond = 0;
    next.distance = Math.abs(end - price);
    const direction = end >= price ? 1 : -1;
    this.#meetLosses(price, direction);
    this.#meetOrders(price, direction);
    this.#meetTargets(price, direction);
    return next;
  }

  #meetLosses(price: number, direction: Side): void {
    const { held, models } = this.#books;
    const { list } = held;
    for (let index = 0; index < list.length; index++) {
      const lot = list[index];
      this.#offer("stop", lot.stop, lot.size > 0 ? -1 : 1, price, direction, lot, null);
    }
    if (list.length === 0 || models.margins.maintenanceMargin === 0) return;
    const losing: Side = held.side === 1 ? -1 : 1;
    this.#offer("liquidation", held.liquidationPrice(), losing, price, direction, null, null);
  }

  #meetOrders(price: number, direction: Side): void {
    const { orders } = this.#books;
    for (let index = 0; index < orders.length; index++) {
      const order = orders[index];
      if (order.kind !== "market") this.#offer("order", levelOf(order), wayTo(order), price, direction, null, order);
    }
  }

  #meetTargets(price: number, direction: Side): void {
    const { held, bar } = this.#books;
    for (let index = 0; index < held.list.length; index++) {
      const lot = held.list[index];
      if (bar >= lot.targetFromBar)
        this.#offer("target", lot.target, lot.size > 0 ? 1 : -1, price, direction, lot, null);
    }
  }

  /** Notes an event at `level` if it is the nearest so far. `way` is 1 for one that a rising price meets. */
  #offer(
    kind: Meeting["kind"],
    level: number,
    way: Side,
    price: number,
    direction: Side,
    lot: Lot | null,
    order: Order | null,
  ): void {
    const ahead = way * (level - price);
    const next = this.#next;
    const isPassed = ahead <= 0;
    if (!isPassed && way !== direction) return;
    const distance = isPassed ? 0 : ahead;
    // A gap passes the nearer one of two losses first.
    const beyond = kind === "stop" || kind === "liquidation" ? Math.max(0, -ahead) : 0;
    const isFirst = next.kind === "none" ? distance <= next.distance : distance < next.distance;
    if (!isFirst && !(beyond > next.beyond && distance === next.distance)) return;
    next.kind = kind;
    next.distance = distance;
    next.beyond = beyond;
    next.price = isPassed ? price : level;
    next.lot = lot;
    next.order = order;
  }

  #happen({ kind, lot, order, price }: Meeting): void {
    if (kind === "liquidation") this.#books.liquidate(price);
    else if (order !== null) this.#books.reach(order, price);
    else if (lot !== null && kind === "stop") this.#books.closeStopped(lot, price);
    else if (lot !== null) this.#books.closeAtTarget(lot, price);
  }
}

function losesAt({ size }: Lot, level: number, high: number, low: number): boolean {
  return size > 0 ? low <= level : high >= level;
}

function winsWithin({ size, target }: Lot, high: number, low: number): boolean {
  return size > 0 ? high >= target : low <= target;
}

/** The best price that the lot has seen when it sees `price` too. */
function bestOf({ size, best }: Lot, price: number): number {
  return size > 0 ? Math.max(best, price) : Math.min(best, price);
}

/** The price that a waiting order waits for. */
function levelOf({ kind, limit, stop }: Order): number {
  return kind === "limit" ? limit : stop;
}

/** 1 for an order that a rising price reaches: a stop to buy, a limit to sell. */
function wayTo({ kind, side }: Order): Side {
  if (kind !== "limit") return side;
  return side === 1 ? -1 : 1;
}

function isReached(order: Order, high: number, low: number): boolean {
  if (order.kind === "market") return false;
  return wayTo(order) === 1 ? high >= levelOf(order) : low <= levelOf(order);
}

function slackOf(a: Outcome, b: Outcome): number {
  return SAME_MONEY * Math.max(Math.abs(a.value), Math.abs(b.value), Math.abs(a.cash), Math.abs(b.cash));
}

function isSame(a: Outcome, b: Outcome): boolean {
  const slack = slackOf(a, b);
  return (
    a.trades === b.trades &&
    a.orders === b.orders &&
    a.size === b.size &&
    Math.abs(a.value - b.value) <= slack &&
    Math.abs(a.cash - b.cash) <= slack
  );
}

function isWorse(a: Outcome, b: Outcome): boolean {
  const slack = slackOf(a, b);
  if (Math.abs(a.value - b.value) > slack) return a.value < b.value;
  return a.best < b.best - slack;
}
