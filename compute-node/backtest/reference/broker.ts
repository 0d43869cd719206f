/**
 * @file The slow, obvious broker, for checking the real one: every rule of an order spelled out, lists made anew.
 *
 * It shares nothing with `broker.ts` but the types of orders. No production code uses it. A bar is a path here: a list of
 * prices, and at each of them everything that is due happens, one thing after the other. Of several possible paths the
 * whole account is copied along each.
 */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { BrokerOptions } from "../engine/execution.ts";
import type { OrderRequest } from "../engine/order.ts";
import {
  commissionOf,
  holdingCostOf,
  inLots,
  isAllOf,
  liquidationOf,
  meantUnits,
  moved,
  onTick,
  unitsOf,
} from "./arithmetic.ts";
import type { Account, Holding, Waiting } from "./broker-model.ts";
import type { ReferenceTrade } from "./engine.ts";
import { levelOf, pathsOf, waitsForRise } from "./paths.ts";

export class ReferenceBroker {
  trades: ReferenceTrade[] = [];
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
    const isAtClose = this.settings.fillAt === "close";
    if (isAtClose) this.fillMarketOrders(bar);
    if (this.holdings.length > 0) this.payHolding(timeMs[bar] - timeMs[bar - 1], close[bar - 1]);
    for (const holding of [...this.holdings]) {
      const { maxBars } = holding.request;
      if (maxBars !== undefined && bar >= holding.entryBar + maxBars) this.exit(holding, open[bar], bar, "time_stop");
    }
    if (!isAtClose) this.fillMarketOrders(bar);
    const day = (at: number) => Math.floor(timeMs[at] / DAY_MS);
    this.waiting = this.waiting.filter(
      ({ request, placedBar }) => request.timeInForce !== "day" || day(placedBar + 1) >= day(bar),
    );
    this.live(open[bar], high[bar], low[bar], close[bar]);
    this.mark(bar);
  }

  /** Closes what is open at the end. */
  finish(): void {
    if (this.isRuined) return;
    const last = this.bars.rows - 1;
    if (!this.settings.finalizeTrades) return;
    if (this.settings.lastBar !== "replay") {
      this.exitAll(this.bars.close[last], last, "end_of_data");
      this.mark(last);
      return;
    }
    const { price, fillBar } = this.marketPrice(last);
    if (!this.waiting.some(({ closes }) => closes === 1)) this.exitAll(price, fillBar, "end_of_data");
    this.fillMarketOrders(last);
    const { open, high, low, close } = this.bars;
    this.live(open[last], high[last], low[last], close[last]);
    this.mark(last);
  }

  get size(): number {
    const [only, ...others] = this.holdings;
    if (only === undefined) return 0;
    const sum = this.holdings.reduce((units, holding) => units + holding.units, 0);
    return this.direction * (others.length === 0 ? only.units : meantUnits(this.settings, sum));
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

  private live(open: number, high: number, low: number, close: number): void {
    this.sufferGappedTargets(open, high, low);
    this.follow([open]);
    const before = this.copy();
    const ends = pathsOf(this.settings, this.waiting, this.holdings.length > 0 ? this.direction : 0, {
      open,
      high,
      low,
      close,
    }).map((path) => {
      this.use(before);
      this.follow(path);
      const worth = this.worth(close);
      const best = this.holdings.reduce((sum, holding) => sum + this.direction * holding.units * holding.best, 0);
      return { worth, best, account: this.copy() };
    });
    const isNear = (left: number, right: number, scale: number) => Math.abs(left - right) <= 1e-9 * scale;
    let chosen = ends[0];
    let isUnclear = false;
    for (const end of ends) {
      const sizeOf = ({ account }: typeof end) =>
        account.holdings.reduce((sum, { units }) => sum + units, 0) * account.direction;
      const scale = Math.max(
        ...[end, chosen].flatMap(({ worth, account }) => [Math.abs(worth), Math.abs(account.cash)]),
      );
      const isEqual =
        isNear(end.worth, chosen.worth, scale) &&
        isNear(end.account.cash, chosen.account.cash, scale) &&
        (sizeOf(end) === sizeOf(chosen) || end.account.holdings.length + chosen.account.holdings.length === 0) &&
        end.account.trades.length === chosen.account.trades.length &&
        end.account.waiting.length === chosen.account.waiting.length;
      if (!isEqual) isUnclear = true;
      const isLower = isNear(end.worth, chosen.worth, scale)
        ? end.best < chosen.best - 1e-9 * scale
        : end.worth < chosen.worth;
      if (isLower) chosen = end;
    }
    this.use(chosen.account);
    if (isUnclear) this.ambiguous++;
  }

  private copy(): Account {
    const { cash, direction, holdings, waiting, trades, refused, liquidations } = this;
    const copies = holdings.map((holding) => ({ ...holding }));
    return { cash, direction, holdings: copies, waiting: [...waiting], trades: [...trades], refused, liquidations };
  }

  private use(account: Account): void {
    Object.assign(this, account, {
      holdings: account.holdings.map((holding) => ({ ...holding })),
      waiting: [...account.waiting],
      trades: [...account.trades],
    });
  }

  /** Goes from each price to the next, and stops at every level in between. */
  private follow(path: readonly number[]): void {
    let price = this.bars.open[this.bar];
    this.arrive(price);
    for (const end of path) {
      for (;;) {
        const between = this.levels().filter((level) => (level - price) * (end - level) >= 0 && level !== price);
        const next = between.sort((a, b) => Math.abs(a - price) - Math.abs(b - price))[0] ?? end;
        price = next;
        this.happen(price);
        if (next === end) break;
      }
      this.arrive(end);
    }
  }

  /** Every price at which something may become due. */
  private levels(): number[] {
    const call = this.callPrice();
    return [
      ...this.holdings.flatMap(({ stop, target }) => [stop, target]),
      ...this.waiting.map((order) => levelOf(this.settings, order)),
      call,
    ].filter((level) => level !== null);
  }

  private callPrice(): number | null {
    return this.holdings.length === 0 ? null : liquidationOf(this.settings, this.size, this.owed());
  }

  /** The price is seen: what is due happens, and trailing stops move. */
  private arrive(price: number): void {
    this.happen(price);
    for (const holding of this.holdings) {
      if (holding.request.trailingStop === undefined) continue;
      holding.best = this.direction === 1 ? Math.max(holding.best, price) : Math.min(holding.best, price);
      this.tightenTrailingStop(holding);
    }
  }

  private happen(price: number): void {
    while (this.loseOne(price) || this.fillOne(price) || this.winOne(price));
  }

  /** The loss that the price met first, if it has met one. */
  private loseOne(price: number): boolean {
    const isMet = (level: number) => (this.direction === 1 ? price <= level : price >= level);
    const losses: { level: number; holding: Holding | null }[] = this.holdings.flatMap((holding) =>
      holding.stop !== null && isMet(holding.stop) ? [{ level: holding.stop, holding }] : [],
    );
    const call = this.callPrice();
    if (call !== null && isMet(call)) losses.push({ level: call, holding: null });
    const [first] = losses.sort((left, right) => this.direction * (right.level - left.level));
    if (first === undefined) return false;
    this.takeLoss(first.holding, price);
    return true;
  }

  private takeLoss(holding: Holding | null, price: number): void {
    if (holding !== null) {
      this.exit(holding, price, this.bar, holding.isTrailed ? "trailing_stop" : "stop_loss");
      return;
    }
    this.liquidations++;
    this.exitAll(price, this.bar, "liquidation");
    this.waiting = [];
  }

  private fillOne(price: number): boolean {
    const order = this.waiting.find((candidate) => {
      const level = levelOf(this.settings, candidate);
      return waitsForRise(candidate) ? price >= level : price <= level;
    });
    if (order === undefined) return false;
    const { direction, request, isTriggered, placedBar, id } = order;
    const isStop = request.stop !== undefined && !isTriggered;
    const limit = request.limit === undefined ? null : onTick(this.settings, request.limit, -direction);
    if (isStop && limit !== null && (direction === 1 ? price > limit : price < limit)) {
      this.waiting = this.waiting.map((other) => (other.id === id ? { ...other, isTriggered: true } : other));
      return true;
    }
    const isMaker = !isStop && (price !== this.bars.open[this.bar] || placedBar + 1 < this.bar);
    this.fill(order, price, this.bar, isMaker);
    return true;
  }

  private winOne(price: number): boolean {
    const holding = this.holdings.find(
      ({ target, targetFromBar }) =>
        target !== null && this.bar >= targetFromBar && (this.direction === 1 ? price >= target : price <= target),
    );
    if (holding === undefined) return false;
    const isMaker = price !== this.bars.open[this.bar] || this.bar > holding.openedBar;
    this.exit(holding, price, this.bar, "take_profit", isMaker);
    return true;
  }

  /** The convention by which a bar that opens beyond the target ends at the stop that it reaches later. */
  private sufferGappedTargets(open: number, high: number, low: number): void {
    if (this.settings.gappedTarget !== "stop") return;
    for (const holding of [...this.holdings]) {
      if (!this.holdings.includes(holding)) continue;
      const call = this.callPrice();
      const isCalled = call !== null && (holding.stop === null || this.direction * (call - holding.stop) > 0);
      const loss = isCalled ? call : holding.stop;
      if (loss === null || holding.target === null) continue;
      const isGapped = this.direction === 1 ? open >= holding.target : open <= holding.target;
      const isReached = this.direction === 1 ? low <= loss : high >= loss;
      if (!isGapped || !isReached) continue;
      this.takeLoss(isCalled ? null : holding, this.direction === 1 ? Math.min(open, loss) : Math.max(open, loss));
    }
  }

  private fill(order: Waiting, price: number, bar: number, isMaker: boolean): void {
    this.waiting = this.waiting.filter(({ id }) => id !== order.id);
    const before = { size: this.size, trades: this.trades.length };
    this.execute(order, price, bar, isMaker);
    const isFilled = this.size !== before.size || this.trades.length > before.trades;
    const { cancelGroup } = order.request;
    if (isFilled && cancelGroup !== undefined)
      this.waiting = this.waiting.filter(({ request }) => request.cancelGroup !== cancelGroup);
  }

  private execute(
    { direction, request, closes, ...order }: Waiting,
    price: number,
    bar: number,
    isMaker: boolean,
  ): void {
    const held = Math.abs(this.size);
    const isAgainst = this.holdings.length > 0 && direction !== this.direction;
    const entry = { direction, request, closes, ...order };
    if (closes > 0) {
      if (!isAgainst) return;
      if (closes === 1) this.exitAll(price, bar, "signal", isMaker);
      else this.exitUnits(held * closes, price, bar, isMaker);
      return;
    }
    if (!isAgainst) {
      this.enter(entry, price, bar, request.units, isMaker);
      return;
    }
    const { units } = request;
    if (units === undefined || isAllOf(units, held)) this.exitAll(price, bar, "signal", isMaker);
    else this.exitUnits(units, price, bar, isMaker);
    if (this.options.reversal === false) return;
    if (units === undefined) this.enter(entry, price, bar, undefined, isMaker);
    else if (!isAllOf(held, units)) this.enter(entry, price, bar, meantUnits(this.settings, units - held), isMaker);
  }

  private enter(order: Waiting, price: number, bar: number, units: number | undefined, isMaker: boolean): void {
    const { direction, request } = order;
    const { settings } = this;
    const slipped = moved(price, direction, settings.slippageRate);
    const entryPrice = onTick(settings, moved(slipped, direction, settings.spreadRate), direction);
    const bound = this.holdings.length === 0 ? 0 : Math.abs(this.size * price) * settings.margin;
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
      return onTick(settings, typeof wanted === "number" ? wanted : moved(entryPrice, sign, wanted.fraction), sign);
    };
    const entryFee = commissionOf(settings, taken, entryPrice, isMaker);
    this.cash -= entryFee;
    this.direction = direction;
    const stop = level(request.stopLoss, -direction);
    const holding: Holding = {
      units: taken,
      entryBar: bar,
      openedBar: this.bar,
      entryPrice,
      request,
      stop,
      target: level(request.takeProfit, direction),
      entryFee,
      holdingCost: 0,
      best: entryPrice,
      isTrailed: false,
      targetFromBar: this.bar,
    };
    this.tightenTrailingStop(holding);
    this.holdings.push({ ...holding, targetFromBar: this.bar + this.barsBeforeTarget(order, holding) });
  }

  private barsBeforeTarget({ request, isTriggered }: Waiting, { stop }: Holding): 0 | 1 {
    const isMarket = request.limit === undefined && request.stop === undefined;
    if (isMarket || this.settings.entryBarTarget !== "stop_entries") return 0;
    const isPlainStop = request.limit === undefined && !isTriggered;
    const [low, high] = [this.bars.low[this.bar], this.bars.high[this.bar]];
    const isStopped = stop !== null && (this.direction === 1 ? low <= stop : high >= stop);
    return isPlainStop && !isStopped ? 0 : 1;
  }

  private tightenTrailingStop(holding: Holding): void {
    const { trailingStop } = holding.request;
    if (trailingStop === undefined) return;
    const level = onTick(this.settings, moved(holding.best, -this.direction, trailingStop), -this.direction);
    const isTighter = holding.stop === null || this.direction * (level - holding.stop) > 0;
    if (!isTighter) return;
    holding.stop = level;
    holding.isTrailed = true;
  }

  /** One order for all holdings: each bears its part of the commission. */
  private exitAll(price: number, bar: number, reason: string, isMaker = false): void {
    const exitPrice = this.exitPriceOf(price);
    const all = Math.abs(this.size);
    const fee = commissionOf(this.settings, all, exitPrice, isMaker);
    for (const holding of [...this.holdings]) {
      this.holdings = this.holdings.filter((other) => other !== holding);
      this.report(holding, exitPrice, bar, reason, holding.units === all ? fee : fee * (holding.units / all));
    }
  }

  /** One order, oldest holdings first. */
  private exitUnits(wanted: number, price: number, bar: number, isMaker: boolean): void {
    const units = inLots(this.settings, wanted);
    if (units === 0) this.refused++;
    const exitPrice = this.exitPriceOf(price);
    const fee = commissionOf(this.settings, units, exitPrice, isMaker);
    let left = units;
    while (left > 0 && this.holdings.length > 0) {
      const [oldest] = this.holdings;
      const isWhole = isAllOf(left, oldest.units);
      const taken = isWhole ? oldest.units : left;
      left = isWhole && !isAllOf(oldest.units, left) ? meantUnits(this.settings, left - taken) : 0;
      const part = fee * (taken / units);
      if (isWhole) {
        this.holdings = this.holdings.filter((other) => other !== oldest);
        this.report(oldest, exitPrice, bar, "signal", part);
        continue;
      }
      const share = taken / oldest.units;
      const carried = { entryFee: oldest.entryFee * share, holdingCost: oldest.holdingCost * share };
      this.report({ ...oldest, units: taken, ...carried }, exitPrice, bar, "signal", part);
      oldest.units = meantUnits(this.settings, oldest.units - taken);
      oldest.entryFee -= carried.entryFee;
      oldest.holdingCost -= carried.holdingCost;
    }
  }

  private exitPriceOf(price: number): number {
    return onTick(this.settings, moved(price, -this.direction, this.settings.slippageRate), -this.direction);
  }

  private exit(holding: Holding, price: number, bar: number, reason: string, isMaker = false): void {
    const exitPrice = this.exitPriceOf(price);
    this.holdings = this.holdings.filter((other) => other !== holding);
    this.report(holding, exitPrice, bar, reason, commissionOf(this.settings, holding.units, exitPrice, isMaker));
  }

  private report(holding: Holding, exitPrice: number, bar: number, exitReason: string, exitFee: number): void {
    const { direction } = this;
    const { units, entryPrice, entryBar, entryFee, holdingCost, stop, target } = holding;
    const commission = exitFee + entryFee;
    const costs = commission + holdingCost;
    const gross = direction * units * (exitPrice - entryPrice);
    const gain = direction * Math.sign(entryPrice) * (exitPrice / entryPrice - 1);
    const returnFraction = gain - costs / (units * Math.abs(entryPrice));
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
