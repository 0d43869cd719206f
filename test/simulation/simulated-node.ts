/** A machine of the fleet: its processes come and go, and its disk and identity stay. */
import type { Capabilities, DatasetRef, WorkerType } from "../../protocol/index.ts";
import { WORKER_TYPES } from "../../protocol/index.ts";
import { NodeProcess } from "./node-process.ts";
import type { World } from "./world.ts";

export const SYMBOLS = ["AAA", "BBB", "CCC"] as const;
const ZONES = ["north", "south"] as const;

export class SimulatedNode {
  readonly workerId: string;
  readonly workerType: WorkerType;
  readonly labels: Record<string, string>;
  readonly memoryBytes: number;
  slots: number;
  datasets: DatasetRef[];
  /** On its disk; null before it enrolled. */
  credential: string | null = null;
  process: NodeProcess | null = null;
  /** Seconds-long streak of inspections in which line and process were well; see the judge. */
  wellInspections = 0;
  readonly #world: World;
  #isOff = false;

  constructor(world: World, index: number) {
    const { chance } = world;
    this.#world = world;
    this.workerId = `node-${index}`;
    this.workerType = chance.pick(WORKER_TYPES);
    this.labels = chance.perMille(500) ? { zone: chance.pick(ZONES) } : {};
    this.memoryBytes = chance.between(1, 4);
    this.slots = chance.between(1, 3);
    this.datasets = datasetsOf(chance.some(SYMBOLS));
  }

  get capabilities(): Capabilities {
    const { slots, labels, memoryBytes, datasets } = this;
    return { slots, kinds: ["backtest", "sleep", "train"], labels, memoryBytes, datasets };
  }

  boot(): void {
    if (this.process !== null || this.#isOff) return;
    this.#note("boots");
    this.process = new NodeProcess(this.#world, this, this.capabilities);
  }

  bootAfter(delayMs: number): void {
    this.#world.queue.after(delayMs, () => this.boot());
  }

  /** Its supervisor brings it back, sometimes with another number of slots. */
  crash(why: string): void {
    if (this.process === null) return;
    const { chance, tally, healed } = this.#world;
    tally.crashes++;
    this.#note(`crashes (${why})`);
    this.process.kill(!healed && chance.perMille(300));
    this.#comeBack();
  }

  /** The process left by itself. */
  exited(code: number, reason: string): void {
    this.#note(`exits with ${code} ${reason}`);
    if (code !== 0) this.#world.tally.superseded++;
    this.#comeBack();
  }

  /** Switches the machine off for good. */
  switchOff(): void {
    this.process?.kill(true);
    this.process = null;
    this.#isOff = true;
  }

  #comeBack(): void {
    const { chance, healed } = this.#world;
    this.process = null;
    if (!healed && chance.perMille(200)) this.slots = chance.between(1, 3);
    const longAbsence = !healed && chance.perMille(50);
    this.bootAfter(longAbsence ? chance.between(60_000, 400_000) : chance.between(200, 8_000));
  }

  freeze(): void {
    const { chance, queue, tally } = this.#world;
    const { process } = this;
    if (process === null || process.isFrozen) return;
    tally.freezes++;
    this.#note("freezes");
    process.freeze();
    const longMs = chance.perMille(100) ? 400_000 : 60_000;
    queue.after(chance.between(100, longMs), () => this.thaw(process));
  }

  thaw(process: NodeProcess | null = this.process): void {
    if (process === null || !process.isFrozen || !process.alive) return;
    this.#note("goes on");
    process.thaw();
  }

  /** Loads some datasets by itself, and loses all others. */
  changeDatasets(symbols: readonly string[]): void {
    this.datasets = datasetsOf(symbols);
    this.#note(`holds ${symbols.join(" ")}`);
    this.process?.dispatch({ type: "datasets", datasets: this.datasets });
  }

  /** A dataset of the store is on its disk now. */
  keep(dataset: DatasetRef): void {
    this.datasets = [...this.datasets.filter(({ sha256 }) => sha256 !== dataset.sha256), dataset];
    this.process?.dispatch({ type: "datasets", datasets: this.datasets });
  }

  drain(draining: boolean, exitWhenDrained: boolean): void {
    this.#note(draining ? "drains" : "drains no more");
    this.process?.dispatch({ type: "drain", draining, exitWhenDrained });
  }

  shutDown(): void {
    this.#note("shuts down");
    this.process?.dispatch({ type: "shutdown" });
  }

  #note(what: string): void {
    this.#world.trace.note(this.#world.queue.now, this.workerId, what);
  }
}

function datasetsOf(symbols: readonly string[]): DatasetRef[] {
  return symbols.map((symbol) => ({ symbol, timeframe: "1d", sha256: "0".repeat(64) }));
}
