/**
 * @file The slow, obvious portfolio engine, for checking the fast one: every symbol at every moment, objects, no cursors.
 *
 * It shares nothing with `engine.ts` and `account.ts` but the types, so that a mistake in one of them shows. No production
 * code uses it.
 */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { PortfolioPlan, PortfolioSymbol } from "../portfolio-model.ts";
import { isRebalance, stillness } from "./arithmetic.ts";
import { levelReached } from "./levels.ts";
import type { EntryMark, Market, Order, ReferenceTrade } from "./model.ts";
import { bought, commissionOf, moved, partOf, tidied, unitsFor, wholeLotsIn } from "./sizes.ts";

export class ReferencePortfolio {
  readonly clock: number[];
  readonly equity: number[] = [];
  readonly trades: ReferenceTrade[] = [];
  readonly refusals: Record<string, number> = {};
  cash: number;
  reducedEntries = 0;
  ambiguousBars = 0;
  /** The account after each entry, for the tests. */
  readonly entries: EntryMark[] = [];
  private readonly markets: Market[];
  private readonly plan: PortfolioPlan;
  private readonly settings: BacktestSettings;
  private orders: Order[] = [];
  private isRuined = false;
  private lastRebalance = -1;

  constructor(symbols: readonly PortfolioSymbol[], plan: PortfolioPlan, settings: BacktestSettings) {
    this.clock = [...new Set(symbols.flatMap(({ bars }) => [...bars.timeMs]))].sort((a, b) => a - b);
    this.markets = [...symbols]
      .sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
      .map((of) => {
        const barAt = new Map([...of.bars.timeMs].map((time, bar) => [this.clock.indexOf(time), bar]));
        return { name: of.symbol, of, barAt, position: null };
      });
    this.plan = plan;
    this.settings = settings;
    this.cash = settings.initialCapital;
  }

  run(): this {
    for (let moment = 0; moment < this.clock.length; moment++) {
      if (this.isRuined) this.equity[moment] = 0;
      else this.live(moment);
    }
    if (!this.isRuined) this.end();
    return this;
  }

  private live(moment: number): void {
    const atClose = this.settings.fillAt === "close";
    if (atClose) this.execute(moment);
    for (const market of this.markets) this.applyAction(market, moment);
    if (!atClose) this.execute(moment);
    for (const market of this.markets) this.checkLevels(market, moment);
    this.mark("close", moment);
    this.equity[moment] = this.worth();
    if (this.equity[moment] <= 0) {
      this.goBroke(moment);
      return;
    }
    for (const market of this.markets) this.decide(market, moment);
    this.rebalance(moment);
  }

  private held(): Market[] {
    return this.markets.filter(({ position }) => position !== null);
  }

  private worth(): number {
    let value = this.cash;
    for (const { position } of this.held()) value += position!.size * (position!.mark - position!.cost);
    return value;
  }

  private free(): number {
    let value = 0;
    for (const { position } of this.held()) value += Math.abs(position!.size * position!.mark);
    return this.worth() - this.settings.margin * value;
  }

  /** Free equity that is more than the rounding of sums. */
  private freeMoney(): number {
    return this.free() > this.worth() / 1e12 ? this.free() : 0;
  }

  /** The newest bar up to the moment; -1 without one. */
  private newest({ of }: Market, moment: number): number {
    let bar = -1;
    while (bar + 1 < of.bars.rows && of.bars.timeMs[bar + 1] <= this.clock[moment]) bar++;
    return bar;
  }

  private momentOf({ of }: Market, bar: number): number {
    return this.clock.indexOf(of.bars.timeMs[bar]);
  }

  private splitAt({ of }: Market, bar: number): number {
    return of.actions.find((action) => action.bar === bar)?.split ?? 1;
  }

  private applyAction({ of, barAt, position }: Market, moment: number): void {
    const bar = barAt.get(moment);
    const action = of.actions.find((candidate) => candidate.bar === bar);
    if (bar === undefined || action === undefined || position === null) return;
    position.size *= action.split;
    position.entryPrice /= action.split;
    position.cost /= action.split;
    position.mark /= action.split;
    if (position.stop !== null) position.stop /= action.split;
    if (position.target !== null) position.target /= action.split;
    const paid = position.size * (action.dividend * (of.rates?.open[bar] ?? 1));
    position.dividends += paid;
    this.cash += paid;
  }

  private mark(price: "open" | "close", moment: number): void {
    for (const { of, barAt, position } of this.held()) {
      const bar = barAt.get(moment);
      if (bar !== undefined && position !== null) position.mark = of.bars[price][bar] * (of.rates?.[price][bar] ?? 1);
    }
  }

  private execute(moment: number): void {
    const atClose = this.settings.fillAt === "close";
    const marketOf = (order: Order) => this.markets.find(({ name }) => name === order.name)!;
    const due = this.orders.filter((order) => atClose || marketOf(order).barAt.get(moment) === order.bar + 1);
    if (due.length === 0) return;
    this.orders = this.orders.filter((order) => !due.includes(order));
    if (!atClose) this.mark("open", moment);
    const quote = (order: Order) => {
      const market = marketOf(order);
      const { bars, rates } = market.of;
      if (atClose)
        return {
          price: bars.close[order.bar],
          rate: rates?.close[order.bar] ?? 1,
          moment: this.momentOf(market, order.bar),
        };
      return { price: bars.open[order.bar + 1], rate: rates?.open[order.bar + 1] ?? 1, moment };
    };
    this.fillAll(due, quote, (order) => {
      const market = marketOf(order);
      const split = atClose ? 1 : this.splitAt(market, order.bar + 1);
      return market.of.bars.close[order.bar] / split;
    });
  }

  private fillAll(
    due: Order[],
    quote: (order: Order) => { price: number; rate: number; moment: number },
    signalClose: (order: Order) => number,
  ): void {
    const byName = [...due].sort((a, b) => (a.name < b.name ? -1 : 1));
    const marketOf = (order: Order) => this.markets.find(({ name }) => name === order.name)!;
    for (const order of byName) {
      if (order.kind !== "exit") continue;
      const { price, rate, moment } = quote(order);
      this.close(marketOf(order), price, rate, moment, order.reason);
    }
    const before = this.worth();
    for (const order of byName) {
      if (order.kind !== "resize") continue;
      const { price, rate, moment } = quote(order);
      this.resize(marketOf(order), price, rate, moment, order.share, before, "smaller");
    }
    const after = this.worth();
    for (const order of this.inOrder(byName.filter(({ kind }) => kind !== "exit"))) {
      const { price, rate, moment } = quote(order);
      const market = marketOf(order);
      if (order.kind === "resize") this.resize(market, price, rate, moment, order.share, after, "larger");
      else this.enter(market, order, price, rate, moment, after, signalClose(order));
    }
  }

  private inOrder<Ranked extends { rank: number }>(byName: Ranked[]): Ranked[] {
    const sign = this.plan.rankOrder === "descending" ? -1 : 1;
    return [...byName].sort((a, b) => sign * (a.rank - b.rank));
  }

  private refuse(reason: string): void {
    this.refusals[reason] = (this.refusals[reason] ?? 0) + 1;
  }

  private enter(
    market: Market,
    order: Order,
    price: number,
    rate: number,
    moment: number,
    equity: number,
    signalClose: number,
  ): void {
    const { settings } = this;
    if (this.held().length >= this.plan.maxPositions) {
      this.refuse("max_positions");
      return;
    }
    const direction = order.direction;
    const slipped = moved(price, direction, settings.slippageRate);
    const entryPrice = moved(slipped, direction, settings.spreadRate);
    if (entryPrice * rate === 0) {
      this.refuse("no_size");
      return;
    }
    const sizeFraction = fractionOf(market.of.signals, this.settings.margin);
    const at = { slipped: slipped * rate, entry: entryPrice * rate };
    const carried = (money: number) => unitsFor(settings, money, sizeFraction, at);
    const everything = Math.max(0, equity);
    const wanted = everything * partOf(settings, sizeFraction) * Math.min(order.share, this.plan.maxWeight);
    const free = this.freeMoney();
    const money = wanted > free ? free * partOf(settings, 1) : wanted;
    const units = carried(money);
    const unitsWanted = carried(wanted);
    if (units <= 0) {
      const isSmall = unitsWanted === 0 && unitsFor(settings, everything * partOf(settings, 1), 1, at) > 0;
      this.refuse(isSmall ? "below_lot" : "no_cash");
      return;
    }
    if (units < unitsWanted * (1 - 1e-9)) this.reducedEntries++;
    const { stopLoss, takeProfit } = market.of.signals;
    const from = (level: { from: string }) => (level.from === "fill" ? entryPrice : signalClose);
    const fee = commissionOf(this.settings, units, entryPrice * rate);
    this.cash -= fee;
    market.position = {
      size: direction * units,
      entryMoment: moment,
      entryPrice,
      cost: entryPrice * rate,
      mark: price * rate,
      fee,
      dividends: 0,
      stop: stopLoss === null ? null : moved(from(stopLoss), -direction, stopLoss.fraction),
      target: takeProfit === null ? null : moved(from(takeProfit), direction, takeProfit.fraction),
    };
    // The price paid lies off the mark by the spread and the slippage.
    const priceLoss = units * Math.abs(entryPrice * rate - price * rate) * (1 + settings.margin);
    this.entries.push({ equity: this.worth(), free: this.free(), priceLoss, isLong: direction > 0 });
  }

  private resize(
    market: Market,
    price: number,
    rate: number,
    moment: number,
    share: number,
    equity: number,
    direction: "smaller" | "larger",
  ): void {
    const { position } = market;
    if (position === null) return;
    const { settings } = this;
    const value = Math.abs(price * rate);
    if (value === 0) return;
    const sizeFraction = fractionOf(market.of.signals, this.settings.margin);
    const everything = Math.max(0, equity);
    const money = everything * partOf(settings, sizeFraction) * Math.min(share, this.plan.maxWeight);
    const wanted = bought(settings, money * (1 / settings.margin), value);
    const units = Math.abs(position.size);
    const change = tidied(settings, Math.abs(wanted - units));
    if (change * value < (this.plan.rebalance?.band ?? 0) * (everything * (1 / settings.margin))) return;
    if (change <= units / 1e12) return;
    if (wanted < units) {
      if (direction === "smaller") this.close(market, price, rate, moment, "rebalance", Math.min(units, change));
      return;
    }
    if (direction === "smaller") return;
    const side = Math.sign(position.size);
    const slipped = moved(price, side, settings.slippageRate);
    const entryPrice = moved(slipped, side, settings.spreadRate);
    const at = { slipped: slipped * rate, entry: entryPrice * rate };
    const affordable = unitsFor(settings, this.freeMoney() * partOf(settings, 1), 1, at);
    const added = Math.min(wholeLotsIn(settings, change), affordable);
    if (added <= 0) return;
    const part = added / (units + added);
    position.entryPrice += (entryPrice - position.entryPrice) * part;
    position.cost += (entryPrice * rate - position.cost) * part;
    position.size = side * tidied(settings, units + added);
    const fee = commissionOf(this.settings, added, entryPrice * rate);
    position.fee += fee;
    this.cash -= fee;
  }

  private close(
    market: Market,
    price: number,
    rate: number,
    moment: number,
    exitReason: string,
    units = Math.abs(market.position?.size ?? 0),
  ): void {
    const { position } = market;
    if (position === null) return;
    const direction = Math.sign(position.size);
    const exitPrice = moved(price, -direction, this.settings.slippageRate);
    const part = units / Math.abs(position.size);
    const fee = commissionOf(this.settings, units, exitPrice * rate);
    const entryFee = position.fee * part;
    const dividends = position.dividends * part;
    const gross = direction * units * (exitPrice * rate - position.cost);
    this.cash += gross - fee;
    this.trades.push({
      symbol: market.name,
      size: direction * units,
      entryMoment: position.entryMoment,
      exitMoment: moment,
      entryPrice: position.entryPrice,
      exitPrice,
      pnl: gross - (fee + entryFee) + (dividends === 0 ? -0 : dividends),
      commission: fee + entryFee,
      dividends,
      exitReason,
    });
    position.fee -= entryFee;
    position.dividends -= dividends;
    position.size = direction * tidied(this.settings, Math.abs(position.size) - units);
    if (part === 1) market.position = null;
  }

  private checkLevels(market: Market, moment: number): void {
    const { of, barAt, position } = market;
    const bar = barAt.get(moment);
    if (bar === undefined || position === null) return;
    const [open, high, low] = [of.bars.open[bar], of.bars.high[bar], of.bars.low[bar]];
    const rate = of.rates?.open[bar] ?? 1;
    const end = levelReached(position, open, high, low, this.settings.gappedTarget === "stop");
    if (end === null) return;
    if (end.isAmbiguous) this.ambiguousBars++;
    this.close(market, end.price, rate, moment, end.reason);
  }

  private goBroke(moment: number): void {
    for (const market of this.held()) this.closeAtClose(market, moment, "ruin");
    this.cash = 0;
    this.equity[moment] = 0;
    this.isRuined = true;
  }

  private decide(market: Market, moment: number): void {
    const { of, barAt, position, name } = market;
    const bar = barAt.get(moment);
    if (bar === undefined || bar <= of.signals.warmupBars) return;
    const { entryLong, entryShort, exitLong, exitShort, reverse, rank: ranks } = of.signals;
    const rotates = this.plan.rebalance?.select === "ranked";
    const rank = ranks === undefined ? 0 : ranks[bar];
    const push = (kind: "exit" | "enter", direction: number) => {
      if (kind === "enter" && Number.isNaN(rank)) this.refuse("no_rank");
      else this.orders.push({ name, bar, kind, reason: "signal", direction, share: this.plan.weight, rank });
    };
    if (position === null) {
      if (rotates) return;
      if (entryLong[bar]) push("enter", 1);
      else if (entryShort[bar]) push("enter", -1);
      return;
    }
    const isLong = position.size > 0;
    const turns = reverse && !rotates && (isLong ? entryShort : entryLong)[bar] === 1;
    if (turns || (isLong ? exitLong : exitShort)[bar]) push("exit", 0);
    if (turns) push("enter", isLong ? -1 : 1);
  }

  private rebalance(moment: number): void {
    if (!isRebalance(this.plan.rebalance?.every, this.clock, moment)) return;
    const atClose = this.settings.fillAt === "close";
    const canOrder = (market: Market) => !atClose || market.barAt.has(moment);
    if (this.plan.rebalance?.select === "held") {
      this.orders = this.orders.filter(({ kind }) => kind !== "resize");
      const chosen = this.held().filter(
        (market) => canOrder(market) && !this.orders.some((order) => order.name === market.name),
      );
      const candidates = chosen.map((market) => this.candidate(market, moment, 0));
      for (const { weight, ...order } of this.weights(candidates, candidates.length)) {
        const share = weight * (candidates.length / this.plan.maxPositions);
        this.orders.push({ ...order, kind: "resize", reason: "rebalance", share });
      }
    } else this.rotate(moment, canOrder);
    this.lastRebalance = moment;
  }

  private rotate(moment: number, canOrder: (market: Market) => boolean): void {
    this.orders = this.orders.filter(({ kind, reason }) => kind === "exit" && reason === "signal");
    const isLeaving = (market: Market) => this.orders.some(({ name }) => name === market.name);
    const kept = this.held().filter((market) => isLeaving(market) || !canOrder(market));
    const wanting = this.markets.flatMap((market) => {
      const bar = this.newest(market, moment);
      const { signals, bars } = market.of;
      if (bar <= signals.warmupBars || isLeaving(market) || !canOrder(market)) return [];
      const isNew = this.momentOf(market, bar) > this.lastRebalance;
      if (!isNew && this.clock[moment] - bars.timeMs[bar] > 7 * DAY_MS) return [];
      const direction = signals.entryLong[bar] ? 1 : signals.entryShort[bar] ? -1 : 0;
      if (direction === 0) return [];
      const candidate = this.candidate(market, moment, direction);
      if (!Number.isNaN(candidate.rank)) return [candidate];
      this.refuse("no_rank");
      return [];
    });
    const places = this.plan.maxPositions - kept.length;
    const chosen = this.weights(wanting, places);
    for (const market of this.held()) {
      if (kept.includes(market)) continue;
      const choice = chosen.find(({ name }) => name === market.name);
      if (choice !== undefined && choice.direction * market.position!.size > 0) continue;
      this.orders.push({ ...this.candidate(market, moment, 0), kind: "exit", reason: "rebalance", share: 0 });
    }
    for (const { weight, ...order } of chosen) {
      const size = this.markets.find(({ name }) => name === order.name)!.position?.size ?? 0;
      const kind = size * order.direction > 0 ? "resize" : "enter";
      const share = weight * (places / this.plan.maxPositions);
      this.orders.push({ ...order, kind, reason: "rebalance", share });
    }
  }

  private candidate(market: Market, moment: number, direction: number) {
    const bar = this.newest(market, moment);
    const { rank } = market.of.signals;
    return { name: market.name, bar, direction, rank: rank === undefined ? 0 : rank[bar] };
  }

  private weights(candidates: ReturnType<ReferencePortfolio["candidate"]>[], places: number) {
    const { weights, volatility_bars: count } = this.plan.rebalance!;
    const raw = candidates.map((candidate) => {
      if (weights === "equal") return 1;
      if (weights === "rank") return Math.max(0, candidate.rank);
      const market = this.markets.find(({ name }) => name === candidate.name)!;
      return stillness(market.of.bars.close, candidate.bar, count, (bar) => this.splitAt(market, bar));
    });
    const usable = candidates
      .map((candidate, at) => ({ ...candidate, weight: raw[at] }))
      .filter(({ weight }) => weight > 0);
    const best = this.inOrder(usable).slice(0, Math.max(0, places));
    const missing = Math.min(candidates.length, Math.max(0, places)) - best.length;
    for (let index = 0; index < missing; index++) this.refuse("no_weight");
    const chosen = best.sort((a, b) => (a.name < b.name ? -1 : 1));
    const sum = chosen.reduce((total, { weight }) => total + weight, 0);
    return chosen.map((candidate) => ({ ...candidate, weight: candidate.weight / sum }));
  }

  private end(): void {
    const last = this.clock.length - 1;
    const isOver = ({ barAt }: Market) => !barAt.has(last);
    const marketOf = (order: Order) => this.markets.find(({ name }) => name === order.name)!;
    const entries = this.orders.filter(({ kind }) => kind === "enter");
    for (const order of entries) if (isOver(marketOf(order))) this.refuse("no_bar");
    if (!this.settings.finalizeTrades) return;
    if (this.settings.lastBar === "replay") this.replay(last, entries);
    else for (const market of this.held()) this.closeAtClose(market, last, "end_of_data");
    this.mark("close", last);
    this.equity[last] = this.worth();
    if (this.equity[last] <= 0) this.goBroke(last);
  }

  private closeAtClose(market: Market, moment: number, reason: string): void {
    const bar = this.newest(market, moment);
    const { bars, rates } = market.of;
    this.close(market, bars.close[bar], rates?.close[bar] ?? 1, moment, reason);
  }

  /** The last moment once more, after its decisions. */
  private replay(last: number, entries: readonly Order[]): void {
    const isOver = ({ barAt }: Market) => !barAt.has(last);
    const marketOf = (order: Order) => this.markets.find(({ name }) => name === order.name)!;
    const quote = (market: Market) => {
      const { bars, rates } = market.of;
      const { rows } = bars;
      if (this.settings.fillAt !== "close")
        return { price: bars.open[rows - 1], rate: rates?.open[rows - 1] ?? 1, moment: last };
      const price = bars.close[rows - 2] / this.splitAt(market, rows - 1);
      return { price, rate: rates?.close[rows - 2] ?? 1, moment: this.momentOf(market, rows - 2) };
    };
    for (const market of this.held()) {
      if (isOver(market)) {
        this.closeAtClose(market, last, "end_of_data");
        continue;
      }
      const isSignal = this.orders.some(({ kind, name }) => kind === "exit" && name === market.name);
      const { price, rate, moment } = quote(market);
      this.close(market, price, rate, moment, isSignal ? "signal" : "end_of_data");
    }
    const equity = this.worth();
    const byName = entries.filter((order) => !isOver(marketOf(order))).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const order of this.inOrder(byName)) {
      const market = marketOf(order);
      const { price, rate, moment } = quote(market);
      this.enter(market, order, price, rate, moment, equity, market.of.bars.close[order.bar]);
    }
    for (const market of this.held()) this.checkLevels(market, last);
  }
}

function fractionOf({ sizeFraction, sizing }: PortfolioSymbol["signals"], margin: number): number {
  if (sizing?.kind !== "value") return sizeFraction;
  return Math.min(1, sizing.fraction * margin);
}
