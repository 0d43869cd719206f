/**
 * Several networks that differ in their seed alone, trained side by side: as one population where the backend trains it as
 * one. The run's model is the best of them by validation loss. The others show how much the seed alone changes.
 */
import { Problem } from "../../protocol/problem.ts";
import { type Member, type TrainingBackend, TrainingRun, TrainingTurns } from "../training/index.ts";

/** The end of one seed's run; lists have them in the order of the seeds. */
export interface SeedOutcome {
  readonly seed: number;
  /** Best validation loss (training loss where nothing validates); null for a run that failed. */
  readonly loss: number | null;
  readonly problem: string | null;
}

/** The same member with `count` seeds, from its own on; past 2^32 - 1 they go on at 0. */
export function withSeeds(member: Member, count: number): Member[] {
  const { options } = member;
  return Array.from({ length: count }, (_, index) => ({
    ...member,
    options: { ...options, seed: (options.seed + index) >>> 0 },
  }));
}

export class Population {
  /** In the order of the seeds. */
  readonly runs: readonly TrainingRun[];
  readonly #members: readonly Member[];
  readonly #turns: TrainingTurns;

  private constructor(members: readonly Member[], runs: readonly TrainingRun[]) {
    this.#members = members;
    this.runs = runs;
    this.#turns = new TrainingTurns(runs);
  }

  /** Throws a `Problem` for members that cannot be trained, and for a checkpoint that is damaged or of another population. */
  static async start(
    backend: TrainingBackend,
    members: readonly Member[],
    dataHash: string,
    checkpoint?: Uint8Array,
  ): Promise<Population> {
    const parts = checkpoint === undefined ? [] : unpack(checkpoint, members.length);
    if (members.length === 1) {
      return new Population(members, [await TrainingRun.create(backend, members[0], dataHash, parts[0])]);
    }
    return new Population(members, await TrainingRun.createPopulation(backend, members, dataHash, parts));
  }

  get learning(): TrainingRun[] {
    return this.#turns.learning;
  }

  /** Threads that compute at the same moment. */
  get threadCount(): number {
    return this.#turns.threadCount;
  }

  /**
   * Trains so many batches in each thread. A member that fails is left out. Throws the first member's `Problem` when the
   * last has failed, and at once a fault that is no member's own.
   */
  async advance(batches: number): Promise<void> {
    await this.#turns.advance(batches);
    const failures = this.runs.flatMap(({ failure }) => failure ?? []);
    if (failures.length === this.runs.length) throw failures[0];
  }

  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    return pack(await Promise.all(this.runs.map((run) => run.checkpoint())));
  }

  get outcomes(): SeedOutcome[] {
    return this.runs.map((run, index) => {
      const { seed } = this.#members[index].options;
      if (run.failure !== null) return { seed, loss: null, problem: run.failure.message };
      return { seed, loss: run.position.best?.loss ?? null, problem: null };
    });
  }

  /** Index of the run with the lowest loss; the first among equals. */
  get best(): number {
    const losses = this.outcomes.map(({ loss }) => loss ?? Number.POSITIVE_INFINITY);
    return losses.indexOf(Math.min(...losses));
  }

  dispose(): void {
    for (const { session } of this.runs) session.dispose();
  }
}

/** One checkpoint stands as it is; several follow their count and lengths, each a 32-bit number in little-endian order. */
function pack(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return new Uint8Array(parts[0]);
  const head = 4 * (1 + parts.length);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, head));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, parts.length, true);
  let offset = head;
  for (const [index, part] of parts.entries()) {
    view.setUint32(4 * (index + 1), part.length, true);
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Each part has its own checksum, and its run says whether it is its own. */
function unpack(bytes: Uint8Array, count: number): Uint8Array[] {
  if (count === 1) return [bytes];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = 4 * (1 + count);
  const damaged = new Problem("invalid-request", "The checkpoint is damaged, or of another number of networks.");
  if (bytes.length < head || view.getUint32(0, true) !== count) throw damaged;
  let offset = head;
  const parts = Array.from({ length: count }, (_, index) => {
    const length = view.getUint32(4 * (index + 1), true);
    const part = bytes.subarray(offset, offset + length);
    offset += length;
    return part;
  });
  if (offset !== bytes.length) throw damaged;
  return parts;
}
