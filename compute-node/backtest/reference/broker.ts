/**
 * @file The slow, obvious broker, for checking the real one: every rule of an order spelled out, lists made anew.
 *
 * It shares nothing with `broker.ts` but the types of orders. No production code uses it.
 */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { BrokerOptions } from "../engine/execution.ts";
import type { OrderRequest } from "../engine/order.ts";
import { commissionOf, holdingCostOf, inLots, liquidationOf, onTick, unitsOf } from "./arithmetic.ts";
import type { ReferenceTrade } from "./engine.ts";

interface Waiting {
  readonly id: number;
  readonly direction: number;
  readonly request: OrderRequest;
  readonly closes: number;
  readonly placedBar: number;
  /** A stop-limit order whose stop was reached. */
  readonly isTriggered: boolean;
}

interface Holding {
  units: number;
  readonly entryBar: number;
  readonly openedBar: number;
  readonly entryPrice: number;
  readonly request: OrderRequest;
  stop: number | null;
  readonly target: number | null;
  entryFee: number;
  holdingCost: number;
  best: number;
  isTrailed: boolean;
  /** Opened between the open and the close of the bar that is being processed. */
  isFresh: boolean;
}

export class ReferenceBroker {
  readonly trades: ReferenceTrade[] = [];
  readonly equity: number[] = [];
  waiting: Waiting[] = [];
  holdings: Holding[] = [];
  /** The side of all holdings: 1 long, -1 short. */
  direction = 0;
  cash: number;
  refused = 0;
  ambiguous = 0;
  liquidations = 0;
  isRuined = false;
  private bar = 0;
  private placed = 0;
  private readonly bars: BarColumns;
  private readonly settings: BacktestSettings;
  private readonly options: BrokerOptions;

  constructor(bars: BarColumns, settings: BacktestSettings, options: BrokerOptions) {
    this.bars = bars;
    this.settings = settings;
    this.options = options;
    this.cash = settings.initialCapital;
  }

  place(direction: number, request: OrderRequest, closes = 0): number {
    this.placed++;
    this.waiting.push({ id: this.placed, direction, request, closes, placedBar: this.bar, isTriggered: false });
    return this.placed;
  }

  close(portion: number): void {
    if (this.holdings.length > 0) this.place(-this.direction, {}, portion);
  }

  cancel(id: number): void {
    this.waiting = this.waiting.filter((order) => order.id !== id);
  }

  process(bar: number): void {
    this.bar = bar;
    const { open, high, low, close, timeMs } = this.bars;
    if (this.holdings.length > 0) this.payHolding(timeMs[bar] - timeMs[bar - 1], close[bar - 1]);
    for (const holding of [...this.holdings]) {
      const { maxBars } = holding.request;
      if (maxBars !== undefined && bar >= holding.entryBar + maxBars) this.exit(holding, open[bar], bar, "time_stop");
    }
    this.fillMarketOrders(bar);
    const day = (at: number) => Math.floor(timeMs[at] / DAY_MS);
    this.waiting = this.waiting.filter(
      ({ request, placedBar }) => request.timeInForce !== "day" || day(placedBar + 1) >= day(bar),
    );
    this.loseWhatIsReached(bar);
    for (const { id } of [...this.waiting]) this.tryToFill(id, open[bar], high[bar], low[bar]);
    this.winWhatIsReached(bar);
    for (const holding of this.holdings) this.moveTrailingStop(holding, high[bar], low[bar]);
    this.mark(bar);
  }

  /** Processes the last bar once more, for positions that are open at the end. */
  finish(): void {
    if (this.isRuined) return;
    const last = this.bars.rows - 1;
    if (!this.settings.finalizeTrades) return;
    const { price, fillBar } = this.marketPrice(last);
    if (!this.waiting.some(({ closes }) => closes === 1)) this.exitAll(price, fillBar, "end_of_data");
    this.fillMarketOrders(last);
    this.loseWhatIsReached(last);
    this.winWhatIsReached(last);
    this.mark(last);
  }

  get size(): number {
    return this.holdings.reduce((sum, { units }) => sum + this.direction * units, 0);
  }

  private mark(bar: number): void {
    this.equity[bar] = this.worth(this.bars.close[bar]);
    if (this.equity[bar] > 0) return;
    this.exitAll(this.bars.close[bar], bar, "ruin");
    this.waiting = [];
    this.cash = 0;
    this.isRuined = true;
    for (let later = bar; later < this.bars.rows; later++) this.equity[later] = 0;
  }

  private worth(price: number): number {
    return this.holdings.reduce(
      (sum, { units, entryPrice }) => sum + this.direction * units * (price - entryPrice),
      this.cash,
    );
  }

  private owed(): number {
    return (
      this.holdings.reduce((sum, { units, entryPrice }) => sum + this.direction * units * entryPrice, 0) - this.cash
    );
  }

  private payHolding(elapsedMs: number, price: number): void {
    const cost = holdingCostOf(this.settings, this.size, this.owed(), price, elapsedMs);
    const all = this.size;
    this.cash -= cost;
    for (const holding of this.holdings) holding.holdingCost += cost * ((this.direction * holding.units) / all);
  }

  private marketPrice(bar: number): { price: number; fillBar: number } {
    const atClose = this.settings.fillAt === "close";
    return atClose
      ? { price: this.bars.close[bar - 1], fillBar: bar - 1 }
      : { price: this.bars.open[bar], fillBar: bar };
  }

  private fillMarketOrders(bar: number): void {
    for (;;) {
      const order = this.waiting.find(({ request }) => request.limit === undefined && request.stop === undefined);
      if (order === undefined) return;
      const { price, fillBar } = this.marketPrice(bar);
      this.fill(order, price, fillBar, false);
    }
  }

  private tryToFill(id: number, open: number, high: number, low: number): void {
    const order = this.waiting.find((candidate) => candidate.id === id);
    if (order === undefined) return;
    const { direction, request, placedBar, isTriggered } = order;
    const buys = direction === 1;
    const limit = request.limit === undefined ? null : onTick(this.settings, request.limit, -direction);
    const stop = request.stop === undefined || isTriggered ? null : onTick(this.settings, request.stop, direction);
    let price: number;
    if (stop !== null) {
      const isReached = buys ? high >= stop : low <= stop;
      if (!isReached) return;
      price = buys ? Math.max(open, stop) : Math.min(open, stop);
      const isTooFar = limit !== null && (buys ? price > limit : price < limit);
      if (isTooFar) {
        this.waiting = this.waiting.map((other) => (other.id === id ? { ...other, isTriggered: true } : other));
        return;
      }
      this.fill(order, price, this.bar, false);
      return;
    }
    if (limit === null) return;
    const isReached = buys ? low <= limit : high >= limit;
    if (!isReached) return;
    price = buys ? Math.min(open, limit) : Math.max(open, limit);
    this.fill(order, price, this.bar, price !== open || placedBar + 1 < this.bar);
  }

  private fill(order: Waiting, price: number, bar: number, isMaker: boolean): void {
    const { direction, request, closes } = order;
    this.waiting = this.waiting.filter(
      ({ id, request: other }) =>
        id !== order.id && (request.cancelGroup === undefined || other.cancelGroup !== request.cancelGroup),
    );
    const held = Math.abs(this.size);
    const isAgainst = this.holdings.length > 0 && direction !== this.direction;
    if (closes > 0) {
      if (!isAgainst) return;
      if (closes === 1) this.exitAll(price, bar, "signal", isMaker);
      else this.exitUnits(held * closes, price, bar, isMaker);
      return;
    }
    if (!isAgainst) {
      this.enter(order, price, bar, request.units, isMaker);
      return;
    }
    const { units } = request;
    if (units === undefined || units >= held) this.exitAll(price, bar, "signal", isMaker);
    else this.exitUnits(units, price, bar, isMaker);
    if (this.options.reversal === false) return;
    if (units === undefined) this.enter(order, price, bar, undefined, isMaker);
    else if (units > held) this.enter(order, price, bar, units - held, isMaker);
  }

  private enter(order: Waiting, price: number, bar: number, units: number | undefined, isMaker: boolean): void {
    const { direction, request } = order;
    const { settings } = this;
    const slipped = price * (1 + direction * settings.slippageRate);
    const entryPrice = onTick(settings, slipped * (1 + direction * settings.spreadRate), direction);
    const bound = this.holdings.length === 0 ? 0 : Math.abs(this.size) * price * settings.margin;
    const free = this.holdings.length === 0 ? this.cash : this.worth(price) - bound;
    const demand = {
      fraction: request.size ?? 1,
      ...(units === undefined ? {} : { units }),
      ...(request.money === undefined ? {} : { money: request.money }),
    };
    const taken = unitsOf(settings, demand, free, { slipped, entry: entryPrice, isMaker });
    if (taken === 0 || this.holdings.length >= (this.options.pyramiding ?? Number.POSITIVE_INFINITY)) {
      this.refused++;
      return;
    }
    const level = (wanted: OrderRequest["stopLoss"], sign: number) => {
      if (wanted === undefined) return null;
      return onTick(settings, typeof wanted === "number" ? wanted : entryPrice * (1 + sign * wanted.fraction), sign);
    };
    const entryFee = commissionOf(settings, taken, entryPrice, isMaker);
    this.cash -= entryFee;
    this.direction = direction;
    const isWaitingOrder = request.limit !== undefined || request.stop !== undefined;
    const holding: Holding = {
      units: taken,
      entryBar: bar,
      openedBar: this.bar,
      entryPrice,
      request,
      stop: level(request.stopLoss, -direction),
      target: level(request.takeProfit, direction),
      entryFee,
      holdingCost: 0,
      best: entryPrice,
      isTrailed: false,
      isFresh: isWaitingOrder && price !== this.bars.open[bar],
    };
    this.holdings.push(holding);
    this.tightenTrailingStop(holding);
    if (isWaitingOrder) this.loseAfterEntry(holding, price);
  }

  /** The part of the bar after a fill: it is taken to go against the position. */
  private loseAfterEntry(holding: Holding, price: number): void {
    const reach = this.direction === 1 ? this.bars.low[this.bar] : this.bars.high[this.bar];
    const [loss] = this.lossesInOrder([holding]);
    if (loss === undefined || (this.direction === 1 ? reach > loss.level : reach < loss.level)) return;
    const fill = this.direction === 1 ? Math.min(price, loss.level) : Math.max(price, loss.level);
    if (holding.isFresh || this.reachesTarget(holding)) this.ambiguous++;
    this.takeLoss(loss, fill);
  }

  /** The levels that would end `holdings` with a loss, nearest to the market first. */
  private lossesInOrder(holdings: readonly Holding[]): { level: number; holding: Holding | null }[] {
    const losses: { level: number; holding: Holding | null }[] = holdings.flatMap((holding) =>
      holding.stop === null ? [] : [{ level: holding.stop, holding }],
    );
    const call = liquidationOf(this.settings, this.size, this.owed());
    if (call !== null) losses.push({ level: call, holding: null });
    return losses.sort((left, right) => this.direction * (right.level - left.level));
  }

  private takeLoss({ holding }: { holding: Holding | null }, fill: number): void {
    if (holding !== null) {
      this.exit(holding, fill, this.bar, holding.isTrailed ? "trailing_stop" : "stop_loss");
      return;
    }
    this.liquidations++;
    this.exitAll(fill, this.bar, "liquidation");
    this.waiting = [];
  }

  private loseWhatIsReached(bar: number): void {
    const { open, high, low } = this.bars;
    for (const holding of this.holdings) holding.isFresh = false;
    const isReached = (level: number) => (this.direction === 1 ? low[bar] <= level : high[bar] >= level);
    const fillAt = (level: number) => (this.direction === 1 ? Math.min(open[bar], level) : Math.max(open[bar], level));
    if (this.settings.maintenanceMargin === undefined) {
      for (const holding of [...this.holdings]) {
        if (holding.stop === null || !isReached(holding.stop)) continue;
        if (this.reachesTarget(holding)) this.ambiguous++;
        this.takeLoss({ holding }, fillAt(holding.stop));
      }
      return;
    }
    while (this.holdings.length > 0) {
      const [loss] = this.lossesInOrder(this.holdings);
      if (loss === undefined || !isReached(loss.level)) return;
      const concerned = loss.holding === null ? this.holdings : [loss.holding];
      if (concerned.some((holding) => this.reachesTarget(holding))) this.ambiguous++;
      this.takeLoss(loss, fillAt(loss.level));
    }
  }

  private reachesTarget({ target }: Holding): boolean {
    if (target === null) return false;
    return this.direction === 1 ? this.bars.high[this.bar] >= target : this.bars.low[this.bar] <= target;
  }

  private winWhatIsReached(bar: number): void {
    const open = this.bars.open[bar];
    for (const holding of [...this.holdings]) {
      const { target, isFresh, openedBar } = holding;
      if (target === null || isFresh || !this.reachesTarget(holding)) continue;
      const fill = this.direction === 1 ? Math.max(open, target) : Math.min(open, target);
      this.exit(holding, fill, bar, "take_profit", fill !== open || bar > openedBar);
    }
  }

  private moveTrailingStop(holding: Holding, high: number, low: number): void {
    if (holding.isFresh || holding.request.trailingStop === undefined) return;
    holding.best = this.direction === 1 ? Math.max(holding.best, high) : Math.min(holding.best, low);
    this.tightenTrailingStop(holding);
  }

  private tightenTrailingStop(holding: Holding): void {
    const { trailingStop } = holding.request;
    if (trailingStop === undefined) return;
    const level = onTick(this.settings, holding.best * (1 - this.direction * trailingStop), -this.direction);
    const isTighter = holding.stop === null || this.direction * (level - holding.stop) > 0;
    if (!isTighter) return;
    holding.stop = level;
    holding.isTrailed = true;
  }

  private exitAll(price: number, bar: number, reason: string, isMaker = false): void {
    for (const holding of [...this.holdings]) this.exit(holding, price, bar, reason, isMaker);
  }

  /** Oldest holdings first. */
  private exitUnits(units: number, price: number, bar: number, isMaker: boolean): void {
    let left = inLots(this.settings, units);
    if (left === 0) this.refused++;
    while (left > 0 && this.holdings.length > 0) {
      const [oldest] = this.holdings;
      if (oldest.units <= left) {
        left -= oldest.units;
        this.exit(oldest, price, bar, "signal", isMaker);
        continue;
      }
      const share = left / oldest.units;
      const part = {
        ...oldest,
        units: left,
        entryFee: oldest.entryFee * share,
        holdingCost: oldest.holdingCost * share,
      };
      oldest.units -= part.units;
      oldest.entryFee -= part.entryFee;
      oldest.holdingCost -= part.holdingCost;
      this.report(part, price, bar, "signal", isMaker);
      left = 0;
    }
  }

  private exit(holding: Holding, price: number, bar: number, reason: string, isMaker = false): void {
    this.holdings = this.holdings.filter((other) => other !== holding);
    this.report(holding, price, bar, reason, isMaker);
  }

  private report(holding: Holding, price: number, bar: number, exitReason: string, isMaker: boolean): void {
    const { direction, settings } = this;
    const { units, entryPrice, entryBar, entryFee, holdingCost, stop, target } = holding;
    const exitPrice = onTick(settings, price * (1 - direction * settings.slippageRate), -direction);
    const exitFee = commissionOf(settings, units, exitPrice, isMaker);
    const commission = exitFee + entryFee;
    const costs = commission + holdingCost;
    const gross = direction * units * (exitPrice - entryPrice);
    const returnFraction = direction * (exitPrice / entryPrice - 1) - costs / (units * entryPrice);
    this.cash += gross - exitFee;
    this.trades.push({
      size: direction * units,
      entryBar,
      exitBar: bar,
      entryPrice,
      exitPrice,
      pnl: gross - costs,
      commission,
      holdingCost,
      returnPercent: returnFraction * 100,
      stopLoss: stop,
      takeProfit: target,
      exitReason,
    });
  }
}
