/** Lists the columns that the audit compares, for each kind of strategy. */
import type { BacktestSettings, BacktestSpec } from "../../../protocol/operations/index.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { type BarColumns, barsBetween, sliceBars } from "../../market-data/bars.ts";
import {
  type BarsByTimeframe,
  type CompiledRules,
  compileRules,
  computeFeatures,
  type DecisionSettings,
  type FeatureOptions,
  featureIndicators,
  type NamedSeries,
  neuralSignals,
  resolveNeural,
  ruleSeries,
  type StrategySignals,
  seriesKnownAt,
} from "../../strategy/index.ts";
import { runBacktest } from "../engine/engine.ts";
import type { OrderLog } from "../engine/order-log.ts";
import type { AnyScript, ParameterDeclarations, ScriptStrategy } from "../script/api.ts";
import { indicatorColumns, indicatorsOf, parametersOf } from "../script/indicators.ts";
import { loadScript, withPlaces } from "../script/source.ts";
import { runScript } from "../script/strategy.ts";
import { type AuditedColumn, type AuditReport, audit, auditSlowly, joinedReports, prefixLengths } from "./audit.ts";
import { fillColumns, withQuietBar } from "./fills.ts";

/** The strategy of a specification over the bars of its range; `bars` is the whole dataset. */
export function auditBacktest(spec: BacktestSpec, bars: BarColumns): AuditReport {
  const tested = sliceBars(bars, spec.data.startMs, spec.data.endMs);
  const { strategy, parameters, settings } = spec;
  if (strategy.kind === "rules")
    return auditRules(
      compileRules(strategy, parameters, settings.crosses),
      tested,
      ruleSeries(strategy, parameters),
      settings,
    );
  return withPlaces(strategy, () => auditScript(tested, () => loadScript(strategy), settings, parameters));
}

/**
 * The signals of compiled rules, the series (`ruleSeries`) that lead to them and, with settings, the account that follows:
 * sizes too are decided only from the past, and orders fill after their decision.
 */
export function auditRules(
  compiled: Pick<CompiledRules, "signals">,
  bars: BarColumns,
  series: (bars: BarColumns) => readonly NamedSeries[] = () => [],
  settings: BacktestSettings | null = null,
): AuditReport {
  const report = audit(bars.timeMs, (rows) => {
    const cut = barsBetween(bars, 0, rows);
    const signals = compiled.signals(cut);
    const columns = [...series(cut), ...signalColumns(signals)];
    if (settings === null) return columns;
    const { equity } = runBacktest(cut, signals, { ...settings, finalizeTrades: false });
    return [...columns, { kind: "equity", name: "equity", values: equity }];
  });
  if (settings === null) return report;
  return joinedReports(
    report,
    auditFills(bars, (cut) => signalFills(cut, compiled.signals(cut), settings)),
  );
}

/**
 * Compares the fills of shortened runs, and of the run on all bars, with those of a run that goes on for one more bar. They end as the
 * settings say, since the fault may lie in the end.
 */
function auditFills(bars: BarColumns, fillsOn: (cut: BarColumns) => AuditedColumn[]): AuditReport {
  if (bars.rows === 0) return { findings: [], prefixes: [], columns: {} };
  const longer = withQuietBar(bars);
  const lengths = [...prefixLengths(bars.rows), bars.rows];
  return audit(longer.timeMs, (rows) => fillsOn(barsBetween(longer, 0, rows)), lengths);
}

function signalFills(cut: BarColumns, signals: StrategySignals, settings: BacktestSettings): AuditedColumn[] {
  const { trades, openPosition } = runBacktest(cut, signals, settings);
  return fillColumns({ trades, openLots: openPosition === null ? [] : [openPosition] }, cut.rows, settings.fillAt);
}

const SIGNALS = ["entryLong", "exitLong", "entryShort", "exitShort"] as const;

/** Entries, exits and, where the strategy ranks, its rank. */
function signalColumns(signals: Pick<StrategySignals, (typeof SIGNALS)[number] | "rank">): AuditedColumn[] {
  const columns = SIGNALS.map((name): AuditedColumn => ({ kind: "signal", name, values: signals[name] }));
  return signals.rank === undefined ? columns : [...columns, { kind: "signal", name: "rank", values: signals.rank }];
}

/**
 * The indicators of a script, its orders, the account at each bar, and the fills: a decision that changes also changes the
 * account. The end of the data closes nothing for the account, since a shorter run ends earlier.
 *
 * @param strategyOf makes the strategy for one run, so that its variables do not reach the next
 */
export function auditScript<P extends ParameterDeclarations, N extends string>(
  bars: BarColumns,
  strategyOf: () => ScriptStrategy<P, N>,
  settings: BacktestSettings,
  overrides: Readonly<Record<string, number>> = {},
): AuditReport {
  const open = { ...settings, finalizeTrades: false };
  const report = audit(bars.timeMs, (rows) => {
    const cut = barsBetween(bars, 0, rows);
    const strategy = strategyOf();
    const script = strategy as unknown as AnyScript;
    const { columns } = indicatorColumns(cut, indicatorsOf(script, parametersOf(script, overrides)));
    const { equity, orders } = runScript(cut, strategy, open, overrides);
    return [
      ...Object.entries(columns).map(([name, values]): AuditedColumn => ({ kind: "indicator", name, values })),
      ...orderColumns(orders, rows),
      { kind: "equity", name: "equity", values: equity },
    ];
  });
  const fills = auditFills(bars, (cut) =>
    fillColumns(runScript(cut, strategyOf(), settings, overrides), cut.rows, settings.fillAt),
  );
  return joinedReports(report, fills);
}

/** Orders at each bar's close, as sums: any other order changes one of them. */
function orderColumns(orders: OrderLog, rows: number): AuditedColumn[] {
  const names = ["bought", "sold", "units", "limit", "stop"] as const;
  const sums = names.map(() => new Float64Array(rows));
  const orZero = (value: number) => (Number.isNaN(value) ? 0 : value);
  for (const { placedBar, side, units, limit, stop } of orders.list(rows - 1)) {
    sums[side === 1 ? 0 : 1][placedBar]++;
    sums[2][placedBar] += orZero(units);
    sums[3][placedBar] += orZero(limit);
    sums[4][placedBar] += orZero(stop);
  }
  return names.map((name, k) => ({ kind: "order", name, values: sums[k] }));
}

/** A network as the audit asks it. */
export interface AuditedNetwork {
  /** [bar, output] at each bar of the base timeframe, its normalisation included, and the first bar that has an answer. */
  outputs(
    bars: BarsByTimeframe,
    context: NonNullable<FeatureOptions["context"]>,
  ): Promise<{ readonly outputs: ArrayLike<number>; readonly firstRow: number }>;
  /** How outputs become decisions; null where they do not trade. */
  readonly decisions: DecisionSettings | null;
}

export interface NeuralAudit extends FeatureOptions {
  readonly network?: AuditedNetwork;
  /** With them, the fills of a network that trades are compared too. */
  readonly settings?: BacktestSettings;
}

/**
 * A fuzzy-neural strategy: each indicator on the bars of its own timeframe, each feature and fuzzy value on those of the
 * base timeframe, and with a network its outputs and decisions. A shorter run has of every other series the bars that
 * are over when its last bar is.
 *
 * @throws Problem as `computeFeatures`
 */
export function auditNeural(
  strategy: NeuralStrategy,
  bars: BarsByTimeframe,
  { network, context = {}, names, settings }: NeuralAudit = {},
): Promise<AuditReport> {
  const { baseTimeframe } = resolveNeural(strategy);
  return auditSlowly(bars[baseTimeframe]?.timeMs ?? new Float64Array(), async (rows) => {
    const cut = seriesKnownAt(bars, context, baseTimeframe, rows);
    const options: FeatureOptions = { context: cut.context, ...(names !== undefined && { names }) };
    const matrix = computeFeatures(strategy, cut.bars, options);
    const features = matrix.features.map(({ fn, name }, k): AuditedColumn => {
      return { kind: fn === null ? "feature" : "fuzzy", name, values: matrix.columns[k] };
    });
    const indicators = featureIndicators(strategy, cut.bars, options).map(
      ({ name, timeframe, values }): AuditedColumn => {
        return { kind: "indicator", name, values, timeMs: cut.bars[timeframe].timeMs };
      },
    );
    if (network === undefined) return [...indicators, ...features];
    const answer = await network.outputs(cut.bars, cut.context);
    const base = cut.bars[baseTimeframe];
    return [...indicators, ...features, ...networkColumns(answer, base, network.decisions, settings)];
  });
}

function networkColumns(
  { outputs, firstRow }: Awaited<ReturnType<AuditedNetwork["outputs"]>>,
  base: BarColumns,
  decisions: DecisionSettings | null,
  settings: BacktestSettings | undefined,
): AuditedColumn[] {
  const width = outputs.length / base.rows;
  const columns = Array.from({ length: width }, (_, k): AuditedColumn => {
    const values = Float64Array.from({ length: base.rows }, (_row, row) => outputs[row * width + k]);
    return { kind: "output", name: `output ${k}`, values };
  });
  if (decisions === null) return columns;
  const signals = neuralSignals(decisions, outputs, base, { firstRow });
  const fills = settings === undefined ? [] : signalFills(base, signals, settings);
  return [...columns, ...signalColumns(signals), ...fills];
}
