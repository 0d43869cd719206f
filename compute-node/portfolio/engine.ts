/**
 * @file Many symbols on one account: signals and bars in, trades and equity out.
 *
 * The clock is the union of the symbols' bar times. At each moment, in this order:
 * 1. corporate actions of the bars that open there: splits change units and prices held, dividends pay or cost cash;
 * 2. waiting orders of symbols that have a bar there fill at its open: exits by name, then positions that a rebalance
 *    makes smaller by name, then entries and positions that it makes larger, by rank and then by name. All entries of
 *    one moment are sized from the equity after the exits; opens are the marks of that moment;
 * 3. stops and targets, by name: `level-exit.ts` says which one a bar reaches;
 * 4. equity is marked at the closes; a symbol without a bar neither trades nor changes its mark;
 * 5. each symbol with a bar decides; its orders wait for its own next bar. Then a rebalance, where one is due, decides.
 * With fills at the close step 2 comes first and fills the orders of the moment before, at that moment's closes.
 *
 * Orders of the last moment never fill. A position that is open then closes at its symbol's last close, also where the
 * symbol's bars ended before. Under `lastBar: replay` the last bars are processed once more instead. `reference/engine.ts`
 * does the same slowly, and the tests hold the two equal; a portfolio of one is the engine for one symbol, bit for bit.
 */
import { type Conventions, conventionsOf } from "../../protocol/conventions.ts";
import { DAY_MS } from "../../protocol/durations.ts";
import type { BacktestSettings } from "../../protocol/operations/index.ts";
import type { BarsDone } from "../backtest/engine/engine-result.ts";
import type { Side } from "../ledger/index.ts";
import { PortfolioAccount, type Quote } from "./account.ts";
import { clockOf } from "./clock.ts";
import { levelExit } from "./level-exit.ts";
import { PortfolioMarks } from "./marks.ts";
import type { PortfolioPlan, PortfolioRun, PortfolioSymbol } from "./portfolio-model.ts";
import { byRank, type Candidate, rebalanceMoments, type Weighted, weigh } from "./rebalance.ts";
import { checkPortfolioSettings } from "./settings.ts";
import { SlotBars } from "./slot-bars.ts";
import { PortfolioTally } from "./tally.ts";
import { LEAVES, NOTHING, type Waiting } from "./waiting-order.ts";

/** Bars, of all symbols together, between two calls of `onProgress`, at least. */
const PROGRESS_BARS = 65_536;
const NEVER = 0x7fffffff;
/** A symbol without a bar for longer, and none since the last rebalance, is not chosen by one. */
const STALE_MS = 7 * DAY_MS;

/**
 * Pure: the same arguments give the same bits on every machine, and the order of `symbols` does not matter.
 *
 * @throws Problem `invalid-request` for settings that a portfolio does not know, `invalid-strategy` for sizes that are no
 * fraction of the equity
 */
export function runPortfolio(
  symbols: readonly PortfolioSymbol[],
  plan: PortfolioPlan,
  settings: BacktestSettings,
  onProgress?: BarsDone,
): PortfolioRun {
  const sorted = symbols.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1));
  checkPortfolioSettings(sorted, settings);
  return new PortfolioLoop(sorted, plan, settings).run(onProgress);
}

class PortfolioLoop {
  private readonly symbols: readonly PortfolioSymbol[];
  private readonly plan: PortfolioPlan;
  private readonly settings: BacktestSettings;
  private readonly fillsAtClose: boolean;
  private readonly conventions: Conventions;
  /** Only rebalances choose the symbols. */
  private readonly rotates: boolean;
  private readonly clock: Float64Array;
  private readonly bars: SlotBars;
  private readonly account: PortfolioAccount;

  /** The order in which entries of one moment fill. */
  private readonly order: (a: Waiting, b: Waiting) => number;

  private waiting: Waiting[] = [];
  private readonly isWaiting: Uint8Array;
  /** The moment of each flat symbol's next entry signal. */
  private readonly nextEntry: Int32Array;
  private earliestEntry = NEVER;
  private readonly rebalances: readonly number[];
  private nextRebalance = 0;

  private readonly marks: PortfolioMarks;
  private readonly tally = new PortfolioTally();

  constructor(symbols: readonly PortfolioSymbol[], plan: PortfolioPlan, settings: BacktestSettings) {
    const { timeMs, momentsOf } = clockOf(symbols.map(({ bars }) => bars.timeMs));
    this.symbols = symbols;
    this.plan = plan;
    this.settings = settings;
    this.fillsAtClose = settings.fillAt === "close";
    this.conventions = conventionsOf(settings);
    this.rotates = plan.rebalance?.select === "ranked";
    this.order = byRank(plan);
    this.clock = timeMs;
    this.bars = new SlotBars(symbols, momentsOf);
    this.account = new PortfolioAccount(symbols, settings, plan);
    this.isWaiting = new Uint8Array(symbols.length);
    this.nextEntry = new Int32Array(symbols.length).fill(NEVER);
    this.rebalances = plan.rebalance === null ? [] : rebalanceMoments(plan.rebalance.every, timeMs);
    this.marks = new PortfolioMarks(timeMs.length);
  }

  run(onProgress: BarsDone | undefined): PortfolioRun {
    const moments = this.clock.length;
    const width = this.symbols.length;
    for (const [slot, { bars, signals }] of this.symbols.entries()) {
      if (signals.warmupBars + 1 >= bars.rows) this.tally.neverDecided++;
      this.findEntry(slot, 0);
    }
    let nextReport = PROGRESS_BARS;
    let moment = 0;
    while (moment < moments && !this.tally.isRuined) {
      const quiet = this.quietUntil(moment);
      if (quiet > moment) {
        this.marks.flat(moment, quiet, this.account.cash);
        moment = quiet;
      } else {
        moment = this.coast(moment);
        if (moment < moments) this.step(moment++);
      }
      if (onProgress !== undefined && moment * width >= nextReport) {
        onProgress(moment * width);
        nextReport = moment * width + PROGRESS_BARS;
      }
    }
    if (!this.tally.isRuined && moments > 0) this.finish();
    onProgress?.(moments * width);
    const { equity, exposure, positions } = this.marks;
    const { trades, cash } = this.account;
    const counts = this.tally.counts(this.account);
    return { clock: this.clock, equity, exposure, positions, trades, open: this.account.openHoldings(), cash, counts };
  }

  /** Nothing can happen before it: no position, no order, no signal. */
  private quietUntil(moment: number): number {
    if (this.account.held.length > 0 || this.waiting.length > 0) return moment;
    const rebalance = this.rotates ? (this.rebalances[this.nextRebalance] ?? NEVER) : NEVER;
    return Math.max(moment, Math.min(this.earliestEntry, rebalance, this.clock.length));
  }

  /**
   * Marks the positions while nothing happens: no order waits, no symbol enters, no rebalance is due, and no held one
   * has an action, a touched level or an exit. Returns the first moment at which something may.
   */
  private coast(from: number): number {
    const { account, bars, marks } = this;
    const { held, size, cost, mark, cash } = account;
    if (this.waiting.length > 0 || held.length === 0) return from;
    while (this.rebalances[this.nextRebalance] < from) this.nextRebalance++;
    const until = Math.min(this.earliestEntry, this.rebalances[this.nextRebalance] ?? NEVER, this.clock.length);
    for (let moment = from; moment < until; moment++) {
      let [value, gross] = [cash, 0];
      for (let index = 0; index < held.length; index++) {
        const slot = held[index];
        if (bars.advance(slot, moment)) {
          if (this.needsStep(slot)) return moment;
          mark[slot] = bars.closeOf(slot);
        }
        value += size[slot] * (mark[slot] - cost[slot]);
        gross += Math.abs(size[slot] * mark[slot]);
      }
      if (value <= 0) return moment;
      marks.held(moment, value, gross, held.length);
    }
    return Math.max(from, until);
  }

  /** True when the newest bar of a held symbol has an action, touches a level or gives an exit. */
  private needsStep(slot: number): boolean {
    const { account } = this;
    const { bars, signals } = this.symbols[slot];
    const bar = this.bars.current(slot);
    const isLong = account.size[slot] > 0;
    const [stop, target] = [account.stop[slot], account.target[slot]];
    if ((isLong ? signals.exitLong : signals.exitShort)[bar] !== 0) return true;
    if (signals.reverse && (isLong ? signals.entryShort : signals.entryLong)[bar] !== 0) return true;
    if (isLong ? bars.low[bar] <= stop : bars.high[bar] >= stop) return true;
    if (isLong ? bars.high[bar] >= target : bars.low[bar] <= target) return true;
    return this.bars.actionAt(slot) !== undefined;
  }

  private step(moment: number): void {
    if (this.fillsAtClose) this.executeWaiting(moment);
    this.advanceHeld(moment);
    if (!this.fillsAtClose) this.executeWaiting(moment);
    this.touchLevels(moment);
    this.markAt("close", moment);
    if (this.record(moment) <= 0) {
      this.ruin(moment);
      return;
    }
    this.decideExits(moment);
    this.decideEntries(moment);
    this.rebalance(moment);
  }

  /** Brings the positions to their newest bars, through their corporate actions. */
  private advanceHeld(moment: number): void {
    for (const slot of this.account.held) {
      if (!this.bars.advance(slot, moment)) continue;
      const action = this.bars.actionAt(slot);
      if (action === undefined) continue;
      if (action.split !== 1) this.account.split(slot, action.split);
      if (action.dividend !== 0) this.account.payDividend(slot, action.dividend * this.bars.openRate(slot));
    }
  }

  private executeWaiting(moment: number): void {
    if (this.waiting.length === 0) return;
    const due = this.waiting.filter((order) => this.isDue(order, moment));
    if (due.length === 0) return;
    this.waiting = this.waiting.filter((order) => !due.includes(order));
    if (!this.fillsAtClose) {
      for (const { slot } of due) this.bars.advance(slot, moment);
      this.markAt("open", moment);
    }
    this.fill(due, (order) => this.quoteOf(order, moment));
    for (const { slot } of due) {
      this.isWaiting[slot] = 0;
      if (this.account.size[slot] === 0) this.findEntry(slot, moment);
    }
  }

  private isDue({ slot, bar }: Waiting, moment: number): boolean {
    return this.fillsAtClose || this.bars.momentOf(slot, bar + 1) === moment;
  }

  private quoteOf({ slot, bar }: Waiting, moment: number): Quote {
    const { bars } = this.symbols[slot];
    if (!this.fillsAtClose) return { price: bars.open[bar + 1], rate: this.bars.openRate(slot, bar + 1), moment };
    return { price: bars.close[bar], rate: this.bars.closeRate(slot, bar), moment: this.bars.momentOf(slot, bar) };
  }

  /** Exits first, then positions that become smaller, then those that become larger or enter. */
  private fill(due: Waiting[], quoteOf: (order: Waiting) => Quote): void {
    const { account } = this;
    due.sort((a, b) => a.slot - b.slot);
    for (const order of due) {
      if (order.exits) account.close(order.slot, quoteOf(order), order.isRotation ? "rebalance" : "signal");
    }
    if (this.plan.rebalance !== null) {
      const before = account.equity();
      for (const order of due)
        if (order.resizes) account.resize(order.slot, quoteOf(order), order.share, before, false);
    }
    // Orders that only leave may have no rank to sort by.
    const growing = due.filter(({ enters, resizes }) => enters !== 0 || resizes).sort(this.order);
    const equity = account.equity();
    for (const order of growing) {
      if (order.enters !== 0) this.enter(order, quoteOf(order), equity);
      else if (order.resizes && account.size[order.slot] !== 0)
        account.resize(order.slot, quoteOf(order), order.share, equity, true);
    }
  }

  private enter({ slot, bar, enters, share }: Waiting, quote: Quote, equity: number): void {
    if (enters === 0) return;
    if (this.account.held.length >= this.plan.maxPositions) {
      this.tally.refusals.max_positions++;
      return;
    }
    const { close } = this.symbols[slot].bars;
    const signalClose = this.fillsAtClose ? close[bar] : this.bars.closeInNextUnits(slot, bar);
    const refusal = this.account.open(slot, enters, quote, share, equity, signalClose);
    if (refusal !== null) this.tally.refusals[refusal]++;
  }

  /** Marks each position whose symbol has a bar at the moment with that bar's price. */
  private markAt(price: "open" | "close", moment: number): void {
    const { account, bars, symbols } = this;
    for (const slot of account.held) {
      if (!bars.isAt(slot, moment)) continue;
      const rate = price === "open" ? bars.openRate(slot) : bars.closeRate(slot);
      account.mark[slot] = symbols[slot].bars[price][bars.current(slot)] * rate;
    }
  }

  private touchLevels(moment: number): void {
    const { held } = this.account;
    for (let index = 0; index < held.length; ) {
      const slot = held[index];
      if (!this.account.isProtected(slot) || !this.bars.isAt(slot, moment) || !this.closeAtLevel(slot, moment)) index++;
      else this.findEntry(slot, moment);
    }
  }

  private closeAtLevel(slot: number, moment: number): boolean {
    const { account } = this;
    const { open, high, low } = this.symbols[slot].bars;
    const bar = this.bars.current(slot);
    const range = { open: open[bar], high: high[bar], low: low[bar] };
    const levels = { stop: account.stop[slot], target: account.target[slot] };
    const exit = levelExit(account.side(slot), range, levels, this.conventions.gappedTarget);
    if (exit === null) return false;
    if (exit.isAmbiguous) this.tally.ambiguousBars++;
    account.close(slot, { price: exit.price, rate: this.bars.openRate(slot), moment }, exit.reason);
    return true;
  }

  private record(moment: number): number {
    const { account } = this;
    const equity = account.equity();
    this.marks.held(moment, equity, account.gross(), account.held.length);
    return equity;
  }

  /** Nothing is left: everything closes at its mark, and the account stays empty to the end. */
  private ruin(moment: number): void {
    for (const slot of [...this.account.held]) this.account.close(slot, this.closeQuote(slot, moment), "ruin");
    this.account.ruin();
    this.marks.ruin(moment);
    this.tally.isRuined = true;
  }

  private place(order: Waiting): void {
    this.waiting.push(order);
    this.isWaiting[order.slot] = 1;
    this.nextEntry[order.slot] = NEVER;
  }

  private rankAt(slot: number, bar: number): number {
    return this.symbols[slot].signals.rank?.[bar] ?? 0;
  }

  private decideExits(moment: number): void {
    for (const slot of this.account.held) {
      if (!this.bars.isAt(slot, moment) || this.isWaiting[slot] !== 0) continue;
      const { signals } = this.symbols[slot];
      const bar = this.bars.current(slot);
      const isLong = this.account.size[slot] > 0;
      const turns = signals.reverse && !this.rotates && (isLong ? signals.entryShort : signals.entryLong)[bar] !== 0;
      if (!turns && (isLong ? signals.exitLong : signals.exitShort)[bar] === 0) continue;
      const rank = turns ? this.rankAt(slot, bar) : 0;
      const isRanked = !Number.isNaN(rank);
      if (turns && !isRanked) this.tally.refusals.no_rank++;
      const enters = turns && isRanked ? (isLong ? -1 : 1) : 0;
      this.place({ ...NOTHING, slot, bar, exits: true, enters, share: this.plan.weight, rank });
    }
  }

  private decideEntries(moment: number): void {
    if (this.earliestEntry !== moment) return;
    this.earliestEntry = NEVER;
    for (let slot = 0; slot < this.nextEntry.length; slot++) {
      if (this.nextEntry[slot] === moment) this.decideEntry(slot, moment);
      if (this.nextEntry[slot] < this.earliestEntry) this.earliestEntry = this.nextEntry[slot];
    }
  }

  private decideEntry(slot: number, moment: number): void {
    this.bars.advance(slot, moment);
    const bar = this.bars.current(slot);
    const { entryLong, entryShort } = this.symbols[slot].signals;
    if (entryLong[bar] !== 0 && entryShort[bar] !== 0) this.tally.conflictingEntries++;
    const rank = this.rankAt(slot, bar);
    if (Number.isNaN(rank)) {
      this.tally.refusals.no_rank++;
      this.findEntry(slot, moment + 1);
      return;
    }
    const enters = entryLong[bar] !== 0 ? 1 : -1;
    this.place({ ...NOTHING, slot, bar, enters, share: this.plan.weight, rank });
  }

  /** Looks for the flat symbol's next entry signal, from `moment` on. */
  private findEntry(slot: number, moment: number): void {
    if (this.rotates) return;
    const bar = this.bars.nextEntry(slot, moment);
    this.nextEntry[slot] = bar < 0 ? NEVER : this.bars.momentOf(slot, bar);
    if (this.nextEntry[slot] < this.earliestEntry) this.earliestEntry = this.nextEntry[slot];
  }

  private rebalance(moment: number): void {
    const { rebalances } = this;
    while (rebalances[this.nextRebalance] < moment) this.nextRebalance++;
    if (rebalances[this.nextRebalance] !== moment) return;
    if (this.rotates) this.rotate(moment, this.nextRebalance === 0 ? -1 : rebalances[this.nextRebalance - 1]);
    else this.resizeHeld(moment);
  }

  /** Every position gets its part of the places that are taken; places that are free keep their money. */
  private resizeHeld(moment: number): void {
    this.withdraw(({ resizes }) => resizes);
    const held = this.account.held
      .filter((slot) => this.isWaiting[slot] === 0 && this.canOrder(slot, moment))
      .map((slot) => this.candidate(slot, this.account.side(slot)));
    const total = held.length / this.plan.maxPositions;
    for (const { weight, ...order } of this.weigh(held, held.length))
      this.place({ ...NOTHING, ...order, resizes: true, share: weight * total });
  }

  /** The best symbols that want to be held are held, and no other. */
  private rotate(moment: number, previous: number): void {
    this.withdraw(({ exits, isRotation }) => !exits || isRotation);
    const { held, size } = this.account;
    const kept = held.filter((slot) => this.isWaiting[slot] !== 0 || !this.canOrder(slot, moment));
    const places = this.plan.maxPositions - kept.length;
    const chosen = this.weigh(this.wanting(moment, previous), places);
    const chosenSlots = new Set([...kept, ...chosen.map(({ slot }) => slot)]);
    for (const slot of held) {
      if (!chosenSlots.has(slot)) this.place({ ...NOTHING, ...this.candidate(slot, 1), ...LEAVES });
    }
    for (const { weight, ...order } of chosen) {
      const share = weight * (places / this.plan.maxPositions);
      const isHeld = size[order.slot] * order.side > 0;
      if (isHeld) this.place({ ...NOTHING, ...order, resizes: true, share });
      else this.place({ ...NOTHING, ...order, ...(size[order.slot] === 0 ? {} : LEAVES), enters: order.side, share });
    }
  }

  /** Symbols with a rank whose entry condition holds, on data that is not old, and that no exit is leaving. */
  private wanting(moment: number, previous: number): Candidate[] {
    const found: Candidate[] = [];
    for (const [slot, { bars, signals }] of this.symbols.entries()) {
      this.bars.advance(slot, moment);
      const bar = this.bars.current(slot);
      if (bar <= signals.warmupBars || this.isWaiting[slot] !== 0 || !this.canOrder(slot, moment)) continue;
      const isFresh = this.bars.momentOf(slot, bar) > previous || this.clock[moment] - bars.timeMs[bar] <= STALE_MS;
      const [long, short] = [signals.entryLong[bar] !== 0, signals.entryShort[bar] !== 0];
      if (!isFresh || !(long || short)) continue;
      if (long && short) this.tally.conflictingEntries++;
      const candidate = this.candidate(slot, long ? 1 : -1);
      if (Number.isNaN(candidate.rank)) this.tally.refusals.no_rank++;
      else found.push(candidate);
    }
    return found;
  }

  private weigh(candidates: readonly Candidate[], places: number): Weighted[] {
    const weighted = weigh(candidates, this.symbols, this.plan, places);
    const most = Math.min(candidates.length, Math.max(0, places));
    this.tally.refusals.no_weight += most - weighted.length;
    return weighted;
  }

  /** With fills at the close only symbols that trade now can fill. */
  private canOrder(slot: number, moment: number): boolean {
    return !this.fillsAtClose || this.bars.isAt(slot, moment);
  }

  private candidate(slot: number, side: Side): Candidate {
    const bar = this.bars.current(slot);
    return { slot, side, bar, rank: this.rankAt(slot, bar) };
  }

  private withdraw(matches: (order: Waiting) => boolean): void {
    for (const order of this.waiting) if (matches(order)) this.isWaiting[order.slot] = 0;
    this.waiting = this.waiting.filter((order) => !matches(order));
  }

  /** Orders of the last moment never fill; positions that are open then close at their symbols' last closes. */
  private finish(): void {
    const last = this.clock.length - 1;
    const { account } = this;
    for (let slot = 0; slot < this.symbols.length; slot++) this.bars.advance(slot, last);
    const isOver = (slot: number) => !this.bars.isAt(slot, last);
    for (const { slot, enters } of this.waiting) if (enters !== 0 && isOver(slot)) this.tally.refusals.no_bar++;
    this.tally.endedEarly = account.held.filter(isOver).length;
    if (!this.settings.finalizeTrades) return;
    if (this.conventions.lastBar === "replay") this.replayLastBars(last);
    else for (const slot of [...account.held]) account.close(slot, this.closeQuote(slot, last), "end_of_data");
    this.markAt("close", last);
    if (this.record(last) <= 0) this.ruin(last);
  }

  /** Under `lastBar: replay` open positions close and waiting orders execute in bars that are over. That sees the future. */
  private replayLastBars(last: number): void {
    const { account, bars } = this;
    const leaving = new Set(this.waiting.filter(({ exits }) => exits).map(({ slot }) => slot));
    for (const slot of [...account.held]) {
      const isSignal = leaving.has(slot) && bars.isAt(slot, last);
      account.close(slot, this.replayQuote(slot, last), isSignal ? "signal" : "end_of_data");
    }
    const entering = this.waiting.filter(({ slot, enters }) => enters !== 0 && bars.isAt(slot, last)).sort(this.order);
    const equity = account.equity();
    for (const order of entering) this.enter(order, this.replayQuote(order.slot, last), equity);
    for (const slot of [...account.held]) if (account.isProtected(slot)) this.closeAtLevel(slot, last);
  }

  /** The last bar's fill price (with fills at the close, the close before), or the mark of a symbol without more bars. */
  private replayQuote(slot: number, last: number): Quote {
    const bar = this.bars.current(slot);
    if (!this.bars.isAt(slot, last)) return this.closeQuote(slot, last);
    if (!this.fillsAtClose)
      return { price: this.symbols[slot].bars.open[bar], rate: this.bars.openRate(slot), moment: last };
    const price = this.bars.closeInNextUnits(slot, bar - 1);
    return { price, rate: this.bars.closeRate(slot, bar - 1), moment: this.bars.momentOf(slot, bar - 1) };
  }

  /** The newest close of a symbol. */
  private closeQuote(slot: number, moment: number): Quote {
    const price = this.symbols[slot].bars.close[this.bars.current(slot)];
    return { price, rate: this.bars.closeRate(slot), moment };
  }
}
