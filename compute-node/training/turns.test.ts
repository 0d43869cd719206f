import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { cpuBackend } from "./cpu/backend.ts";
import { openThreadedBackend, type ThreadedBackend } from "./cpu/threaded-backend.ts";
import type { Member, NetworkSpec, TrainingBackend } from "./network.ts";
import { exampleMember } from "./testing/networks.ts";
import { TrainingRun } from "./train.ts";
import { TrainingTurns } from "./turns.ts";

const NETWORK: NetworkSpec = {
  ...{ kind: "mlp", inputs: 4, hidden: [8], outputs: 3 },
  ...{ activation: "relu", dropout: 0.1, batchNorm: false },
};
/** An epoch of them has four batches. */
const memberOf = (seed: number, epochs = 3) => exampleMember(NETWORK, { seed, epochs });

const opened: ThreadedBackend[] = [];
function threads(count: number): ThreadedBackend {
  const backend = openThreadedBackend(count);
  opened.push(backend);
  return backend;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((backend) => backend.close()));
});

async function begin(backend: TrainingBackend, members: readonly Member[], from: readonly Uint8Array[] = []) {
  const runs = await TrainingRun.createPopulation(backend, members, "data", from);
  return { runs, turns: new TrainingTurns(runs) };
}

async function checkpointsAfter(
  backend: TrainingBackend,
  members: readonly Member[],
  batches: readonly number[],
  from: readonly Uint8Array[] = [],
) {
  const { runs, turns } = await begin(backend, members, from);
  for (const count of batches) await turns.advance(count);
  return Promise.all(runs.map((run) => run.checkpoint()));
}

const TO_THE_END = Array.from({ length: 40 }, () => 8);

describe("Runs in several threads", () => {
  it("get the same number of batches a turn in each thread, past the ends of epochs", async () => {
    const { runs, turns } = await begin(threads(2), [memberOf(1), memberOf(2), memberOf(3)]);
    expect(turns.threadCount).toBe(2);
    await turns.advance(10);
    expect(runs.map(({ batchesDone }) => batchesDone)).toEqual([5, 10, 5]);
  });

  it("move to the threads whose runs have ended, and keep their bytes", async () => {
    const members = [1, 2, 3, 4].map((seed) => memberOf(seed, seed % 2 === 1 ? 1 : 6));
    const { runs, turns } = await begin(threads(2), members);
    const places: (number | undefined)[][] = [];
    while (turns.learning.length > 0) {
      await turns.advance(8);
      places.push(turns.learning.map(({ session }) => session.thread));
    }
    expect(places[0]).toEqual([1, 0]);
    const expected = await checkpointsAfter(cpuBackend(), members, TO_THE_END);
    expect(await Promise.all(runs.map((run) => run.checkpoint()))).toEqual(expected);
  });

  it("end with the same bytes whatever the threads, the turns and the moment at which another machine takes over", async () => {
    const members = [1, 2, 3, 4, 5].map((seed) => memberOf(seed, 1 + (seed % 4)));
    const expected = await checkpointsAfter(cpuBackend(), members, TO_THE_END);
    const backends = [1, 2, 3].map(threads);
    const turns = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 });
    const some = fc.constantFrom(cpuBackend(), ...backends);
    await fc.assert(
      fc.asyncProperty(some, turns, some, turns, async (first, before, second, after) => {
        const saved = await checkpointsAfter(first, members, before);
        expect(await checkpointsAfter(second, members, [...after, ...TO_THE_END], saved)).toEqual(expected);
      }),
      { numRuns: 8 },
    );
  });
});

describe("A run that fails among others", () => {
  const sgd = { kind: "sgd", momentum: 0.9, weightDecay: 0 } as const;
  const members = [
    memberOf(1),
    exampleMember({ ...NETWORK, dropout: 0 }, { optimiser: sgd, learningRate: 1e5, gradientClip: null, seed: 2 }),
  ];

  it.each([
    ["on one core", () => cpuBackend()],
    ["in a thread", () => threads(2)],
  ])("is known to have failed by its checkpoint as well, %s", async (_, open) => {
    const { runs, turns } = await begin(open(), members);
    while (turns.learning.length > 0) await turns.advance(2);
    expect(runs.map(({ failure }) => failure?.kind ?? null)).toEqual([null, "invalid-request"]);
    const saved = await Promise.all(runs.map((run) => run.checkpoint()));
    const again = await begin(cpuBackend(), members, saved);
    expect(again.turns.learning).toEqual([]);
    expect(again.runs[1].failure?.toDetails()).toEqual(runs[1].failure?.toDetails());
    await expect(again.runs[1].advance(1)).rejects.toThrow(/became (NaN|Infinity)/);
  });

  it("takes the others with it where the machine is at fault and not the run", async () => {
    const backend = threads(2);
    const { turns } = await begin(backend, [memberOf(1), memberOf(2)]);
    await backend.close();
    const fault = await turns.advance(4).catch((thrown: unknown) => thrown);
    expect(fault).toBeInstanceOf(Problem);
    expect(fault).toMatchObject({ kind: "unavailable", retryable: true });
    expect(turns.learning).toHaveLength(2);
  });
});
