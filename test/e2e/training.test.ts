/** Training on real nodes under a real control plane: one dies in the middle, and the other goes on. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { runModelBacktest } from "../../compute-node/models/index.ts";
import { cpuBackend } from "../../compute-node/training/index.ts";
import { executeTraining } from "../../compute-node/training-job/index.ts";
import { smallSpec } from "../../compute-node/training-job/testing/small-spec.ts";
import {
  modelBacktestSpec,
  type OperationDetail,
  type OperationSpec,
  submitRequest,
  TERMINAL_STATUSES,
  type TrainSpec,
} from "../../protocol/index.ts";
import { Fleet, killGroup, until } from "../support/fleet.ts";

/** Some seconds of work on one core. */
const LONG = { epochs: 4_000 };
const TRAINERS = ["trainer-1", "trainer-2"];

let fleet: Fleet;
let store: MarketDataStore;
let dataSha256: string;

beforeAll(async () => {
  fleet = await Fleet.start({ registryConfig: { graceMs: 1_000, retryDelayMs: 100 } });
  store = new MarketDataStore(fleet.home.data);
  const sample = await loadSample("SP500");
  dataSha256 = (await store.put(sample.bars, sample)).sha256;
  await fleet.startNodes(TRAINERS, ["--type", "cpu_training", "--checkpoint-interval-ms", "200"]);
});
afterAll(async () => {
  await fleet?.stop();
});

async function submit(spec: OperationSpec): Promise<string> {
  return (await fleet.client.submit(submitRequest.parse({ spec }))).operationId;
}

async function ended(operationId: string): Promise<OperationDetail> {
  await until(90_000, `${operationId} ended`, async () =>
    TERMINAL_STATUSES.includes((await fleet.client.showOperation(operationId)).status),
  );
  return fleet.client.showOperation(operationId);
}

/** Resolves with the operation once its first checkpoint is known. */
async function saved(operationId: string): Promise<OperationDetail> {
  await until(30_000, "the run is saved", async () => {
    const { events } = await fleet.client.operationEvents(operationId);
    return events.some(({ type }) => type === "checkpoint");
  });
  return fleet.client.showOperation(operationId);
}

async function trainedHere(spec: TrainSpec) {
  const datasets = [{ bars: await store.open(dataSha256), sha256: dataSha256 }];
  return executeTraining({ spec, datasets, backend: cpuBackend() });
}

async function logOf(operationId: string): Promise<string> {
  return (await fleet.client.operationLogs(operationId)).lines.map(({ text }) => text).join("\n");
}

describe("training on a fleet", () => {
  it("goes on from its checkpoint when its node is killed with -9, and ends with the bytes of an undisturbed run", async () => {
    const spec = smallSpec(LONG);
    const id = await submit(spec);
    const { workerId } = await saved(id);
    killGroup(fleet.nodes.get(workerId ?? "")?.pid ?? 0, "SIGKILL");
    const operation = await ended(id);
    expect(operation).toMatchObject({ status: "completed", attempt: 2 });
    expect(operation.workerId).not.toBe(workerId);
    expect(await logOf(id)).toContain("goes on from a checkpoint");
    expect(operation.result?.sha256).toBe((await trainedHere(spec)).sha256);
    await fleet.startNodes([workerId ?? ""], ["--type", "cpu_training", "--checkpoint-interval-ms", "200"]);
  });

  it("leaves a model with a name, that a backtesting node tests", async () => {
    const operation = await ended(await submit(smallSpec()));
    const model = await fleet.client.showModel("small");
    expect(model).toMatchObject({ sha256: operation.result?.sha256, operationId: operation.operationId, version: 2 });
    await fleet.startNodes(["tester"], ["--slots", "1"]);
    const spec = modelBacktestSpec.parse({
      kind: "model_backtest",
      model: { sha256: model.sha256, name: model.name, version: model.version },
      data: [{ symbol: "SP500", timeframe: "1d", startMs: Date.UTC(2018, 0, 1) }],
    });
    const tested = await ended(await submit(spec));
    const datasets = [{ bars: await store.open(dataSha256), sha256: dataSha256 }];
    const local = await runModelBacktest({ spec, datasets, model: (await trainedHere(smallSpec())).bytes });
    expect(tested).toMatchObject({ status: "completed", workerId: "tester", result: { sha256: local.sha256 } });
  });

  it("is given to the other node, saved, when its node is told to leave", async () => {
    const spec = smallSpec({ ...LONG, seed: 11 });
    const id = await submit(spec);
    await until(30_000, "it trains", async () => (await fleet.client.showOperation(id)).progress?.phase === "training");
    const { workerId } = await fleet.client.showOperation(id);
    const node = fleet.nodes.get(workerId ?? "");
    await node?.stop(8_000);
    expect(await node?.ended, "it left by itself, and was not killed").toEqual({ code: 0, signal: null });
    const operation = await ended(id);
    expect(operation).toMatchObject({ status: "completed", attempt: 2 });
    expect(await logOf(id)).toContain("goes on from a checkpoint");
    expect(operation.result?.sha256).toBe((await trainedHere(spec)).sha256);
  });

  it("stops when it is cancelled in the middle, and its node takes the next run", async () => {
    const id = await submit(smallSpec({ epochs: 1_000_000 }));
    await until(30_000, "it trains", async () => (await fleet.client.showOperation(id)).progress?.phase === "training");
    await fleet.client.cancelOperation(id);
    expect((await ended(id)).status).toBe("cancelled");
    expect((await ended(await submit(smallSpec({ seed: 12 })))).status).toBe("completed");
  });
});
