import { afterEach, describe, expect, it } from "vitest";
import type { Member, NetworkSpec } from "../network.ts";
import { exampleMember } from "../testing/networks.ts";
import { TrainingRun } from "../train.ts";
import { trainAll } from "../turns.ts";
import { cpuBackend } from "./backend.ts";
import { openThreadedBackend, type ThreadedBackend } from "./threaded-backend.ts";

const MLP: NetworkSpec = {
  kind: "mlp",
  inputs: 4,
  hidden: [8],
  outputs: 3,
  activation: "relu",
  dropout: 0.1,
  batchNorm: false,
};
const GRU: NetworkSpec = { kind: "gru", inputs: 4, hidden: 6, layers: 1, outputs: 3, dropout: 0, sequenceLength: 3 };

const opened: ThreadedBackend[] = [];
function open(threadCount: number): ThreadedBackend {
  const backend = openThreadedBackend(threadCount);
  opened.push(backend);
  return backend;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((backend) => backend.close()));
});

async function checkpoints(backend: Parameters<typeof TrainingRun.createPopulation>[0], members: readonly Member[]) {
  const runs = await TrainingRun.createPopulation(backend, members, "data");
  await trainAll(runs);
  return Promise.all(runs.map((run) => run.checkpoint()));
}

describe("A threaded backend", () => {
  it("gives every member the bytes that one thread gives it, with fewer and with more threads than members", async () => {
    const members = [1, 2, 3].map((seed) => exampleMember(seed === 2 ? GRU : MLP, { seed }));
    const expected = await checkpoints(cpuBackend(), members);
    for (const threadCount of [2, 4]) expect(await checkpoints(open(threadCount), members)).toEqual(expected);
  });

  it("answers with the thread's own problem", async () => {
    const session = await open(1).create(exampleMember(MLP));
    const state = { parameters: new Float32Array(1), moments: [], steps: 0 };
    await expect(session.setState(state)).rejects.toMatchObject({ name: "Problem", kind: "conflict" });
    session.dispose();
    await expect(session.getState()).rejects.toThrow("There is no session 0");
  });

  it("refuses requests after it was closed, and those that were still open", async () => {
    const backend = open(1);
    const session = await backend.create(exampleMember(MLP));
    const waiting = session.getState().then(
      () => "answered",
      (error: Error) => error.message,
    );
    await backend.close();
    expect(["answered", "A training thread ended with code 1."]).toContain(await waiting);
    await expect(session.getState()).rejects.toThrow("A training thread ended");
  });
});
