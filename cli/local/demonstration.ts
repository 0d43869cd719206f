/**
 * Runs `make demo` on real prices, with a control plane and three nodes. It backtests rules, trains a network, and backtests
 * the model on years that it has not seen. It stops everything at the end.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { type HomePaths, homePaths } from "../../client/home.ts";
import {
  type DatasetManifest,
  loadSample,
  MarketDataStore,
  SAMPLES,
  type SampleName,
} from "../../compute-node/market-data/index.ts";
import { decodeModel } from "../../compute-node/models/index.ts";
import type { OperationDetail } from "../../protocol/operation.ts";
import { backtestSpec, modelBacktestSpec, type OperationSpec, trainSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { BacktestResult } from "../../results/index.ts";
import { problemOf, watchOperation } from "../api/watch.ts";
import { parseResult, reportPath, writeReport } from "../commands/backtest/backtest-output.ts";
import { renderStatisticsTable, renderTrainingReport, renderTrainingTable, terminalOptions } from "../report/index.ts";
import { loadAnyStrategy, loadStrategy } from "../strategy/strategy-source.ts";
import type { TextStream } from "../terminal/context.ts";
import { durationText } from "../terminal/duration.ts";
import { type Interrupts, listenForInterrupts } from "../terminal/interrupt.ts";
import { problemText } from "../terminal/problem-text.ts";
import { CLEAR_LINE, createProgressView } from "../terminal/progress.ts";
import { PROJECT_FOLDER } from "./control-plane.ts";
import { type LocalSystem, startLocalSystem } from "./local-system.ts";

const NODES = 2;
const TRAINERS = 1;
const SYMBOL = "SP500";
const TIMEFRAME = "1d";
const STRATEGY_FILE = "examples/strategies/sma-cross.yaml";
const NETWORK_FILE = "examples/strategies/neural-daily-trend.yaml";
const MODEL = "demo";
/** The network's strategy ends its data the day before. */
const UNSEEN_FROM = "2015-01-01";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const INDENT = "     ";
const detail = (line: string): void => say(`${INDENT}${line}`);
const indent = (text: string): string => (text === "" ? "" : INDENT + text);
/** Stdout for the progress view, indented like the rest of a step. */
const indented: TextStream = {
  isTTY: process.stdout.isTTY,
  columns: (process.stdout.columns ?? 80) - INDENT.length,
  write: (text) =>
    process.stdout.write(
      text.startsWith(CLEAR_LINE) ? CLEAR_LINE + indent(text.slice(CLEAR_LINE.length)) : indent(text),
    ),
};

/** Answers the exit code. */
export async function runDemonstration(): Promise<number> {
  const started = performance.now();
  const interrupts = listenForInterrupts();
  try {
    await demonstrate(homePaths(join(PROJECT_FOLDER, ".ktrdr", "demo")), interrupts);
    say(`\nDone in ${durationText(performance.now() - started)}. Next, a system that stays up: npx ktrdr up`);
    return 0;
  } catch (error) {
    if (interrupts.signal.aborted) {
      say("\nInterrupted. Nothing is left running.");
      return 130;
    }
    process.stderr.write(`${problemText(error)}\n`);
    return 1;
  } finally {
    interrupts.release();
  }
}

async function demonstrate(home: HomePaths, interrupts: Interrupts): Promise<void> {
  say("ktrdr demo: real prices, a control plane and three compute nodes on this machine; rules, then a network\n");
  say("1  Real prices, out of npm packages");
  await loadPrices(home);
  say("\n2  A control plane, and the nodes that dial in to it over WebSockets");
  const system = await startSystem(home, interrupts);
  try {
    say(`\n3  A backtest of ${STRATEGY_FILE} on ${SYMBOL}, handed to whichever node is free`);
    const reports = [await backtest(home, system, interrupts.signal)];
    say(`\n4  A network learns on ${SYMBOL} up to ${UNSEEN_FROM}, on the node for training: ${NETWORK_FILE}`);
    reports.push(await train(home, system, interrupts.signal));
    say(`\n5  Its model is backtested on the years that it has not seen, from ${UNSEEN_FROM} on`);
    reports.push(await backtestModel(home, system, interrupts.signal));
    say("\n6  The reports: trades, equity, drawdown; the learning curve. Open them in a browser:");
    for (const report of reports) detail(report);
  } finally {
    await system.stop();
    const left = system.children.filter((child) => !child.hasEnded()).map((child) => child.name);
    say(
      left.length === 0
        ? `\n7  All ${system.children.length} processes are stopped.`
        : `\n7  Still running: ${left.join(", ")}`,
    );
  }
}

async function loadPrices(home: HomePaths): Promise<void> {
  const store = new MarketDataStore(home.data);
  for (const name of Object.keys(SAMPLES) as SampleName[]) {
    const { symbol, timeframe, title } = SAMPLES[name];
    const there = await usable(store, symbol, timeframe);
    const manifest = there ?? (await loadPricesOf(store, name));
    detail(
      `${symbol.padEnd(6)} ${title}: ${manifest.rows.toLocaleString("en")} bars${there === undefined ? "" : " (here already)"}`,
    );
  }
}

/** Finds the dataset of an earlier run. Removes one that cannot be read any more; undefined when none is left. */
async function usable(store: MarketDataStore, symbol: string, timeframe: string): Promise<DatasetManifest | undefined> {
  try {
    const manifest = await store.find(symbol, timeframe);
    if (manifest !== undefined) await store.open(manifest.sha256);
    return manifest;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    detail(`${symbol.padEnd(6)} ${error.message} Loading it anew.`);
    await store.remove(symbol, timeframe);
    return undefined;
  }
}

async function loadPricesOf(store: MarketDataStore, name: SampleName): ReturnType<MarketDataStore["put"]> {
  const { bars, ...details } = await loadSample(name);
  return store.put(bars, details);
}

function startSystem(home: HomePaths, interrupts: Interrupts): Promise<LocalSystem> {
  return startLocalSystem({
    home,
    environment: process.env,
    port: 0,
    nodeCount: NODES,
    trainerCount: TRAINERS,
    workerType: "backtesting",
    isDevelopment: false,
    givenToken: undefined,
    signal: interrupts.signal,
    on: {
      tokenMade: () => detail("made an admin token, kept in the demo's own folder"),
      controlPlaneReady: (url) => detail(`control plane   ${url}`),
      workerRegistered: (worker) => {
        const symbols = worker.capabilities.datasets.map((data) => data.symbol).join(", ");
        detail(`node registered ${worker.workerId} (${worker.workerType}, has ${symbols || "no data"})`);
      },
    },
  });
}

/** Submits an operation and watches it; throws its problem when it does not complete. */
async function run({ client }: LocalSystem, spec: OperationSpec, signal: AbortSignal): Promise<OperationDetail> {
  const { operationId } = await client.submit({ spec, name: "demo" });
  const view = createProgressView(indented);
  const ended = await watchOperation({ client, operationId, view, signal });
  if (ended.status !== "completed") throw problemOf(ended);
  detail(
    `${operationId} completed on ${ended.workerId} in ${durationText((ended.finishedAt ?? 0) - ended.createdAt)}\n`,
  );
  return ended;
}

/** Prints the table; answers the report's path, relative to the working folder. */
async function backtest(home: HomePaths, system: LocalSystem, signal: AbortSignal): Promise<string> {
  const { strategy } = await loadStrategy(join(PROJECT_FOLDER, STRATEGY_FILE));
  const spec = backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: SYMBOL, timeframe: TIMEFRAME } });
  return showBacktest(home, system, await run(system, spec, signal));
}

async function train(home: HomePaths, system: LocalSystem, signal: AbortSignal): Promise<string> {
  const { strategy } = await loadAnyStrategy(join(PROJECT_FOLDER, NETWORK_FILE));
  const data = [{ symbol: SYMBOL, timeframe: TIMEFRAME }];
  const spec = trainSpec.parse({ kind: "train", model: MODEL, strategy, data });
  const { operationId } = await run(system, spec, signal);
  const { manifest } = decodeModel(await system.client.operationResult(operationId));
  say(renderTrainingTable(manifest, process.stdout.columns ?? 80).trimEnd());
  const file = reportPath(home, operationId);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, renderTrainingReport(manifest));
  return relative(process.cwd(), file);
}

async function backtestModel(home: HomePaths, system: LocalSystem, signal: AbortSignal): Promise<string> {
  const { name, version, sha256 } = await system.client.showModel(MODEL);
  const data = [{ symbol: SYMBOL, timeframe: TIMEFRAME, startMs: Date.parse(UNSEEN_FROM) }];
  const spec = modelBacktestSpec.parse({ kind: "model_backtest", model: { name, version, sha256 }, data });
  return showBacktest(home, system, await run(system, spec, signal));
}

async function showBacktest(
  home: HomePaths,
  { client }: LocalSystem,
  { operationId }: OperationDetail,
): Promise<string> {
  const result = parseResult(await client.operationResult(operationId), operationId);
  say(renderStatisticsTable(result, terminalOptions(process.stdout, process.env)).trimEnd());
  const moral = verdict(result);
  if (moral !== null) say(`\n${moral}`);
  return relative(process.cwd(), await writeReport(result, reportPath(home, operationId)));
}

/** Says when a strategy lost to doing nothing: the demo shows the machinery, not a good strategy. */
function verdict({ symbol, statistics }: BacktestResult): string | null {
  const { returnPercent, buyAndHoldReturnPercent } = statistics;
  if (typeof returnPercent !== "number" || typeof buyAndHoldReturnPercent !== "number") return null;
  if (returnPercent >= buyAndHoldReturnPercent) return null;
  return `Simply holding ${symbol} would have done better. That is the point of a backtest: finding out here, for free.`;
}
