/** A backtest of signals that can stop between any two bars and go on elsewhere, with the same bits. */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import type { BarsDone, EngineResult } from "./engine-result.ts";
import { EquityCurve } from "./equity-recorder.ts";
import { OrderLog } from "./order-log.ts";
import { SignalRun, type SignalState } from "./signal-run.ts";
import { TradeLog, type TradeLogSnapshot } from "./trade-log.ts";

interface KeptRun {
  readonly run: SignalState;
  readonly trades: TradeLogSnapshot;
  readonly orders: Float64Array;
  /** The marks of the bars that are done. */
  readonly equity: Float64Array;
}

export class ResumableBacktest {
  private readonly curve: EquityCurve;
  private readonly trades = new TradeLog();
  private readonly orders = new OrderLog();
  private readonly run: SignalRun;

  /** @throws Problem as `runBacktest` */
  constructor(bars: BarColumns, signals: StrategySignals, settings: BacktestSettings) {
    this.curve = new EquityCurve(bars.close);
    this.run = new SignalRun(bars, signals, settings, this.curve, this.trades, this.orders);
  }

  /**
   * The run as it stood at `checkpoint`, on the same bars, signals and settings; `inputs` names them.
   *
   * @throws Problem as `decodeCheckpoint`
   */
  static resume(
    bars: BarColumns,
    signals: StrategySignals,
    settings: BacktestSettings,
    checkpoint: Uint8Array,
    inputs: string,
  ): ResumableBacktest {
    const kept = decodeCheckpoint(checkpoint, "signals", inputs) as KeptRun;
    const backtest = new ResumableBacktest(bars, signals, settings);
    backtest.run.restore(kept.run);
    backtest.trades.restore(kept.trades);
    backtest.orders.restore(kept.orders);
    backtest.curve.equity.set(kept.equity);
    return backtest;
  }

  /** The next bar to process. */
  get bar(): number {
    return this.run.state().bar;
  }

  /** Processes the bars before `untilBar` that are not done yet. */
  advance(untilBar: number, onProgress?: BarsDone): void {
    this.run.advance(untilBar, onProgress);
  }

  checkpoint(inputs: string): Uint8Array {
    const run = this.run.state();
    const kept: KeptRun = {
      run,
      trades: this.trades.snapshot(),
      orders: this.orders.snapshot(),
      equity: this.curve.equity.subarray(0, run.bar),
    };
    return encodeCheckpoint("signals", inputs, kept);
  }

  /** After the last bar. */
  finish(onProgress?: BarsDone): EngineResult {
    const ended = this.run.finish(onProgress);
    return { ...ended, trades: this.trades, orders: this.orders, equity: this.curve.equity };
  }
}
