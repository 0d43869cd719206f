import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { decodeCheckpoint } from "./checkpoint.ts";
import { cpuBackend } from "./cpu/backend.ts";
import type { Member, MlpSpec, TrainingOptions } from "./network.ts";
import { exampleMember } from "./testing/networks.ts";
import { TrainingRun } from "./train.ts";
import { trainAll, trainPopulation } from "./turns.ts";

const NETWORK: MlpSpec = {
  kind: "mlp",
  inputs: 6,
  hidden: [12, 8],
  outputs: 3,
  activation: "relu",
  dropout: 0.2,
  batchNorm: true,
};
const BACKEND = cpuBackend();
const DATA = "sha256 of the data";

function memberWith(options: Partial<TrainingOptions> = {}, network: Partial<MlpSpec> = {}): Member {
  return exampleMember({ ...NETWORK, ...network }, { gradientClip: 1, ...options }, 200);
}

async function train(member: Member) {
  const run = await TrainingRun.create(BACKEND, member, DATA);
  const [outcome] = await trainAll([run]);
  return { run, outcome };
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const thrown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(Problem);
  return thrown as Problem;
}

describe("A training run", () => {
  it("learns a rule that can be learnt", async () => {
    const { outcome } = await train(memberWith({ epochs: 30 }, { dropout: 0 }));
    const [first, last] = [outcome.history[0], outcome.history[outcome.history.length - 1]];
    expect(last.trainingLoss).toBeLessThan(first.trainingLoss / 2);
    expect(last.trainingAccuracy).toBeGreaterThan(0.8);
  });

  it("ends with the same bytes each time, and with others from another seed", async () => {
    const [left, right, other] = [
      await train(memberWith()),
      await train(memberWith()),
      await train(memberWith({ seed: 2 })),
    ];
    expect(left.outcome).toEqual(right.outcome);
    expect(other.outcome.parameters).not.toEqual(left.outcome.parameters);
  });

  it("really restores the weights of the best epoch", async () => {
    const member = memberWith({ epochs: 25, learningRate: 0.05 });
    const { run, outcome } = await train(member);
    const best = outcome.history[outcome.bestEpoch - 1];
    expect(best.validationLoss).toBe(Math.min(...outcome.history.map(({ validationLoss }) => validationLoss ?? 0)));
    expect(outcome.bestEpoch).toBeLessThan(25);
    expect((await run.session.evaluate(member.set.validation)).loss).toBe(best.validationLoss);
    expect((await run.session.getState()).parameters).toEqual(outcome.parameters);
  });

  it("stops early after so many epochs without an improvement", async () => {
    const earlyStopping = { monitor: "validation_loss", patience: 4, minDelta: 0 } as const;
    const { outcome } = await train(memberWith({ epochs: 500, earlyStopping, learningRate: 0.05 }));
    expect(outcome.end).toBe("early_stopping");
    expect(outcome.history.length).toBe(outcome.bestEpoch + 4);
  });

  it("changes the learning rate by its schedule", async () => {
    const schedule = { kind: "step", epochs: 2, factor: 0.5 } as const;
    const { outcome } = await train(memberWith({ epochs: 5, schedule, learningRate: 0.01 }));
    expect(outcome.history.map(({ learningRate }) => learningRate)).toEqual([0.01, 0.01, 0.005, 0.005, 0.0025]);
  });

  it("ends when the loss explodes, with the epoch and the batch", async () => {
    const network = { dropout: 0, batchNorm: false };
    const options = { learningRate: 1e5, epochs: 50, gradientClip: null, loss: { kind: "mse" } } as const;
    const member = memberWith(
      { ...options, optimiser: { kind: "sgd", momentum: 0.9, weightDecay: 0 } },
      { ...network, outputs: 1 },
    );
    const problem = await problemOf(train(member));
    expect(problem.message).toMatch(/became (NaN|Infinity) in epoch 1, batch \d+ of 8, at a learning rate of 100000\./);
    expect(problem.retryable).toBe(false);
  });

  it("goes by the training loss where nothing validates", async () => {
    const member = memberWith();
    const { outcome } = await train({ ...member, set: { ...member.set, validation: new Uint32Array() } });
    expect(outcome.history.every(({ validationLoss }) => validationLoss === null)).toBe(true);
    const losses = outcome.history.map(({ trainingLoss }) => trainingLoss);
    expect(losses[outcome.bestEpoch - 1]).toBe(Math.min(...losses));
  });
});

describe("A run that is cut and continued from its checkpoint", () => {
  const member = memberWith({
    epochs: 4,
    schedule: { kind: "reduce_on_plateau", factor: 0.5, patience: 0 },
    earlyStopping: { monitor: "validation_accuracy", patience: 3, minDelta: 0.001 },
  });

  it("ends with the same bytes as one that was not, wherever it is cut", async () => {
    const whole = await TrainingRun.create(BACKEND, member, DATA);
    await trainAll([whole]);
    const expected = await whole.checkpoint();
    const turns = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(turns, turns, async (before, after) => {
        let run = await TrainingRun.create(BACKEND, member, DATA);
        for (const batches of before) await run.advance(batches);
        run = await TrainingRun.create(BACKEND, member, DATA, await run.checkpoint());
        for (const batches of after) await run.advance(batches);
        run = await TrainingRun.create(BACKEND, member, DATA, await run.checkpoint());
        await trainAll([run]);
        expect(Buffer.compare(await run.checkpoint(), expected)).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  async function someCheckpoint() {
    const run = await TrainingRun.create(BACKEND, member, DATA);
    await run.advance(3);
    return run.checkpoint();
  }

  it("refuses a checkpoint that was cut short or changed, anywhere", async () => {
    const bytes = await someCheckpoint();
    expect(decodeCheckpoint(bytes).position.batches).toBe(3);
    await fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        expect(() => decodeCheckpoint(bytes.slice(0, at))).toThrow("The checkpoint cannot be used");
        const changed = bytes.slice();
        changed[at] ^= change;
        expect(() => decodeCheckpoint(changed)).toThrow("The checkpoint cannot be used");
      }),
    );
  });

  it("refuses another version by its number", async () => {
    const bytes = await someCheckpoint();
    bytes[8] = 9;
    expect(() => decodeCheckpoint(bytes)).toThrow("version 9");
  });

  it("refuses a checkpoint of other data or options", async () => {
    const bytes = await someCheckpoint();
    const otherData = await problemOf(TrainingRun.create(BACKEND, member, "other data", bytes));
    expect(otherData.kind).toBe("conflict");
    const other = { ...member, options: { ...member.options, seed: 9 } };
    expect((await problemOf(TrainingRun.create(BACKEND, other, DATA, bytes))).kind).toBe("conflict");
  });
});

describe("A population", () => {
  it("gives each member the weights that it gets alone", async () => {
    const members = [1, 2, 3].map((seed) => memberWith({ seed, learningRate: 0.01 * seed }));
    const runs = await TrainingRun.createPopulation(BACKEND, members, DATA);
    const together = await trainAll(runs);
    for (const [index, member] of members.entries()) expect((await train(member)).outcome).toEqual(together[index]);
  });
});

describe("A member of a population that explodes", () => {
  it("ends alone, and does not change the others", async () => {
    const loss = { kind: "mse" } as const;
    const optimiser = { kind: "sgd", momentum: 0.9, weightDecay: 0 } as const;
    const options = { loss, optimiser, gradientClip: null };
    const network = { dropout: 0, batchNorm: false, outputs: 1 };
    const calm = memberWith({ ...options, learningRate: 0.001 }, network);
    const wild = memberWith({ ...options, learningRate: 1e5 }, network);
    const runs = await TrainingRun.createPopulation(BACKEND, [calm, wild, calm], DATA);
    const [first, second, third] = await trainPopulation(runs);
    expect(first).toEqual((await train(calm)).outcome);
    expect(second).toBeInstanceOf(Problem);
    expect(third).toEqual(first);
    await expect(trainAll(runs)).rejects.toThrow("became");
  });
});

describe("Before a run starts", () => {
  it("every fault is named at once, with its value", async () => {
    const member = memberWith({
      batchRows: 0,
      learningRate: -1,
      optimiser: { kind: "sgd", momentum: 0, weightDecay: -1 },
    });
    const problem = await problemOf(TrainingRun.create(BACKEND, member, DATA));
    expect(problem.issues.map(({ path }) => path)).toEqual(["batch_size", "learning_rate", "weight_decay"]);
    expect(problem.message).toContain("batch_size is 0");
    expect(problem.message).toContain("and 2 more");
  });

  it("a feature that is not a number is named with its row", async () => {
    const member = memberWith();
    const features = member.set.features.slice();
    features[6 * 17 + 4] = Number.NaN;
    const problem = await problemOf(TrainingRun.create(BACKEND, { ...member, set: { ...member.set, features } }, DATA));
    expect(problem.message).toContain("Feature 4 of row 17 is NaN");
  });

  it("a label that the network has no output for is named", async () => {
    const member = memberWith({}, { outputs: 3 });
    const values = Uint8Array.from(member.set.labels.values).fill(7, 30, 31);
    const set = { ...member.set, labels: { kind: "classes", values } } as const;
    const problem = await problemOf(TrainingRun.create(BACKEND, { ...member, set }, DATA));
    expect(problem.message).toContain("The label of row 30 in training is 7, and the network has 3 outputs.");
  });

  it("a loss that does not fit the labels is refused", async () => {
    const problem = await problemOf(TrainingRun.create(BACKEND, memberWith({ loss: { kind: "mse" } }), DATA));
    expect(problem.message).toContain("The loss mse needs values, and the labels are classes");
  });
});
