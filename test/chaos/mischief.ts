/** Disturbs a fleet while it works: every process and connection may die, freeze or stall, and comes back. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Fleet, killGroup, until } from "../support/fleet.ts";
import type { CuttableLine } from "./cuttable-line.ts";
import type { Random } from "./random.ts";

export const NODE_FLAGS = ["--slots", "2"] as const;

/** Longer than a lease lasts (35 s): what the node runs is handed to others meanwhile, and it comes back with old work. */
const OVERSLEEP_MS = 37_000;
const COME_BACK_WITHIN_MS = 90_000;

type Deed =
  | "node killed"
  | "node frozen"
  | "node frozen past its leases"
  | "connections cut"
  | "connections stalled"
  | "control plane killed"
  | "control plane frozen";

const DEEDS: readonly [Deed, number][] = [
  ["node killed", 6],
  ["node frozen", 5],
  ["connections cut", 6],
  ["connections stalled", 3],
  ["control plane killed", 1],
  ["control plane frozen", 2],
];

export class Mischief {
  readonly done = new Map<Deed, number>();
  readonly #fleet: Fleet;
  readonly #line: CuttableLine;
  readonly #random: Random;
  readonly #nodeIds: readonly string[];
  /** Nodes that something is being done to. */
  readonly #taken = new Set<string>();
  #planeTaken = false;
  readonly #running: Promise<void>[] = [];

  constructor(fleet: Fleet, line: CuttableLine, random: Random, nodeIds: readonly string[]) {
    this.#fleet = fleet;
    this.#line = line;
    this.#random = random;
    this.#nodeIds = nodeIds;
  }

  /** One deed after the other for `durationMs`, then resolves when everything is back. */
  async run(durationMs: number): Promise<void> {
    const end = performance.now() + durationMs;
    this.#start("node frozen past its leases");
    this.#start("control plane killed");
    while (performance.now() < end) {
      await sleep(this.#random.between(200, 1_500));
      this.#start(this.#chooseDeed());
    }
    await Promise.all(this.#running);
  }

  #chooseDeed(): Deed {
    let ticket = this.#random.next() * DEEDS.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [deed, weight] of DEEDS) {
      ticket -= weight;
      if (ticket < 0) return deed;
    }
    return "connections cut";
  }

  #start(deed: Deed): void {
    const work = this.#workOf(deed);
    if (work === null) return;
    this.done.set(deed, (this.done.get(deed) ?? 0) + 1);
    this.#running.push(work);
    // Awaited at the end of `run`; a failure before that must not count as unhandled.
    work.catch(() => {});
  }

  /** Null when there is nobody left to do it to. */
  #workOf(deed: Deed): Promise<void> | null {
    const random = this.#random;
    switch (deed) {
      case "node killed":
        return this.#toNode((id) => this.#killNode(id, random.between(0, 4_000)));
      case "node frozen":
        return this.#toNode((id) => this.#freezeNode(id, random.between(300, 6_000)));
      case "node frozen past its leases":
        return this.#toNode((id) => this.#freezeNode(id, OVERSLEEP_MS));
      case "connections cut":
        this.#line.cut(() => random.next() < 0.5);
        return Promise.resolve();
      case "connections stalled":
        return this.#stall(random.between(500, 3_000));
      case "control plane killed":
        return this.#toPlane(() => this.#killPlane(random.between(0, 2_000)));
      case "control plane frozen":
        return this.#toPlane(() => this.#freezePlane(random.between(300, 4_000)));
    }
  }

  #toNode(work: (nodeId: string) => Promise<void>): Promise<void> | null {
    const free = this.#nodeIds.filter((id) => !this.#taken.has(id));
    if (free.length === 0) return null;
    const nodeId = this.#random.pick(free);
    this.#taken.add(nodeId);
    return work(nodeId).finally(() => this.#taken.delete(nodeId));
  }

  #toPlane(work: () => Promise<void>): Promise<void> | null {
    if (this.#planeTaken) return null;
    this.#planeTaken = true;
    return work().finally(() => {
      this.#planeTaken = false;
    });
  }

  async #killNode(nodeId: string, restMs: number): Promise<void> {
    killGroup(this.#fleet.nodes.get(nodeId)!.pid, "SIGKILL");
    await sleep(restMs);
    // Its enrolment token comes from the control plane, which may be away.
    await until(COME_BACK_WITHIN_MS, `node ${nodeId} starts again`, async () => {
      await this.#fleet.startNode(nodeId, [...NODE_FLAGS, "--url", this.#line.url]);
      return true;
    });
  }

  async #freezeNode(nodeId: string, forMs: number): Promise<void> {
    const { pid } = this.#fleet.nodes.get(nodeId)!;
    killGroup(pid, "SIGSTOP");
    await sleep(forMs);
    killGroup(pid, "SIGCONT");
  }

  async #stall(forMs: number): Promise<void> {
    this.#line.hold();
    await sleep(forMs);
    this.#line.release();
  }

  async #killPlane(restMs: number): Promise<void> {
    await this.#fleet.killPlane();
    await sleep(restMs);
    await this.#fleet.startPlane();
  }

  async #freezePlane(forMs: number): Promise<void> {
    const pid = this.#fleet.planePid;
    killGroup(pid, "SIGSTOP");
    await sleep(forMs);
    killGroup(pid, "SIGCONT");
  }
}
