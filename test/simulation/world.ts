/**
 * A simulated world: one registry, a few nodes, a network, clocks, people, and their faults, all from one seed. It checks safety
 * under faults for a number of events. Then everything is healed, and every accepted operation must end.
 */

import type { RegistryConfig } from "../../durable-objects/scheduler/index.ts";
import { HOUR_MS } from "../../protocol/durations.ts";
import { datasetsOf } from "../../protocol/index.ts";
import { ArtefactRoutes } from "./artefact-routes.ts";
import type { Canary } from "./canary.ts";
import { Chance } from "./chance.ts";
import { ControlPlane } from "./control-plane.ts";
import { EventQueue } from "./event-queue.ts";
import { Judge } from "./judge.ts";
import { Library } from "./library.ts";
import { Network, type Noticing } from "./network.ts";
import { drawConfig, drawRates, FAULTS, type Fault, heal, type Rates } from "./rates.ts";
import { SimulatedNode, SYMBOLS } from "./simulated-node.ts";
import { newTally, type Tally } from "./tally.ts";
import { Trace } from "./trace.ts";
import { Violation } from "./violation.ts";
import { Workload } from "./workload.ts";

interface WorldOptions {
  readonly seed: number;
  /** Events before the healing. */
  readonly events: number;
  readonly canary?: Canary;
  /** Called every 10,000 events. */
  readonly onProgress?: (events: number) => void;
}

/** Every accepted operation ends within this after the healing, in simulated time. */
const LIVENESS_BOUND_MS = 2 * HOUR_MS;
const PEOPLE_STAY_MS = 12 * HOUR_MS;
/** Longer than an upload may stay open without a word. */
const LEFT_ALONE_MS = 27 * HOUR_MS;
const TAIL = 40;
/** The wall clock stays within this of where it would be. */
const FURTHEST_JUMP_MS = 600_000;

export class World {
  readonly queue = new EventQueue();
  readonly trace = new Trace();
  readonly tally: Tally = newTally();
  readonly chance: Chance;
  readonly rates: Rates;
  readonly config: RegistryConfig;
  readonly network: Network;
  readonly plane: ControlPlane;
  readonly nodes: readonly SimulatedNode[];
  readonly judge: Judge;
  readonly workload: Workload;
  readonly routes: ArtefactRoutes;
  readonly library: Library;
  healed = false;
  readonly #options: WorldOptions;
  readonly #drawn: string;
  #wallOffset = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.chance = new Chance(options.seed);
    this.config = drawConfig(this.chance);
    this.nodes = Array.from({ length: this.chance.between(2, 8) }, (_, index) => new SimulatedNode(this, index));
    this.rates = drawRates(
      this.chance,
      this.nodes.reduce((sum, node) => sum + node.slots, 0),
    );
    this.#drawn = JSON.stringify(this.rates);
    this.network = new Network(this);
    this.plane = new ControlPlane(this, options.canary ?? null);
    this.judge = new Judge(this);
    this.workload = new Workload(this);
    this.routes = new ArtefactRoutes(this, options.canary === "record-before-joining");
    this.library = new Library(this);
  }

  /** Plays the world to its end. Throws an Error with the command that shows a violation again. */
  run(): Tally {
    try {
      this.#begin();
      this.#play(() => this.tally.events < this.#options.events);
      this.#heal();
      const healedAt = this.queue.now;
      const deadline = healedAt + LIVENESS_BOUND_MS;
      this.#play(() => this.queue.now < deadline && !this.#isWell);
      this.judge.checkAllEnded(LIVENESS_BOUND_MS);
      this.judge.require(this.plane.knowsAllNodes, "liveness", "every node is connected again, and known to be");
      this.tally.healingMs = this.queue.now - healedAt;
      this.judge.audit(this.plane.open());
      this.#leaveAlone();
      return this.tally;
    } catch (error) {
      throw new Error(this.#report(error), { cause: error });
    } finally {
      this.tally.simulatedMs = this.queue.now;
      this.plane.sql.close();
    }
  }

  get #isWell(): boolean {
    return this.judge.openOperations().length === 0 && this.plane.knowsAllNodes;
  }

  #begin(): void {
    for (const node of this.nodes) node.bootAfter(this.chance.between(1, 2_000));
    this.workload.keepSubmitting();
    this.#lookNowAndThen();
    for (const fault of FAULTS) this.#plan(fault);
  }

  #play(goOn: () => boolean): void {
    while (goOn()) {
      if (!this.queue.step()) return;
      this.tally.events++;
      if (this.tally.events % 10_000 === 0) this.#options.onProgress?.(this.tally.events);
    }
  }

  /** People look at the list of workers. */
  #lookNowAndThen(): void {
    this.plane.look();
    this.queue.after(this.chance.between(1, 120_000), () => this.#lookNowAndThen());
  }

  // Faults

  #plan(fault: Fault): void {
    const meanMs = this.rates.meanMs[fault];
    if (meanMs === 0) return;
    this.queue.after(this.chance.between(1, 2 * meanMs), () => {
      if (this.healed) return;
      this.#strike(fault);
      this.#plan(fault);
    });
  }

  #strike(fault: Fault): void {
    const { chance, plane } = this;
    const node = chance.pick(this.nodes);
    switch (fault) {
      case "cut":
        this.#cutSome(node);
        return;
      case "crash":
        node.crash("by itself");
        return;
      case "freeze":
        node.freeze();
        return;
      case "shutdown":
        node.shutDown();
        return;
      case "drain":
        node.drain(true, chance.perMille(500));
        this.queue.after(chance.between(1, 60_000), () => node.drain(false, false));
        return;
      case "datasets":
        node.changeDatasets(chance.some(SYMBOLS));
        return;
      case "restart":
        plane.restart(chance.perMille(500));
        return;
      case "hibernate":
        plane.hibernate();
        return;
      case "jump":
        this.#jump(chance.between(-180_000, 180_000));
        return;
      case "deregister":
        plane.deregister(node.workerId);
        return;
      case "drainByHand":
        plane.drain(node.workerId, true);
        this.queue.after(chance.between(1, 60_000), () => plane.drain(node.workerId, false));
        return;
      case "publish":
        this.library.publishSome();
        return;
      case "withdraw":
        this.library.withdrawSome();
    }
  }

  #cutSome(node: SimulatedNode): void {
    const line = node.process?.line;
    if (line == null || line.cut) return;
    this.tally.cuts++;
    const halfOpen: readonly Noticing[] = ["node", "registry", "nobody"];
    this.network.cut(line, this.chance.perMille(this.rates.halfOpenPerMille) ? this.chance.pick(halfOpen) : "both");
  }

  #jump(byMs: number): void {
    if (Math.abs(this.#wallOffset + byMs) > FURTHEST_JUMP_MS) return;
    this.#wallOffset += byMs;
    this.plane.jump(byMs);
  }

  #heal(): void {
    this.healed = true;
    this.trace.note(this.queue.now, "everything heals");
    heal(this.rates);
    for (const node of this.nodes) {
      node.thaw();
      node.drain(false, false);
      node.changeDatasets(SYMBOLS);
      if (node.process === null) node.boot();
      this.plane.drain(node.workerId, false);
    }
    this.workload.cancelEndless();
    this.#publishWhatIsPinned();
    this.queue.after(60_000, () => this.#helpAlong());
  }

  /** Gives waiting operations back the versions that were withdrawn. */
  #publishWhatIsPinned(): void {
    const published = new Set(this.judge.published.map(({ sha256 }) => sha256));
    const tasks = this.judge.openOperations().map((operationId) => this.workload.task(operationId));
    const pinned = new Set(tasks.flatMap(({ request }) => datasetsOf(request.spec).map(({ sha256 }) => sha256)));
    for (const sha256 of pinned) {
      if (sha256 !== undefined && !published.has(sha256)) this.library.publish(sha256);
    }
  }

  /**
   * Heals a second time, since frames in flight may have undone the healing: this network swaps frames of one connection, which
   * TCP never does, and nothing numbers a node's capabilities.
   */
  #helpAlong(): void {
    this.workload.cancelEndless();
    this.#publishWhatIsPinned();
    for (const node of this.nodes) {
      node.thaw();
      if (node.process?.state.draining) node.drain(false, false);
      node.changeDatasets(SYMBOLS);
      this.plane.drain(node.workerId, false);
    }
  }

  /**
   * Switches every machine off. For a while people still publish and withdraw datasets, hours apart, so that some come back while
   * their bytes are being removed. Then the registry alone clears away unused bytes, and sleeps.
   */
  #leaveAlone(): void {
    this.trace.note(this.queue.now, "everybody goes home");
    for (const node of this.nodes) node.switchOff();
    this.rates.alarmLateMs = this.chance.pick([2, 1_500]);
    const peopleLeaveAt = this.queue.now + PEOPLE_STAY_MS;
    this.#publishNowAndThen(peopleLeaveAt);
    this.#play(() => this.queue.now < peopleLeaveAt + LEFT_ALONE_MS);
    this.judge.checkCollected();
  }

  #publishNowAndThen(until: number): void {
    if (this.queue.now >= until) return;
    if (this.chance.perMille(500)) this.library.publishSome();
    else this.library.withdrawSome();
    this.queue.after(this.chance.between(1, 20 * 60_000), () => this.#publishNowAndThen(until));
  }

  #report(error: unknown): string {
    const { seed, events, canary } = this.#options;
    const what = error instanceof Violation ? error.message : ((error as Error).stack ?? String(error));
    return [
      what,
      `event ${this.tally.events}, step ${this.tally.steps}, ${this.queue.now} ms after the world began${this.healed ? ", healed" : ""}`,
      `replay: make simulate SEED=${seed} STEPS=${events}${canary === undefined ? "" : ` (canary ${canary})`}`,
      `rates: ${this.#drawn}`,
      "the last events:",
      ...this.trace.tail(TAIL),
    ].join("\n");
  }
}
