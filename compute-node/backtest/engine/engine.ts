/**
 * @file The event loop of a backtest: signals and bars in, trades and equity out.
 *
 * On every bar, in this order: orders that wait execute against the bar (market orders at its open, then the stop, then
 * the target); equity is marked at its close; the strategy decides, and its orders wait for the next bar. So nothing
 * that a bar decides can depend on a later one.
 *
 * The loop does not visit bars one by one. Between two events the position is constant, so it runs in stretches: flat
 * until the next entry signal, or held until the next exit signal, stop, target or ruin. Each stretch is one tight loop
 * over typed arrays; everything else happens once a fill. The slow engine in `reference/engine.ts` says the same things
 * bar by bar, and the tests hold the two equal.
 *
 * Conventions are those of backtesting.py 0.6.6 (the golden tests reproduce it trade by trade); slippage, fractional
 * units and levels measured from the fill are ours. Where holding costs money, or a fall liquidates, each bar of a holding
 * is a stretch of its own.
 */
import { EXIT_REASONS, type ResultWarning } from "../../../protocol/backtest-result.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { EntrySizing, ProtectiveLevel, StrategySignals } from "../../strategy/signals.ts";
import { type AccountRules, accountRules, holdingCost, liquidationPrice, roundToTick } from "./account-rules.ts";
import { EngineWarnings, type RefusalReason, type WarningCounts } from "./engine-warnings.ts";
import { EquityCurve, type EquityRecorder } from "./equity-recorder.ts";
import { type Side, stopFillPrice, targetFillPrice } from "./fill-price.ts";
import { OrderLog } from "./order-log.ts";
import { type EntryDemand, entryRefusal, entryUnits, orderCommission } from "./position-size.ts";
import { FlagSearch, firstTouch } from "./signal-search.ts";
import { type ExitReason, TradeLog } from "./trade-log.ts";
import { annualVolatility, volatilityFraction } from "./volatility.ts";

/** A position that the end of the data found open and that is not among the trades. */
export interface OpenPosition {
  /** Units; negative for a short. */
  readonly size: number;
  readonly entryBar: number;
  readonly entryPrice: number;
}

export interface EngineResult {
  /** In the order of closing. */
  readonly trades: TradeLog;
  /** Money at each bar's close: cash plus the open position's profit. */
  readonly equity: Float64Array;
  /** What the run ends with besides the open position's profit. */
  readonly cash: number;
  readonly openPosition: OpenPosition | null;
  readonly warnings: ResultWarning[];
  readonly refusals: Readonly<Record<RefusalReason, number>>;
  /** Of a script every order; of signals those that no trade tells of, the refused ones. */
  readonly orders: OrderLog;
}

/** Called with the number of bars done; throwing from it stops the run. */
export type BarsDone = (bars: number) => void;

/** Bars between two calls of `onProgress`, at least. */
const PROGRESS_BARS = 65_536;

/** Room for trades is made for one in so many bars; more make the log grow. */
const BARS_PER_TRADE = 64;

const REASON_CODE = Object.fromEntries(EXIT_REASONS.map((reason, code) => [reason, code])) as Record<
  ExitReason,
  number
>;

/**
 * Runs the signals over the bars. Pure: the same arguments give the same bits on every machine.
 *
 * @param bars validated columns; every signal column has the same length
 * @param settings rates as fractions, money in the account's currency
 * @throws Problem `invalid-strategy` for a target within the spread, which would stand behind its own entry
 */
export function runBacktest(
  bars: BarColumns,
  signals: StrategySignals,
  settings: BacktestSettings,
  onProgress?: BarsDone,
): EngineResult {
  const curve = new EquityCurve(bars.close);
  const trades = new TradeLog(Math.ceil(bars.rows / BARS_PER_TRADE));
  const orders = new OrderLog();
  return {
    trades,
    orders,
    equity: curve.equity,
    ...runMarked(bars, signals, settings, curve, trades, onProgress, orders),
  };
}

/** As `runBacktest`, with the marks, the trades and (when wanted) the refused orders going where the caller wants them. */
export function runMarked(
  bars: BarColumns,
  signals: StrategySignals,
  settings: BacktestSettings,
  recorder: EquityRecorder,
  trades: TradeLog,
  onProgress?: BarsDone,
  orders: OrderLog | null = null,
): Omit<EngineResult, "trades" | "equity" | "orders"> {
  const run = new SignalRun(bars, signals, settings, recorder, trades, orders);
  run.advance(bars.rows, onProgress);
  return run.finish(onProgress);
}

function checkTarget(target: ProtectiveLevel | null, settings: BacktestSettings): void {
  if (target === null || target.from === "fill" || target.fraction > settings.spreadRate) return;
  throw new Problem(
    "invalid-strategy",
    `The take-profit of ${target.fraction} lies within the spread of ${settings.spreadRate}: it would stand behind the entry.`,
    { cure: "Set take_profit above the spread rate, or measure it from the fill." },
  );
}

/** Where a run stands between two bars, as plain data; its marks, trades and orders are with whoever started it. */
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
  private readonly wholeDemand: EntryDemand;
  /** Of the entry at hand; one object for all of them. */
  private readonly prices: { fill: number; entry: number; readonly rate: number };
  private readonly rules: AccountRules;
  private readonly bars: BarColumns;

  private readonly signalColumns: readonly Uint8Array[];
  private readonly searches: readonly FlagSearch[];
  /** For each signal column, the first set bar at or after the last bar asked for. */
  private readonly nextSet = [-1, -1, -1, -1];

  private readonly trades: TradeLog;
  private readonly warnings = new EngineWarnings();
  private readonly recorder: EquityRecorder;
  private readonly orders: OrderLog | null;
  private cash: number;

  /** 0 while flat. */
  private size = 0;
  private entryBar = 0;
  private entryPrice = 0;
  /** The bar in whose processing it was opened, from which its target waits. */
  private openedBar = 0;
  /** What holding it has cost so far; the cash has paid it, money. */
  private holdingCost = 0;
  /** Levels that are never reached stand at the infinite end of their side. */
  private stop = 0;
  private target = 0;
  private isProtected = false;

  /** The next bar to process. */
  private bar = 0;
  /** Where a stretch ends at the latest. */
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
    this.rules = accountRules(settings);
    this.rows = bars.rows;
    this.open = bars.open;
    this.high = bars.high;
    this.low = bars.low;
    this.close = bars.close;
    this.signals = signals;
    this.settings = settings;
    this.fillsAtClose = settings.fillAt === "close";
    this.prices = { fill: Number.NaN, entry: Number.NaN, rate: this.rules.takerRate };
    this.wholeDemand = { fraction: signals.sizeFraction, units: null, money: null };
    this.signalColumns = [signals.entryLong, signals.entryShort, signals.exitLong, signals.exitShort];
    this.searches = this.signalColumns.map((flags) => new FlagSearch(flags));
    this.cash = settings.initialCapital;
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
      this.recorder.flat(this.bar, end, this.cash);
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

  /** After the last bar: closes what the settings want closed. */
  finish(onProgress?: BarsDone): Omit<EngineResult, "trades" | "equity" | "orders"> {
    const firstDecision = this.signals.warmupBars + 1;
    if (firstDecision >= this.rows) this.warnings.neverDecided = 1;
    else if (!this.warnings.ruined) this.closeAtEnd();
    onProgress?.(this.rows);
    return {
      cash: this.cash,
      openPosition: this.size === 0 ? null : { size: this.size, entryBar: this.entryBar, entryPrice: this.entryPrice },
      warnings: this.warnings.list(this.settings),
      refusals: this.warnings.refusals,
    };
  }

  state(): SignalState {
    const { bar, nextReport, cash, size, entryBar, entryPrice, openedBar, holdingCost } = this;
    const { stop, target, isProtected, exitWaits, entryWaits, signalBar } = this;
    return {
      ...{ bar, nextReport, cash, size, entryBar, entryPrice, openedBar, holdingCost },
      ...{ stop, target, isProtected, exitWaits, entryWaits, signalBar },
      warnings: this.warnings.snapshot(),
    };
  }

  /** Goes on from what `state` gave, on the same bars, signals and settings. */
  restore({ warnings, ...state }: SignalState): void {
    Object.assign(this, state);
    this.warnings.restore(warnings);
  }

  private advanceStretch(bar: number): number {
    if (this.rules.chargesHoldings && this.size !== 0) this.chargeHolding(bar);
    this.executeWaiting(bar);
    if (this.size === 0) return this.stayFlat(bar);
    if (this.rules.watchesHoldings) return this.holdWatched(bar);
    return this.isProtected ? this.holdProtected(bar) : this.hold(bar);
  }

  /** From `bar` until an entry signal; returns the next bar to process. */
  private stayFlat(bar: number): number {
    if (this.cash <= 0) return this.ruin(bar);
    const long = this.nextSignal(ENTRY_LONG, bar);
    const short = this.nextSignal(ENTRY_SHORT, bar);
    const signal = Math.min(long, short);
    const end = Math.min(signal + 1, this.until);
    this.recorder.flat(bar, end, this.cash);
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
    const ruined = this.recorder.held(bar, end, this.cash, this.size, this.entryPrice);
    if (ruined < end) return this.ruin(ruined);
    if (signal < end) this.orderExit(signal);
    return end;
  }

  /** As `hold`, with a stop or a target that any bar may touch, the entry bar included. */
  private holdProtected(bar: number): number {
    const signal = this.nextExit(bar);
    const end = Math.min(signal + 1, this.until);
    const side = this.side();
    const lower = side === 1 ? this.stop : this.target;
    const upper = side === 1 ? this.target : this.stop;
    const touched = firstTouch(this.high, this.low, bar, end, lower, upper);
    const ruined = this.recorder.held(bar, touched, this.cash, this.size, this.entryPrice);
    if (ruined < touched) return this.ruin(ruined);
    if (touched < end) {
      this.closeAtLevel(touched);
      return touched;
    }
    if (signal < end) this.orderExit(signal);
    return end;
  }

  /** As `holdProtected`, for one bar alone. */
  private holdWatched(bar: number): number {
    if (this.closeAtLevel(bar)) return bar;
    const ruined = this.recorder.held(bar, bar + 1, this.cash, this.size, this.entryPrice);
    if (ruined === bar) return this.ruin(bar);
    if (this.nextExit(bar) === bar) this.orderExit(bar);
    return bar + 1;
  }

  /** What was held over the time since the bar before is paid, at its close. */
  private chargeHolding(bar: number): void {
    const { timeMs, close } = this.bars;
    const cost = holdingCost(this.rules, this.size, this.borrowed(), close[bar - 1], timeMs[bar] - timeMs[bar - 1]);
    this.cash -= cost;
    this.holdingCost += cost;
  }

  /** Signed; see `account-rules.ts`. */
  private borrowed(): number {
    return this.size * this.entryPrice - this.cash;
  }

  /** The next bar that asks to leave the position: its exit, or with `reverse` an entry on the other side. */
  private nextExit(bar: number): number {
    const isLong = this.size > 0;
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

  /**
   * The last bar is processed once more, after its decision: what is open closes and what waits executes, as if in it.
   * With fills at the close that is the close before it, as in backtesting.py.
   */
  private closeAtEnd(): void {
    const last = this.rows - 1;
    if (!this.settings.finalizeTrades) {
      if (this.size !== 0) this.warnings.openAtEnd = 1;
      return;
    }
    if (this.size !== 0 && !this.exitWaits) {
      const price = this.fillsAtClose ? this.close[last - 1] : this.open[last];
      this.closePosition(price, this.fillsAtClose ? last - 1 : last, "end_of_data");
    }
    this.executeWaiting(last);
    if (this.size !== 0) this.closeAtLevel(last);
    const equity = this.cash + this.size * (this.close[last] - this.entryPrice);
    this.recorder.last(equity);
    if (equity <= 0) this.ruin(last);
    else if (this.size !== 0) this.warnings.openAtEnd = 1;
  }

  private openPosition(side: Side, price: number, fillBar: number, bar: number): void {
    const { slippageRate, spreadRate } = this.settings;
    const fillPrice = price * (1 + side * slippageRate);
    const entryPrice = roundToTick(fillPrice * (1 + side * spreadRate), this.rules.tickSize, side);
    const { prices } = this;
    prices.fill = fillPrice;
    prices.entry = entryPrice;
    const demand = this.signals.sizing === undefined ? this.wholeDemand : this.sizedDemand(this.signals.sizing);
    const units = entryUnits(demand, this.cash, prices, this.settings);
    if (!(units > 0)) {
      this.refuse(side, fillBar, entryRefusal(demand, this.cash, prices, this.settings));
      return;
    }
    this.size = side * units;
    this.entryPrice = entryPrice;
    this.entryBar = fillBar;
    this.openedBar = bar;
    this.holdingCost = 0;
    this.cash -= this.commission(entryPrice, this.rules.takerRate);
    const signalClose = this.close[this.signalBar];
    const { stopLoss, takeProfit } = this.signals;
    this.stop = this.levelPrice(stopLoss, side === 1 ? -1 : 1, signalClose);
    this.target = this.levelPrice(takeProfit, side, signalClose);
    this.isProtected = stopLoss !== null || takeProfit !== null;
  }

  /** Infinite without a rule; `direction` 1 above the reference, -1 below it. */
  private levelPrice(rule: ProtectiveLevel | null, direction: Side, signalClose: number): number {
    if (rule === null) return direction * Number.POSITIVE_INFINITY;
    const price = (rule.from === "fill" ? this.entryPrice : signalClose) * (1 + direction * rule.fraction);
    return roundToTick(price, this.rules.tickSize, direction);
  }

  private sizedDemand(sizing: EntrySizing): EntryDemand {
    if (sizing.kind === "units") return { fraction: 1, units: sizing.units, money: null };
    if (sizing.kind === "money") return { fraction: 1, units: null, money: sizing.money };
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
   * Closes when the bar touches the stop, the price of liquidation or the target, and says whether it did; what loses
   * comes first, and of two losses the nearer.
   */
  private closeAtLevel(bar: number): boolean {
    const side = this.side();
    const [open, high, low] = [this.open[bar], this.high[bar], this.low[bar]];
    const liquidation = liquidationPrice(this.rules, this.size, this.borrowed());
    const isLiquidation = side * (liquidation - this.stop) > 0;
    const lost = stopFillPrice(side, open, high, low, isLiquidation ? liquidation : this.stop);
    const won = targetFillPrice(side, open, high, low, this.target);
    if (!Number.isNaN(lost)) {
      if (!Number.isNaN(won)) this.warnings.ambiguousBars++;
      if (isLiquidation) this.warnings.liquidations++;
      this.closePosition(lost, bar, isLiquidation ? "liquidation" : "stop_loss");
      return true;
    }
    if (Number.isNaN(won)) return false;
    const stoodInBook = won !== open || bar > this.openedBar;
    this.closePosition(won, bar, "take_profit", stoodInBook ? this.rules.makerRate : this.rules.takerRate);
    return true;
  }

  private closePosition(price: number, bar: number, reason: ExitReason, rate = this.rules.takerRate): void {
    const { size, entryPrice, trades, holdingCost } = this;
    const side = this.side();
    const slipped = price * (1 - side * this.settings.slippageRate);
    const exitPrice = roundToTick(slipped, this.rules.tickSize, side === 1 ? -1 : 1);
    const exitCommission = this.commission(exitPrice, rate);
    const commission = exitCommission + this.commission(entryPrice, this.rules.takerRate);
    const costs = commission + holdingCost;
    const gross = size * (exitPrice - entryPrice);
    this.cash += gross - exitCommission;
    const row = trades.append();
    trades.size[row] = size;
    trades.entryBar[row] = this.entryBar;
    trades.exitBar[row] = bar;
    trades.entryPrice[row] = entryPrice;
    trades.exitPrice[row] = exitPrice;
    trades.pnl[row] = gross - costs;
    trades.commission[row] = commission;
    trades.holdingCost[row] = holdingCost;
    trades.returnFraction[row] = side * (exitPrice / entryPrice - 1) - costs / (Math.abs(size) * entryPrice);
    trades.stopLoss[row] = Number.isFinite(this.stop) ? this.stop : Number.NaN;
    trades.takeProfit[row] = Number.isFinite(this.target) ? this.target : Number.NaN;
    trades.exitReason[row] = REASON_CODE[reason];
    this.size = 0;
  }

  /** Nothing is left at this bar's close: everything closes there, and the account stays empty to the end. */
  private ruin(bar: number): number {
    if (this.size !== 0) this.closePosition(this.close[bar], bar, "ruin");
    this.cash = 0;
    this.recorder.ruin(bar);
    this.warnings.ruined = true;
    return this.rows;
  }

  /** Money for trading the whole position at `price`. */
  private commission(price: number, rate: number): number {
    return orderCommission(this.settings, Math.abs(this.size), price, rate);
  }

  private side(): Side {
    return this.size > 0 ? 1 : -1;
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
