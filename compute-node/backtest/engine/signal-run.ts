/**
 * @file The event loop of a backtest: signals and bars in, trades and equity out.
 *
 * On every bar, in this order: orders that wait execute against the bar (market orders at its open, then the stop, then
 * the target); equity is marked at its close; the strategy decides, and its orders wait for the next bar. So nothing
 * that a bar decides can depend on a later one.
 *
 * The loop does not visit bars one by one. Between two events the position is constant, so it runs in stretches: flat
 * until the next entry signal, or held until the next exit signal, stop, target or ruin. Each stretch is one tight loop
 * over typed arrays; everything else happens once per fill. The slow engine in `reference/engine.ts` does the same
 * bar by bar, and the tests hold the two equal.
 *
 * Orders of the last bar never fill, and an open position closes at the last close. `protocol/conventions.ts` names what
 * other systems do instead; with the answers of backtesting.py 0.6.6 the golden tests reproduce it trade by trade. Where holding costs money, or a fall liquidates, each bar of a holding
 * is a stretch of its own.
 */
import type { Conventions } from "../../../protocol/conventions.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import {
  type AccountModels,
  accountModels,
  areAllUnits,
  type EntryDemand,
  entryRefusal,
  entryUnits,
  type Holding,
  holdingCost,
  Ledger,
  levelPrice,
  liquidationPrice,
  orderCommission,
  priceWithSpread,
  refusalFigures,
  type Side,
  slippedPrice,
  stopFillPrice,
  targetFillPrice,
  tradedPrice,
} from "../../ledger/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { valueFraction } from "../../strategy/entry-fraction.ts";
import type { EntrySizing, ProtectiveLevel, StrategySignals } from "../../strategy/signals.ts";
import type { BarsDone, EngineResult } from "./engine-result.ts";
import { EngineWarnings, type RefusalReason, type WarningCounts } from "./engine-warnings.ts";
import type { EquityRecorder } from "./equity-recorder.ts";
import type { OrderLog } from "./order-log.ts";
import { SAME_MONEY } from "./same-money.ts";
import { FlagSearch, firstTouch } from "./signal-search.ts";
import type { ExitReason, TradeLog } from "./trade-log.ts";
import { annualVolatility, volatilityFraction } from "./volatility.ts";

/** Bars between two calls of `onProgress`, at least. */
const PROGRESS_BARS = 65_536;

function checkTarget(target: ProtectiveLevel | null, settings: BacktestSettings): void {
  if (target === null || target.from === "fill" || target.fraction > settings.spreadRate) return;
  throw new Problem(
    "invalid-strategy",
    `The take-profit of ${target.fraction} lies within the spread of ${settings.spreadRate}: it would stand behind the entry.`,
    { cure: "Set take_profit above the spread rate, or measure it from the fill." },
  );
}

/** The state of a run between two bars, as plain data; the caller keeps its marks, trades and orders. */
export interface SignalState {
  readonly bar: number;
  readonly nextReport: number;
  readonly cash: number;
  readonly size: number;
  readonly entryBar: number;
  readonly entryPrice: number;
  readonly openedBar: number;
  readonly holdingCost: number;
  readonly stop: number;
  readonly target: number;
  readonly isProtected: boolean;
  readonly exitWaits: boolean;
  readonly entryWaits: Side | 0;
  readonly signalBar: number;
  readonly warnings: WarningCounts;
}

/** Index of a signal column within `SignalRun.signalColumns`. */
const ENTRY_LONG = 0;
const ENTRY_SHORT = 1;
const EXIT_LONG = 2;
const EXIT_SHORT = 3;

/** One backtest: `advance` to the end, at once or in parts, and then `finish`. */
export class SignalRun {
  private readonly rows: number;
  private readonly open: Float64Array;
  private readonly high: Float64Array;
  private readonly low: Float64Array;
  private readonly close: Float64Array;
  private readonly signals: StrategySignals;
  private readonly settings: BacktestSettings;
  private readonly fillsAtClose: boolean;
  private readonly conventions: Conventions;
  private readonly wholeDemand: EntryDemand;
  /** The prices of the current entry; one object for all of them. */
  private readonly prices: { fill: number; entry: number; readonly rate: number };
  private readonly models: AccountModels;
  /** Each bar of a holding changes the account, or may end it. */
  private readonly watchesHoldings: boolean;
  private readonly bars: BarColumns;

  private readonly signalColumns: readonly Uint8Array[];
  private readonly searches: readonly FlagSearch[];
  /** For each signal column, the first set bar at or after the last bar asked for. */
  private readonly nextSet = [-1, -1, -1, -1];

  private readonly trades: TradeLog;
  private readonly warnings = new EngineWarnings();
  private readonly recorder: EquityRecorder;
  private readonly orders: OrderLog | null;
  private readonly ledger: Ledger;

  /** The only position; its size is 0 while flat. */
  private readonly held: Holding = {
    size: 0,
    entryBar: 0,
    entryPrice: 0,
    entryFee: 0,
    holdingCost: 0,
    stop: 0,
    target: 0,
  };
  /** The bar in whose processing it was opened, from which its target waits. */
  private openedBar = 0;
  private isProtected = false;

  /** The next bar to process. */
  private bar = 0;
  /** The bar at which a stretch ends at the latest. */
  private until = 0;
  private nextReport = PROGRESS_BARS;
  private exitWaits = false;
  private entryWaits: Side | 0 = 0;
  /** The bar whose close gave the waiting orders. */
  private signalBar = 0;

  constructor(
    bars: BarColumns,
    signals: StrategySignals,
    settings: BacktestSettings,
    recorder: EquityRecorder,
    trades: TradeLog,
    orders: OrderLog | null,
  ) {
    checkTarget(signals.takeProfit, settings);
    this.bars = bars;
    this.models = accountModels(settings);
    this.watchesHoldings = this.models.margins.watchesHoldings;
    this.ledger = new Ledger(settings.initialCapital, this.models.costs);
    this.rows = bars.rows;
    this.open = bars.open;
    this.high = bars.high;
    this.low = bars.low;
    this.close = bars.close;
    this.signals = signals;
    this.settings = settings;
    this.fillsAtClose = settings.fillAt === "close";
    this.conventions = this.models.conventions;
    this.prices = { fill: Number.NaN, entry: Number.NaN, rate: this.models.costs.takerRate };
    this.wholeDemand = { fraction: signals.sizeFraction, units: null, money: null };
    this.signalColumns = [signals.entryLong, signals.entryShort, signals.exitLong, signals.exitShort];
    this.searches = this.signalColumns.map((flags) => new FlagSearch(flags));
    this.recorder = recorder;
    this.trades = trades;
    this.orders = orders;
  }

  /** Processes the bars before `untilBar`, or only those that are not done yet. */
  advance(untilBar: number, onProgress?: BarsDone): void {
    this.until = Math.min(untilBar, this.rows);
    const firstDecision = this.signals.warmupBars + 1;
    if (this.bar < firstDecision && this.bar < this.until) {
      const end = Math.min(firstDecision, this.until);
      this.recorder.flat(this.bar, end, this.ledger.cash);
      this.bar = end;
    }
    while (this.bar < this.until) {
      this.bar = this.advanceStretch(this.bar);
      if (onProgress !== undefined && this.bar >= this.nextReport) {
        this.nextReport = this.bar + PROGRESS_BARS;
        onProgress(this.bar);
      }
    }
  }

  /** Ends the run after the last bar: closes the positions that the settings want closed. */
  finish(onProgress?: BarsDone): Omit<EngineResult, "trades" | "equity" | "orders"> {
    const firstDecision = this.signals.warmupBars + 1;
    if (firstDecision >= this.rows) this.warnings.neverDecided = 1;
    else if (!this.warnings.ruined) this.closeAtEnd();
    onProgress?.(this.rows);
    const { size, entryBar, entryPrice } = this.held;
    return {
      conventions: this.conventions,
      cash: this.ledger.cash,
      openPosition: size === 0 ? null : { size, entryBar, entryPrice },
      warnings: this.warnings.list(this.settings),
      refusals: this.warnings.refusals,
    };
  }

  state(): SignalState {
    const { bar, nextReport, openedBar, isProtected, exitWaits, entryWaits, signalBar } = this;
    const { size, entryBar, entryPrice, holdingCost, stop, target } = this.held;
    return {
      ...{ bar, nextReport, cash: this.ledger.cash, size, entryBar, entryPrice, openedBar, holdingCost },
      ...{ stop, target, isProtected, exitWaits, entryWaits, signalBar },
      warnings: this.warnings.snapshot(),
    };
  }

  /** Goes on from a `state`, on the same bars, signals and settings. */
  restore({ warnings, cash, size, entryBar, entryPrice, holdingCost, stop, target, ...state }: SignalState): void {
    const { costs } = this.models;
    const entryFee = size === 0 ? 0 : orderCommission(costs, Math.abs(size), entryPrice, costs.takerRate);
    Object.assign(this, state);
    Object.assign(this.held, { size, entryBar, entryPrice, entryFee, holdingCost, stop, target });
    this.ledger.cash = cash;
    this.warnings.restore(warnings);
  }

  private advanceStretch(bar: number): number {
    // Orders that fill at the close before change what is held since then.
    if (this.fillsAtClose) this.executeWaiting(bar);
    if (this.watchesHoldings && this.held.size !== 0) this.chargeHolding(bar);
    if (!this.fillsAtClose) this.executeWaiting(bar);
    if (this.held.size === 0) return this.stayFlat(bar);
    if (this.watchesHoldings) return this.holdWatched(bar);
    return this.isProtected ? this.holdProtected(bar) : this.hold(bar);
  }

  /** From `bar` until an entry signal; returns the next bar to process. */
  private stayFlat(bar: number): number {
    if (this.ledger.cash <= 0) return this.ruin(bar);
    const long = this.nextSignal(ENTRY_LONG, bar);
    const short = this.nextSignal(ENTRY_SHORT, bar);
    const signal = Math.min(long, short);
    const end = Math.min(signal + 1, this.until);
    this.recorder.flat(bar, end, this.ledger.cash);
    if (signal < end) {
      if (long === short) this.warnings.conflictingEntries++;
      this.entryWaits = long <= short ? 1 : -1;
      this.signalBar = signal;
    }
    return end;
  }

  /** From `bar` until an exit signal or ruin; returns the next bar to process. */
  private hold(bar: number): number {
    const signal = this.nextExit(bar);
    const end = Math.min(signal + 1, this.until);
    const ruined = this.markHeld(bar, end);
    if (ruined < end) return this.ruin(ruined);
    if (signal < end) this.orderExit(signal);
    return end;
  }

  /** As `hold`, with a stop or a target that any bar may touch, the entry bar included. */
  private holdProtected(bar: number): number {
    const signal = this.nextExit(bar);
    const end = Math.min(signal + 1, this.until);
    const side = this.side();
    const { stop, target } = this.held;
    const lower = side === 1 ? stop : target;
    const upper = side === 1 ? target : stop;
    const touched = firstTouch(this.high, this.low, bar, end, lower, upper);
    const ruined = this.markHeld(bar, touched);
    if (ruined < touched) return this.ruin(ruined);
    if (touched < end) {
      this.closeAtLevel(touched);
      return touched;
    }
    if (signal < end) this.orderExit(signal);
    return end;
  }

  /** As `holdProtected`, for only one bar. */
  private holdWatched(bar: number): number {
    if (this.closeAtLevel(bar)) return bar;
    const ruined = this.markHeld(bar, bar + 1);
    if (ruined === bar) return this.ruin(bar);
    if (this.nextExit(bar) === bar) this.orderExit(bar);
    return bar + 1;
  }

  /** Marks the position over [bar, end); returns the first bar where nothing is left, or `end`. */
  private markHeld(bar: number, end: number): number {
    const { size, entryPrice } = this.held;
    return this.recorder.held(bar, end, this.ledger.cash, size, entryPrice);
  }

  /** Pays for the position held since the bar before, at that bar's close. */
  private chargeHolding(bar: number): void {
    if (!this.models.margins.chargesHoldings) return;
    const { timeMs, close } = this.bars;
    const { held } = this;
    const elapsedMs = timeMs[bar] - timeMs[bar - 1];
    const cost = holdingCost(this.models.margins, held.size, this.borrowed(), close[bar - 1], elapsedMs);
    this.ledger.cash -= cost;
    held.holdingCost += cost;
  }

  /** Signed; see `ledger/margin-model.ts`. */
  private borrowed(): number {
    return this.held.size * this.held.entryPrice - this.ledger.cash;
  }

  /** The next bar that asks to leave the position: its exit, or with `reverse` an entry on the other side. */
  private nextExit(bar: number): number {
    const isLong = this.held.size > 0;
    const exit = this.nextSignal(isLong ? EXIT_LONG : EXIT_SHORT, bar);
    if (!this.signals.reverse) return exit;
    return Math.min(exit, this.nextSignal(isLong ? ENTRY_SHORT : ENTRY_LONG, bar));
  }

  private orderExit(signal: number): void {
    const side = this.side();
    const opposite = this.signalColumns[side === 1 ? ENTRY_SHORT : ENTRY_LONG];
    this.exitWaits = true;
    if (this.signals.reverse && opposite[signal] !== 0) this.entryWaits = side === 1 ? -1 : 1;
    this.signalBar = signal;
  }

  /** Market orders: the exit first, so that it frees the equity that a reversal then uses, at the same price. */
  private executeWaiting(bar: number): void {
    if (!this.exitWaits && this.entryWaits === 0) return;
    const price = this.fillsAtClose ? this.close[bar - 1] : this.open[bar];
    const fillBar = this.fillsAtClose ? bar - 1 : bar;
    if (this.exitWaits) this.closePosition(price, fillBar, "signal");
    this.exitWaits = false;
    if (this.entryWaits !== 0) this.openPosition(this.entryWaits, price, fillBar, bar);
    this.entryWaits = 0;
  }

  /** Orders of the last bar never fill. A position that is open then closes at the last close. */
  private closeAtEnd(): void {
    const last = this.rows - 1;
    if (this.settings.finalizeTrades) {
      if (this.conventions.lastBar === "replay") this.replayLastBar(last);
      else if (this.held.size !== 0) this.closePosition(this.close[last], last, "end_of_data");
      const equity = this.ledger.cash + this.held.size * (this.close[last] - this.held.entryPrice);
      this.recorder.last(equity);
      if (equity <= 0) this.ruin(last);
    }
    if (this.held.size !== 0) this.warnings.openAtEnd = 1;
  }

  /**
   * Under `lastBar: replay` the last bar is processed once more, after its decision: an open position closes and waiting
   * orders execute, as if in it. With fills at the close that is the close before it.
   */
  private replayLastBar(last: number): void {
    if (this.held.size !== 0 && !this.exitWaits) {
      const price = this.fillsAtClose ? this.close[last - 1] : this.open[last];
      this.closePosition(price, this.fillsAtClose ? last - 1 : last, "end_of_data");
    }
    this.executeWaiting(last);
    if (this.held.size !== 0) this.closeAtLevel(last);
  }

  private openPosition(side: Side, price: number, fillBar: number, bar: number): void {
    const { prices, models, ledger, held } = this;
    prices.fill = slippedPrice(models.fills, side, price);
    prices.entry = priceWithSpread(models.fills, side, prices.fill);
    const demand = this.signals.sizing === undefined ? this.wholeDemand : this.sizedDemand(this.signals.sizing);
    const units = entryUnits(demand, ledger.cash, prices, models);
    if (!(units > 0)) {
      const reason = entryRefusal(demand, ledger.cash, prices, models);
      this.warnings.explain(reason, () => refusalFigures(demand, ledger.cash, prices, models));
      this.refuse(side, fillBar, reason);
      return;
    }
    if (demand.units !== null && !areAllUnits(units, demand.units)) this.warnings.roundedEntries++;
    held.size = side * units;
    held.entryPrice = prices.entry;
    held.entryBar = fillBar;
    held.holdingCost = 0;
    held.entryFee = ledger.payEntry(units, prices.entry, prices.rate);
    this.openedBar = bar;
    const signalClose = this.close[this.signalBar];
    const { stopLoss, takeProfit } = this.signals;
    held.stop = this.levelOf(stopLoss, side === 1 ? -1 : 1, signalClose);
    held.target = this.levelOf(takeProfit, side, signalClose);
    this.isProtected = stopLoss !== null || takeProfit !== null;
  }

  /** Infinite without a rule; `direction` 1 above the reference, -1 below it. */
  private levelOf(rule: ProtectiveLevel | null, direction: Side, signalClose: number): number {
    if (rule === null) return direction * Number.POSITIVE_INFINITY;
    const reference = rule.from === "fill" ? this.held.entryPrice : signalClose;
    return levelPrice(reference, direction, rule.fraction, this.models.fills.tickSize);
  }

  private sizedDemand(sizing: EntrySizing): EntryDemand {
    if (sizing.kind === "units") return { fraction: 1, units: sizing.units, money: null };
    if (sizing.kind === "money") return { fraction: 1, units: null, money: sizing.money };
    if (sizing.kind === "value")
      return { fraction: valueFraction(sizing, this.settings.margin), units: null, money: null };
    const volatility = annualVolatility(this.bars, this.signalBar, sizing.window);
    const fraction = volatilityFraction(sizing.target, volatility, this.settings.margin);
    return { fraction, units: null, money: null };
  }

  private refuse(side: Side, bar: number, reason: RefusalReason): void {
    this.warnings.refusals[reason]++;
    if (this.orders === null) return;
    const row = this.orders.place(side, "market", this.signalBar, Number.NaN, Number.NaN, Number.NaN);
    this.orders.end(row, "refused", reason, bar);
  }

  /**
   * Closes when the bar touches the stop, the price of liquidation or the target, and says whether it did. The open
   * comes first, a loss before a target. Within the bar losses come first, and the nearer one of two.
   */
  private closeAtLevel(bar: number): boolean {
    const side = this.side();
    const [open, high, low] = [this.open[bar], this.high[bar], this.low[bar]];
    const { size, stop, target } = this.held;
    const liquidation = liquidationPrice(this.models.margins, size, this.borrowed());
    const isLiquidation = side * (liquidation - stop) > 0;
    const loss = isLiquidation ? liquidation : stop;
    const lost = stopFillPrice(side, open, high, low, loss);
    const won = targetFillPrice(side, open, high, low, target);
    const isLost = !Number.isNaN(lost);
    if (Number.isNaN(won)) {
      if (isLost) this.closeAtLoss(lost, bar, isLiquidation);
      return isLost;
    }
    if (isLost && this.losesFirst(open, loss, lost, won, bar)) this.closeAtLoss(lost, bar, isLiquidation);
    else this.closePosition(won, bar, "take_profit", this.targetRate(won, bar));
    return true;
  }

  private closeAtLoss(price: number, bar: number, isLiquidation: boolean): void {
    if (isLiquidation) this.warnings.liquidations++;
    this.closePosition(price, bar, isLiquidation ? "liquidation" : "stop_loss");
  }

  /** A target that stood in the book before it was reached is the maker's. */
  private targetRate(won: number, bar: number): number {
    const { makerRate, takerRate } = this.models.costs;
    return won !== this.open[bar] || bar > this.openedBar ? makerRate : takerRate;
  }

  /** Decides a bar that touches both: by its open, or else by the outcome that leaves less. */
  private losesFirst(open: number, loss: number, lost: number, won: number, bar: number): boolean {
    const side = this.side();
    if (side * (open - loss) <= 0) return true;
    if (side * (open - this.held.target) >= 0) return this.conventions.gappedTarget === "stop";
    this.warnings.ambiguousBars++;
    return !this.costsMore(won, this.targetRate(won, bar), lost);
  }

  /** True where leaving at the target, with its commission, leaves less than at the stop: the worse one is what counts. */
  private costsMore(won: number, winRate: number, lost: number): boolean {
    const { held, models, ledger } = this;
    const side: Side = held.size > 0 ? -1 : 1;
    const cashAfter = (level: number, rate: number) => {
      const price = tradedPrice(models.fills, side, level);
      const fee = orderCommission(models.costs, Math.abs(held.size), price, rate);
      return ledger.cash + (held.size * (price - held.entryPrice) - fee);
    };
    const [afterWin, afterLoss] = [cashAfter(won, winRate), cashAfter(lost, models.costs.takerRate)];
    return afterWin < afterLoss - SAME_MONEY * Math.max(Math.abs(afterWin), Math.abs(afterLoss));
  }

  private closePosition(price: number, bar: number, reason: ExitReason, rate = this.models.costs.takerRate): void {
    const { held, ledger } = this;
    const exitPrice = tradedPrice(this.models.fills, held.size > 0 ? -1 : 1, price);
    this.trades.record(held, bar, exitPrice, ledger.settle(held, exitPrice, rate), reason);
    held.size = 0;
  }

  /** Nothing is left at this bar's close: everything closes there, and the account stays empty to the end. */
  private ruin(bar: number): number {
    if (this.held.size !== 0) this.closePosition(this.close[bar], bar, "ruin");
    this.ledger.cash = 0;
    this.recorder.ruin(bar);
    this.warnings.ruined = true;
    return this.rows;
  }

  private side(): Side {
    return this.held.size > 0 ? 1 : -1;
  }

  /** The first bar at or after `bar` where the column is set; `rows` when there is none. */
  private nextSignal(column: number, bar: number): number {
    const known = this.nextSet[column];
    if (known >= bar) return known;
    const found = this.searches[column].first(bar);
    this.nextSet[column] = found;
    return found;
  }
}
