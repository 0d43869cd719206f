/**
 * Kernel calls that several threads work on together. A call is cut into parts (`kernel-parts.ts`); whoever is free takes
 * the next one, the calling thread too, so that a helper that comes late costs nothing.
 *
 * The ticket says which call it is and how many of its parts nobody has taken yet. Taking one is a compare-and-exchange,
 * which fails where the call has changed meanwhile; a call changes only when all its parts are done, so that whoever
 * took a part has read that call's arguments.
 */
import type { Kernels } from "../kernels/kernels.ts";
import { RUN_PART, type SharedOperation } from "./kernel-parts.ts";

/** Their numbers in memory are their places here. */
const OPERATIONS = Object.keys(RUN_PART) as SharedOperation[];

/** Places in `numbers`: the ticket, parts done, the call's operation, parts and units. */
const [TICKET, DONE, OPERATION, PARTS, UNITS] = [0, 1, 2, 3, 4];
const NUMBERS = 5;
const ARGUMENTS_MAX = 13;
/** Bits of the ticket that count parts. */
const PART_BITS = 8;
const PART_MASK = (1 << PART_BITS) - 1;
export const PARTS_MAX = PART_MASK;

/** Some microseconds: longer than from one call to the next in a step of large layers, shorter than falling asleep. */
const SPINS = 4_000;
/** A thread does not take that long for a part, unless the machine stands still. */
const PATIENCE_MS = 60_000;

export class SharedCalls {
  /** The state that all threads share. */
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #arguments: Float64Array;
  /** Bounds of the part that this thread has taken. */
  readonly #own = new Float64Array(ARGUMENTS_MAX);

  constructor(memory = new SharedArrayBuffer(NUMBERS * 8 + ARGUMENTS_MAX * 8)) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory, 0, NUMBERS);
    this.#arguments = new Float64Array(memory, NUMBERS * 8, ARGUMENTS_MAX);
  }

  /**
   * Carries out one call, together with the helpers that are free. `units` are what it is cut by. False where a helper did
   * not finish its part.
   */
  call(kernels: Kernels, operation: SharedOperation, units: number, parts: number, values: readonly number[]): boolean {
    const numbers = this.#numbers;
    this.#arguments.set(values);
    numbers[OPERATION] = OPERATIONS.indexOf(operation);
    numbers[PARTS] = parts;
    numbers[UNITS] = units;
    Atomics.store(numbers, DONE, 0);
    const before = Atomics.load(numbers, TICKET);
    Atomics.store(numbers, TICKET, ((before & ~PART_MASK) + (1 << PART_BITS)) | parts);
    Atomics.notify(numbers, TICKET);
    this.#takeParts(kernels);
    for (let spins = 0; Atomics.load(numbers, DONE) < parts; spins++) {
      if (spins < SPINS) continue;
      const done = Atomics.load(numbers, DONE);
      if (done < parts && Atomics.wait(numbers, DONE, done, PATIENCE_MS) === "timed-out") return false;
    }
    return true;
  }

  /** Runs a helper's loop, until its thread ends. */
  help(kernels: Kernels): never {
    const numbers = this.#numbers;
    for (let idle = 0; ; idle++) {
      const ticket = Atomics.load(numbers, TICKET);
      if ((ticket & PART_MASK) !== 0) {
        this.#takeParts(kernels);
        idle = 0;
      } else if (idle > SPINS) {
        Atomics.wait(numbers, TICKET, ticket);
        idle = 0;
      }
    }
  }

  /** Until nobody needs to take one any more. */
  #takeParts(kernels: Kernels): void {
    const numbers = this.#numbers;
    for (;;) {
      const ticket = Atomics.load(numbers, TICKET);
      const left = ticket & PART_MASK;
      if (left === 0) return;
      this.#own.set(this.#arguments);
      const operation = Atomics.load(numbers, OPERATION);
      const parts = Atomics.load(numbers, PARTS);
      const units = Atomics.load(numbers, UNITS);
      if (Atomics.compareExchange(numbers, TICKET, ticket, ticket - 1) !== ticket) continue;
      const part = parts - left;
      const first = Math.floor((units * part) / parts);
      const count = Math.floor((units * (part + 1)) / parts) - first;
      RUN_PART[OPERATIONS[operation]](kernels, this.#own, { first, count });
      if (Atomics.add(numbers, DONE, 1) + 1 === parts) Atomics.notify(numbers, DONE);
    }
  }
}
