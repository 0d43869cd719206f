/** One process of a compute node: the real state machine, and around it a copy of `compute-node/agent/agent.ts`. */
import {
  type AgentEffect,
  type AgentEvent,
  type AgentState,
  createAgentState,
  type JobOutcome,
  leaseKey,
  step,
  wakeAt,
} from "../../compute-node/agent/state.ts";
import { type Capabilities, type DatasetRef, type Lease, Problem, type RegistryMessage } from "../../protocol/index.ts";
import type { Caller } from "./artefact-routes.ts";
import type { Line } from "./network.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { upload } from "./uploader.ts";
import { checkpointOf, contentOf } from "./workload.ts";
import type { World } from "./world.ts";

/** A thread that is told to stop ends within this, or is killed. */
const STOP_GRACE_MS = 2_000;
const FETCH_TRIES = 5;

export class NodeProcess {
  readonly node: SimulatedNode;
  readonly state: AgentState;
  readonly #world: World;
  readonly #startedAt: number;
  /** Thousandths by which this machine's clock runs fast. */
  readonly #instance: string;
  readonly #driftPerMille: number;
  /** Jobs whose threads run, by lease. */
  readonly #jobs = new Set<string>();
  readonly #uploads = new Map<string, object>();
  /** Results whose bytes are kept until they are uploaded, by lease. */
  readonly #outbox = new Set<string>();
  line: Line | null = null;
  alive = true;
  /** Frames that came in while the process stood still; null while it runs. */
  #heldBack: AgentEvent[] | null = null;
  /** True time of the pending timer. */
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(world: World, node: SimulatedNode, capabilities: Capabilities) {
    this.#world = world;
    this.node = node;
    this.#startedAt = world.queue.now;
    this.#instance = `${node.workerId} since ${world.queue.now}`;
    this.#driftPerMille = world.chance.between(-50, 50);
    const config = { workerId: node.workerId, softwareVersion: "simulated", canEnrolAgain: true };
    this.state = createAgentState(config, capabilities);
    this.dispatch({ type: "start" });
  }

  get isFrozen(): boolean {
    return this.#heldBack !== null;
  }

  get runningJobs(): number {
    return this.#jobs.size;
  }

  /** Monotonic time as this process sees it. */
  #localNow(): number {
    return Math.floor(((this.#world.queue.now - this.#startedAt) * (1000 + this.#driftPerMille)) / 1000);
  }

  dispatch(event: AgentEvent): void {
    if (!this.alive) return;
    if (this.#heldBack !== null) {
      this.#heldBack.push(event);
      return;
    }
    const effects = step(this.state, event, this.#localNow(), this.#world.chance.fraction);
    for (const effect of effects) if (this.alive) this.#carryOut(effect);
    if (this.alive) this.#setTimer();
  }

  receive(line: Line, messages: readonly RegistryMessage[]): void {
    if (line.nodeEnd !== "open") return;
    for (const message of messages) this.dispatch({ type: "message", epoch: line.epoch, message });
  }

  freeze(): void {
    this.#heldBack ??= [];
  }

  /** Goes on with the state that it had, and with everything that has come in since. */
  thaw(): void {
    const held = this.#heldBack;
    this.#heldBack = null;
    for (const event of held ?? []) this.dispatch(event);
    if (this.alive) this.dispatch({ type: "tick" });
  }

  /** Ends without a word; memory is lost. A machine that lost its power does not even close its sockets. */
  kill(powerLoss: boolean): void {
    this.alive = false;
    if (this.line !== null) this.#world.network.cut(this.line, powerLoss ? "nobody" : "registry");
  }

  #setTimer(): void {
    const at = wakeAt(this.state);
    if (at === Number.POSITIVE_INFINITY) return;
    const { queue } = this.#world;
    const due = Math.max(queue.now + 1, this.#startedAt + Math.ceil((at * 1000) / (1000 + this.#driftPerMille)));
    if (this.#timerAt > queue.now && this.#timerAt <= due) return;
    this.#timerAt = due;
    queue.after(due - queue.now, () => {
      if (this.#timerAt !== due || !this.alive || this.isFrozen) return;
      this.#timerAt = Number.POSITIVE_INFINITY;
      if (this.#localNow() >= wakeAt(this.state)) this.dispatch({ type: "tick" });
      else this.#setTimer();
    });
  }

  #carryOut(effect: AgentEffect): void {
    const { network } = this.#world;
    switch (effect.type) {
      case "enrol":
        this.#enrol();
        return;
      case "connect":
        this.line = network.connect(this, effect.epoch);
        return;
      case "send": {
        const line = this.#lineOf(effect.epoch);
        if (line !== null) this.#world.plane.frameSent(line, effect.messages);
        return;
      }
      case "ping": {
        const line = this.#lineOf(effect.epoch);
        if (line !== null) network.ping(line);
        return;
      }
      case "disconnect":
        if (this.line?.epoch === effect.epoch && this.line.nodeEnd !== "closed") network.hangUp(this.line);
        return;
      case "start-job":
        this.#startJob(effect.lease, effect.dataset);
        return;
      case "stop-job":
        this.#stopJob(effect.lease, effect.save === true);
        return;
      case "upload-checkpoint":
        this.#uploadCheckpoint(effect.lease);
        return;
      case "upload":
        this.#upload(effect.lease, effect.result.sha256 ?? "");
        return;
      case "discard":
        this.#uploads.delete(leaseKey(effect.lease));
        this.#outbox.delete(leaseKey(effect.lease));
        return;
      case "note":
        return;
      case "exit":
        this.alive = false;
        this.node.exited(effect.code, effect.problem?.message ?? "");
    }
  }

  #lineOf(epoch: number): Line | null {
    return this.line?.epoch === epoch && this.line.nodeEnd === "open" ? this.line : null;
  }

  #enrol(): void {
    const { node } = this;
    this.#world.network.request(
      `register ${node.workerId}`,
      () => this.#world.plane.register(node, this.state.capabilities, this.#instance),
      (answer) => {
        if (!this.alive) return;
        if (answer.arrived) {
          node.credential = answer.value.credential;
          this.dispatch({ type: "enrolled", epoch: answer.value.epoch });
        } else {
          const problem = new Problem("unavailable", "no answer");
          this.dispatch({ type: "enrolment-failed", problem, final: false });
        }
      },
    );
  }

  #startJob(lease: Lease, dataset: DatasetRef | null): void {
    this.#world.judge.started(this, lease);
    this.#jobs.add(leaseKey(lease));
    const isHere = dataset === null || this.node.datasets.some(({ sha256 }) => sha256 === dataset.sha256);
    if (isHere) this.#work(lease);
    else this.#fetch(lease, dataset, FETCH_TRIES);
  }

  /** Fetches the bars from the store before the job begins, as `dataset-fetcher.ts` does. */
  #fetch(lease: Lease, dataset: DatasetRef, tries: number): void {
    const { network, routes, judge, tally } = this.#world;
    const failed = (kind: "data-not-found" | "unavailable"): void => {
      const problem = new Problem(kind, "the dataset could not be fetched");
      this.#jobEnded(lease, { type: "failed", error: problem.toDetails(), retryable: problem.retryable });
    };
    network.ask(
      `fetch ${dataset.sha256.slice(0, 8)}`,
      () => routes.get(this.node.credential, dataset.sha256),
      (answer) => {
        if (!this.alive || !this.#jobs.has(leaseKey(lease))) return;
        if (answer.arrived && answer.value.status === 404) failed("data-not-found");
        else if (answer.arrived && "bytes" in answer.value) {
          judge.fetched(lease, dataset, answer.value.bytes);
          tally.fetched++;
          this.node.keep(dataset);
          this.#work(lease);
        } else if (tries === 1) failed("unavailable");
        else this.#fetch(lease, dataset, tries - 1);
      },
    );
  }

  #work(lease: Lease): void {
    const { queue, chance, workload } = this.#world;
    const key = leaseKey(lease);
    const task = workload.task(lease.operationId);
    if (task.fate === "poison") {
      queue.after(chance.between(1, 50), () => {
        if (this.alive && this.#jobs.has(key)) this.node.crash("poisoned");
      });
      return;
    }
    if (task.fate === "never") return;
    const durationMs = chance.between(1, task.durationMs);
    if (chance.perMille(300)) {
      queue.after(Math.floor(durationMs / 2), () => {
        const progress = { phase: "working", fraction: 0.5, rates: {} };
        if (!this.#jobs.has(key)) return;
        this.dispatch({ type: "progress", lease, progress });
        if (chance.perMille(300)) this.dispatch({ type: "log", lease, lines: ["half of it is done"] });
      });
    }
    if (task.request.spec.kind === "train" && chance.perMille(600)) {
      queue.after(Math.ceil(durationMs / 3), () => this.#save(lease));
      queue.after(Math.ceil(durationMs / 2), () => this.#save(lease));
    }
    queue.after(durationMs, () => this.#jobEnded(lease, workload.outcome(lease, this.node.workerId)));
  }

  #jobEnded(lease: Lease, outcome: JobOutcome): void {
    if (!this.alive || !this.#jobs.delete(leaseKey(lease))) return;
    if (outcome.type === "result" && outcome.result.sha256 !== null) this.#outbox.add(leaseKey(lease));
    this.dispatch({ type: "job-ended", lease, outcome });
  }

  #save(lease: Lease): void {
    if (this.alive && this.#jobs.has(leaseKey(lease))) this.dispatch({ type: "checkpoint-made", lease });
  }

  #stopJob(lease: Lease, saves: boolean): void {
    const { queue, chance } = this.#world;
    const stubborn = chance.perMille(100);
    if (saves) {
      // A large network takes long, sometimes longer than the node has.
      const savedAfterMs = stubborn ? 3 * STOP_GRACE_MS : chance.between(1, 20);
      queue.after(savedAfterMs, () => this.#save(lease));
      queue.after(savedAfterMs, () => this.#jobEnded(lease, { type: "stopped" }));
      return;
    }
    queue.after(stubborn ? STOP_GRACE_MS : chance.between(1, 20), () => this.#jobEnded(lease, { type: "stopped" }));
  }

  #uploadCheckpoint(lease: Lease): void {
    const { chance, tally } = this.#world;
    const sha256 = checkpointOf(lease);
    const checkpoint = { sha256, bytes: contentOf(sha256).length };
    tally.checkpoints++;
    upload(
      this.#world,
      { label: `checkpoint ${leaseKey(lease)}`, caller: this.#callerFor(lease), sha256, inParts: chance.perMille(300) },
      () => this.alive,
      (outcome) => this.dispatch({ type: "checkpoint-uploaded", lease, checkpoint, outcome }),
    );
  }

  #upload(lease: Lease, sha256: string): void {
    const { judge, workload } = this.#world;
    const key = leaseKey(lease);
    judge.require(this.#outbox.has(key), "4", `the bytes of ${key} are at hand when they are uploaded`);
    const present = {};
    this.#uploads.set(key, present);
    const inParts = workload.task(lease.operationId).fate === "parts";
    upload(
      this.#world,
      { label: `upload ${key}`, caller: this.#callerFor(lease), sha256, inParts },
      () => this.alive && this.#uploads.get(key) === present,
      (outcome) => {
        this.#uploads.delete(key);
        this.dispatch({ type: "uploaded", lease, outcome });
      },
    );
  }

  #callerFor(lease: Lease): () => Caller {
    return () => ({ credential: this.node.credential, lease });
  }
}
