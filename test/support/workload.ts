/** Jobs that go on all the time while something is done to a fleet, and the count of what became of them. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import type { Client } from "../../client/client.ts";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import type { MarketDataStore } from "../../compute-node/market-data/index.ts";
import { parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { backtestSpec, type OperationSpec, submitRequest, TERMINAL_STATUSES } from "../../protocol/index.ts";
import { until } from "./fleet.ts";

const EVERY_MS = 200;
/** Every so many is a backtest; the others wait. */
const BACKTEST_EVERY = 8;
const PATIENCE_MS = 200;
/** The largest page of operations. */
const OPEN_AT_MOST = 200;
/** Which bars the fleet has. */
const DATA = { symbol: "SP500", timeframe: "1d" };

interface Job {
  readonly phase: string;
  readonly spec: OperationSpec;
  /** The result of a local run; null for an operation without bytes. */
  readonly bytes: Uint8Array | null;
}

/** The outcome of a phase's operations. */
export interface PhaseCount {
  readonly phase: string;
  readonly seconds: number;
  readonly accepted: number;
  readonly completed: number;
  /** Starts of jobs on nodes. */
  readonly started: number;
  readonly faults: readonly string[];
}

export class Workload {
  readonly #client: () => Client;
  readonly #store: MarketDataStore;
  readonly #jobs = new Map<string, Job>();
  readonly #seconds = new Map<string, number>();
  #phase = "";
  #phaseBegan = 0;
  #running: Promise<void> | null = null;
  #stops = false;

  /** `store` has the bars of SP500, 1d, and so has the control plane. */
  constructor(client: () => Client, store: MarketDataStore) {
    this.#client = client;
    this.#store = store;
  }

  /** Counts the operations that are accepted from now on for this phase. */
  begin(phase: string): void {
    this.#endPhase();
    this.#phase = phase;
    this.#phaseBegan = performance.now();
  }

  /** Submits until `pause`. Every job is submitted until it is accepted, under one key. */
  async start(): Promise<void> {
    const makeJob = await jobMaker(this.#store);
    this.#stops = false;
    const run = async (): Promise<void> => {
      while (!this.#stops) {
        await this.#submit(makeJob(this.#phase, this.#jobs.size));
        await sleep(EVERY_MS);
      }
    };
    this.#running = run();
  }

  /** Resolves when the last submission was answered. */
  async pause(): Promise<void> {
    this.#stops = true;
    await this.#running;
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Resolves when that many more were accepted: some quiet work before the next thing is done to the fleet. */
  async goesOn(operations: number): Promise<void> {
    const enough = this.size + operations;
    await until(60_000, `${operations} more operations are accepted`, async () => this.size >= enough);
  }

  /** The operations that are queued or running now. */
  async open(): Promise<Set<string>> {
    const pages = ["queued", "running"].map((status) => this.#client().listOperations({ status, limit: OPEN_AT_MOST }));
    const found = (await Promise.all(pages)).flatMap(({ operations }) => operations);
    if (found.length >= OPEN_AT_MOST)
      throw new Error(`${found.length} operations are open: the fleet does not keep up`);
    return new Set(found.map(({ operationId }) => operationId));
  }

  async ended(withinMs: number): Promise<void> {
    await until(withinMs, "every operation ended", async () => (await this.open()).size === 0);
  }

  /**
   * A count for each phase, in order; `starts` says how often each operation was started, `mayRunAgain` where more than once
   * is right. `faults` names what was lost, ended or ran twice, or has other bytes than a local run.
   */
  async counts(starts: ReadonlyMap<string, number>, mayRunAgain: ReadonlySet<string>): Promise<PhaseCount[]> {
    this.#endPhase();
    const counts = [...this.#seconds].map(([phase, seconds]) => ({
      ...{ phase, seconds, accepted: 0, completed: 0, started: 0, faults: [] as string[] },
    }));
    for (const [operationId, job] of this.#jobs) {
      const count = counts.find(({ phase }) => phase === job.phase)!;
      const fault = await this.#faultOf(operationId, job);
      const started = starts.get(operationId) ?? 0;
      count.accepted++;
      count.started += started;
      if (fault === null) count.completed++;
      else count.faults.push(fault);
      if (started !== 1 && !mayRunAgain.has(operationId)) count.faults.push(`${operationId} ran ${started} times`);
    }
    return counts;
  }

  async #submit(job: Job): Promise<void> {
    const key = randomUUID();
    for (;;) {
      try {
        const request = submitRequest.parse({ spec: job.spec, maxAttempts: 10 });
        this.#jobs.set((await this.#client().submit(request, key)).operationId, job);
        return;
      } catch {
        // The control plane is away, which is what the test is about.
        await sleep(PATIENCE_MS);
      }
    }
  }

  async #faultOf(operationId: string, { bytes }: Job): Promise<string | null> {
    const client = this.#client();
    const operation = await client.showOperation(operationId).catch(() => null);
    if (operation === null) return `${operationId} is lost`;
    const { events } = await client.operationEvents(operationId);
    const ends = events.filter(({ type }) => (TERMINAL_STATUSES as readonly string[]).includes(type));
    if (operation.status !== "completed") return `${operationId} is ${operation.status}: ${operation.error?.detail}`;
    if (ends.length !== 1) return `${operationId} ended ${ends.length} times`;
    if (bytes === null || Buffer.compare(await client.operationResult(operationId), bytes) === 0) return null;
    return `${operationId} has other bytes than a local run`;
  }

  #endPhase(): void {
    if (this.#phase === "") return;
    this.#seconds.set(this.#phase, (performance.now() - this.#phaseBegan) / 1000);
    this.#phase = "";
  }
}

async function jobMaker(store: MarketDataStore): Promise<(phase: string, index: number) => Job> {
  const file = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const strategy = parseRuleStrategyFile(readFileSync(file, "utf8"), file);
  const { sha256 } = (await store.find(DATA.symbol, DATA.timeframe))!;
  const bars = await store.open(sha256);
  return (phase, index) => {
    if (index % BACKTEST_EVERY !== 0) {
      return { phase, spec: { kind: "sleep", durationMs: 300 + ((index * 137) % 1_200), busy: false }, bytes: null };
    }
    const settings = { initialCapital: 10_000 + index };
    const spec = backtestSpec.parse({ kind: "backtest", strategy, data: DATA, settings });
    return { phase, spec, bytes: executeBacktest({ spec, bars, dataSha256: sha256 }).bytes };
  };
}
