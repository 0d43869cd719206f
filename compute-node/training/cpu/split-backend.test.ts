import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Member, NetworkSpec, OptimiserSpec } from "../network.ts";
import { ADAM, exampleMember } from "../testing/networks.ts";
import { TrainingRun } from "../train.ts";
import { TrainingTurns, trainAll } from "../turns.ts";
import { cpuBackend } from "./backend.ts";
import { openSplitBackend } from "./split-backend.ts";
import { openThreadedBackend, type ThreadedBackend } from "./threaded-backend.ts";

/** Every call that can be split is. */
const ALWAYS = { network: 1, product: 1, floats: 1 };

const opened: ThreadedBackend[] = [];
function open(threadCount: number, thresholds = ALWAYS): ThreadedBackend {
  const backend = openSplitBackend(threadCount, "exact", thresholds);
  opened.push(backend);
  return backend;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((backend) => backend.close()));
});

/** Compares millions of bytes: a printed difference would take minutes. */
function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function outcome(backend: Parameters<typeof TrainingRun.create>[0], member: Member) {
  const run = await TrainingRun.create(backend, member, "data");
  await trainAll([run]);
  const evaluation = await run.session.evaluate(member.set.validation);
  const checkpoint = sha256(await run.checkpoint());
  run.session.dispose();
  return { checkpoint, outputs: sha256(new Uint8Array(evaluation.outputs.buffer)), loss: evaluation.loss };
}

const width = fc.integer({ min: 1, max: 40 });
const mlp = fc.record({
  kind: fc.constant("mlp" as const),
  inputs: width,
  hidden: fc.array(width, { maxLength: 2 }),
  outputs: fc.constantFrom(1, 3),
  activation: fc.constantFrom("relu" as const, "leaky_relu" as const, "tanh" as const, "sigmoid" as const),
  dropout: fc.constantFrom(0, 0.2),
  batchNorm: fc.boolean(),
});
const recurrent = fc.record({
  kind: fc.constantFrom("lstm" as const, "gru" as const),
  inputs: width,
  hidden: width,
  layers: fc.integer({ min: 1, max: 2 }),
  outputs: fc.constantFrom(1, 3),
  dropout: fc.constantFrom(0, 0.2),
  sequenceLength: fc.integer({ min: 1, max: 4 }),
});
const optimiser = fc.constantFrom<OptimiserSpec>(
  ADAM,
  { ...ADAM, kind: "adamw", weightDecay: 0.01 },
  { kind: "sgd", momentum: 0, weightDecay: 0.01 },
  { kind: "sgd", momentum: 0.9, weightDecay: 0 },
  { kind: "rmsprop", alpha: 0.9, epsilon: 1e-8, weightDecay: 0 },
);

function memberOf(network: NetworkSpec, optimiser: OptimiserSpec, batchRows: number): Member {
  const loss =
    network.outputs === 1 ? ({ kind: "mse" } as const) : ({ kind: "cross_entropy", classWeights: null } as const);
  return exampleMember(network, { optimiser, loss, batchRows, epochs: 2, learningRate: 1e-3 });
}

describe("A network whose layers are split over threads", () => {
  it("has the bytes of one thread, for any shape, optimiser and batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(mlp, recurrent),
        optimiser,
        fc.integer({ min: 1, max: 33 }),
        async (network, how, rows) => {
          const member = memberOf(network, how, rows);
          expect(await outcome(open(3), member)).toEqual(await outcome(cpuBackend(), member));
        },
      ),
      { numRuns: 8 },
    );
  });

  it("has them with the usual thresholds as well, where some calls are split and others are not", async () => {
    const shape = { kind: "mlp", inputs: 30, hidden: [512, 300], outputs: 3 } as const;
    const member = memberOf({ ...shape, activation: "relu", dropout: 0.1, batchNorm: false }, ADAM, 40);
    const backend = openSplitBackend(2);
    opened.push(backend);
    const session = await backend.create(member);
    expect(session.threadCount).toBe(2);
    session.dispose();
    expect(await outcome(backend, member)).toEqual(await outcome(cpuBackend(), member));
  });

  it("may be one of several, each with helpers of its own, and moves between their threads", async () => {
    const shape = { kind: "mlp", inputs: 30, hidden: [512, 300], outputs: 3 } as const;
    const members = [1, 2, 3].map((seed) => {
      const member = memberOf({ ...shape, activation: "relu", dropout: 0, batchNorm: false }, ADAM, 40);
      return { ...member, options: { ...member.options, seed, epochs: seed === 2 ? 1 : 4 } };
    });
    const backend = openThreadedBackend(2, "exact", 2);
    opened.push(backend);
    const runs = await TrainingRun.createPopulation(backend, members, "data");
    const turns = new TrainingTurns(runs);
    expect(turns.threadCount).toBe(4);
    while (turns.learning.length > 0) await turns.advance(4);
    await trainAll(runs);
    const alone = await TrainingRun.createPopulation(cpuBackend(), members, "data");
    await trainAll(alone);
    for (const [index, run] of runs.entries()) {
      expect(sha256(await run.checkpoint())).toBe(sha256(await alone[index].checkpoint()));
    }
    expect(new Set(runs.map(({ session }) => session.thread)).size).toBe(2);
  });

  it("is computed by one thread where it is too small", async () => {
    const shape = {
      kind: "lstm",
      inputs: 8,
      hidden: 32,
      layers: 2,
      outputs: 3,
      dropout: 0,
      sequenceLength: 4,
    } as const;
    const backend = openSplitBackend(2);
    opened.push(backend);
    expect((await backend.create(memberOf(shape, ADAM, 32))).threadCount).toBeUndefined();
  });
});
