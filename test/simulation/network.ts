/** Sockets and HTTPS calls between the nodes and the registry, as badly behaved as the world's rates say. */
import { Problem } from "../../protocol/index.ts";
import { RegistryIsDown } from "./control-plane.ts";
import type { NodeProcess } from "./node-process.ts";
import type { World } from "./world.ts";

/** One socket, seen from both ends. */
export interface Line {
  readonly id: number;
  readonly process: NodeProcess;
  readonly workerId: string;
  readonly epoch: number;
  /** The node may still hear and speak. */
  nodeEnd: "opening" | "open" | "closed";
  /** `closing`: the registry said goodbye and waits for the answer. */
  registryEnd: "absent" | "open" | "closing" | "closed";
  /** Nothing passes any more, whatever the two ends believe. */
  cut: boolean;
  /** The epoch of its `hello`; null before it. */
  identifiedEpoch: number | null;
  faults: number;
  /** The moment of the last heartbeat that the runtime answered, by the registry's wall clock. */
  heartbeatAt: number | null;
}

/** The ends that learn that a line was cut. */
export type Noticing = "both" | "node" | "registry" | "nobody";

export type HttpAnswer<T> = { readonly arrived: true; readonly value: T } | { readonly arrived: false };

/** A problem document's status. */
interface Refused {
  readonly status: number;
}

const HANDSHAKE_GIVEN_UP_MS = 10_000;
const REQUEST_GIVEN_UP_MS = 10_000;
const ABNORMAL_CLOSURE = 1006;

export class Network {
  readonly #world: World;
  #lines = 0;

  constructor(world: World) {
    this.#world = world;
  }

  delayMs(): number {
    const { chance, rates } = this.#world;
    return chance.between(1, chance.perMille(rates.slowPerMille) ? rates.slowMs : rates.delayMs);
  }

  /** Opens a socket: the handshake may be refused, lost, or answered with 401. */
  connect(process: NodeProcess, epoch: number): Line {
    const world = this.#world;
    const line: Line = {
      id: ++this.#lines,
      process,
      workerId: process.node.workerId,
      epoch,
      nodeEnd: "opening",
      registryEnd: "absent",
      cut: false,
      identifiedEpoch: null,
      faults: 0,
      heartbeatAt: null,
    };
    if (world.chance.perMille(world.rates.dropPerMille)) {
      this.#closeNodeEnd(line, HANDSHAKE_GIVEN_UP_MS, ABNORMAL_CLOSURE, "the handshake was lost");
      return line;
    }
    world.queue.after(this.delayMs(), () => this.#handshake(line));
    return line;
  }

  #handshake(line: Line): void {
    const { plane } = this.#world;
    if (line.nodeEnd !== "opening") return;
    if (!plane.isUp) this.#closeNodeEnd(line, this.delayMs(), ABNORMAL_CLOSURE, "connection refused");
    else if (!plane.isWorker(line.workerId, line.process.node.credential)) {
      this.#closeNodeEnd(line, this.delayMs(), ABNORMAL_CLOSURE, "the handshake was answered with status 401", 401);
    } else {
      plane.accept(line);
      this.#world.queue.after(this.delayMs(), () => {
        if (line.cut || line.nodeEnd !== "opening") return;
        line.nodeEnd = "open";
        line.process.dispatch({ type: "opened", epoch: line.epoch });
      });
    }
  }

  #closeNodeEnd(line: Line, delayMs: number, code: number, reason: string, httpStatus?: number): void {
    this.#world.queue.after(delayMs, () => {
      if (line.nodeEnd === "closed") return;
      line.nodeEnd = "closed";
      const status = httpStatus === undefined ? {} : { httpStatus };
      line.process.dispatch({ type: "closed", epoch: line.epoch, code, reason, ...status });
    });
  }

  /** Carries one frame: late, never, or twice. */
  carry(line: Line, label: string, arrive: () => void): void {
    const { chance, rates, queue, tally, trace } = this.#world;
    if (line.cut || chance.perMille(rates.dropPerMille)) {
      tally.drops++;
      trace.note(queue.now, "lost", line.workerId, line.id, label);
      return;
    }
    const copies = chance.perMille(rates.repeatPerMille) ? 2 : 1;
    tally.repeats += copies - 1;
    for (let copy = 0; copy < copies; copy++) {
      queue.after(this.delayMs(), () => {
        if (line.cut) {
          tally.drops++;
          return;
        }
        tally.deliveries++;
        arrive();
      });
    }
  }

  /** The runtime answers heartbeats by itself; the registry sleeps on. */
  ping(line: Line): void {
    this.carry(line, "ping", () => {
      if (line.registryEnd !== "open") return;
      line.heartbeatAt = this.#world.plane.wallNow;
      this.carry(line, "pong", () => {
        if (line.nodeEnd === "open") line.process.dispatch({ type: "pong", epoch: line.epoch });
      });
    });
  }

  /** The node hangs up; the registry hears of it if the line still carries anything. */
  hangUp(line: Line): void {
    line.nodeEnd = "closed";
    if (!line.cut) this.#world.queue.after(this.delayMs(), () => this.#world.plane.lineClosed(line));
  }

  /** The registry closes: the node hears the code, and its answer ends the socket. */
  closeFromRegistry(line: Line, code: number, reason: string): void {
    if (line.registryEnd !== "open") return;
    line.registryEnd = "closing";
    if (line.cut) return;
    this.#closeNodeEnd(line, this.delayMs(), code, reason);
    this.#world.queue.after(this.delayMs() * 2, () => this.#world.plane.lineClosed(line));
  }

  cut(line: Line, noticing: Noticing): void {
    if (line.cut) return;
    line.cut = true;
    this.#world.trace.note(this.#world.queue.now, "cut", line.workerId, line.id, noticing);
    const delayMs = (): number => this.#world.chance.between(1, 3_000);
    if (noticing === "both" || noticing === "node") {
      this.#closeNodeEnd(line, delayMs(), ABNORMAL_CLOSURE, "the connection broke");
    }
    if (noticing === "both" || noticing === "registry") {
      this.#world.queue.after(delayMs(), () => this.#world.plane.lineClosed(line));
    }
  }

  /**
   * Makes one HTTPS request. It fails on its way, or its answer is lost, or it arrives after its sender gave up, or all goes well.
   * `handle` runs at the registry and answers undefined when it is down.
   */
  request<T>(label: string, handle: () => T | undefined, answered: (answer: HttpAnswer<T>) => void): void {
    this.#exchange<T>(label, (done) => done(handle()), answered);
  }

  /** Makes a request to a route that waits between its steps, and may die at any of its waits. */
  ask<T>(
    label: string,
    begin: () => Generator<undefined, T>,
    answered: (answer: HttpAnswer<T | Refused>) => void,
  ): void {
    this.#exchange<T | Refused>(label, (done) => this.#goOn(begin(), done), answered);
  }

  #goOn<T>(route: Generator<undefined, T>, done: (answer: T | Refused | undefined) => void): void {
    const { chance, rates, queue } = this.#world;
    try {
      const { done: isOver, value } = route.next();
      if (isOver) done(value);
      else if (chance.perMille(rates.httpDiesPerMille)) done(undefined);
      else queue.after(this.delayMs(), () => this.#goOn(route, done));
    } catch (error) {
      if (error instanceof Problem) done({ status: error.status });
      else if (error instanceof RegistryIsDown) done(undefined);
      else throw error;
    }
  }

  #exchange<T>(
    label: string,
    handle: (done: (value: T | undefined) => void) => void,
    answered: (answer: HttpAnswer<T>) => void,
  ): void {
    const { chance, rates, queue, trace } = this.#world;
    const fate = chance.next() % 1000;
    const failed = (delayMs: number): void => queue.after(delayMs, () => answered({ arrived: false }));
    if (fate < rates.httpFailPerMille) {
      trace.note(queue.now, "request lost", label);
      failed(this.delayMs());
      return;
    }
    const late = chance.perMille(rates.httpLatePerMille);
    if (late) failed(REQUEST_GIVEN_UP_MS);
    const travelMs = late ? REQUEST_GIVEN_UP_MS + chance.between(1, REQUEST_GIVEN_UP_MS) : this.delayMs();
    queue.after(travelMs, () => {
      handle((value) => {
        if (late) return;
        if (value === undefined) failed(this.delayMs());
        else if (chance.perMille(rates.httpLostAnswerPerMille)) {
          trace.note(queue.now, "answer lost", label);
          failed(chance.between(1, REQUEST_GIVEN_UP_MS));
        } else queue.after(this.delayMs(), () => answered({ arrived: true, value }));
      });
    });
  }
}
