/** Where a training run goes: a GPU node first, a CPU node when that is busy or away. The GPU is a software adapter. */
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { smallSpec } from "../../compute-node/training-job/testing/small-spec.ts";
import { type OperationDetail, submitRequest, TERMINAL_STATUSES, type TrainSpec } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";

/** Debian's `chromium` package brings SwiftShader, which Dawn loads as it does a GPU's driver. */
const CHROMIUM = "/usr/lib/chromium";
const hasAdapter = existsSync(`${CHROMIUM}/vk_swiftshader_icd.json`);
const ADAPTER = { VK_ICD_FILENAMES: `${CHROMIUM}/vk_swiftshader_icd.json`, LD_LIBRARY_PATH: CHROMIUM };

let fleet: Fleet;

beforeAll(async () => {
  fleet = await Fleet.start({ registryConfig: { graceMs: 1_000 } });
  const sample = await loadSample("SP500");
  await new MarketDataStore(fleet.home.data).put(sample.bars, sample);
});
afterAll(async () => {
  await fleet?.stop();
});

/** Its threads see the adapter through the environment of their process. */
async function startGpuNode(): Promise<void> {
  const before = { ...process.env };
  Object.assign(process.env, ADAPTER);
  try {
    await fleet.startNodes(["gpu-1"], ["--type", "gpu_host", "--allow-software-gpu"]);
  } finally {
    for (const name of Object.keys(ADAPTER)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

/** Another seed each time, since a run that is known already would be none. */
let seed = 100;
async function submit(change: Partial<Pick<TrainSpec, "epochs" | "backend">> = {}): Promise<string> {
  const spec = smallSpec({ seed: seed++, epochs: 2, ...change });
  return (await fleet.client.submit(submitRequest.parse({ spec }))).operationId;
}

async function ended(operationId: string): Promise<OperationDetail> {
  await until(60_000, `${operationId} ended`, async () =>
    TERMINAL_STATUSES.includes((await fleet.client.showOperation(operationId)).status),
  );
  return fleet.client.showOperation(operationId);
}

async function running(operationId: string): Promise<OperationDetail> {
  await until(30_000, `${operationId} trains`, async () => {
    const { status, progress } = await fleet.client.showOperation(operationId);
    return status === "running" && progress?.phase === "training";
  });
  return fleet.client.showOperation(operationId);
}

/** Keeps a node busy until it is cancelled; on the processor, whose runs stop at once. */
const endless = { epochs: 1_000_000, backend: "cpu" } as const;

describe.skipIf(!hasAdapter)(`training runs (skipped where ${CHROMIUM} has no software GPU)`, () => {
  it("wait where no node trains, which they say, and go to a CPU node as soon as there is one", async () => {
    const id = await submit();
    const { status, waitingReason } = await fleet.client.showOperation(id);
    expect(status).toBe("queued");
    expect(waitingReason).toContain("no worker of type gpu_host or cpu_training is registered");
    await fleet.startNodes(["cpu-1"], ["--type", "cpu_training"]);
    expect(await ended(id)).toMatchObject({ status: "completed", workerId: "cpu-1" });
  });

  it("go to the GPU node first, and compute there on its GPU", async () => {
    await startGpuNode();
    const worker = await fleet.client.showWorker("gpu-1");
    expect(worker.capabilities.gpu).toMatch(/SwiftShader/);
    expect(worker.slots).toBe(1);
    const operation = await ended(await submit());
    expect(operation).toMatchObject({ status: "completed", workerId: "gpu-1" });
    expect(operation.result?.summary.backend).toMatch(/SwiftShader/);
  });

  it("go to the CPU node while the GPU node is busy, and wait while both are: a slot runs one at a time", async () => {
    const first = await submit(endless);
    expect((await running(first)).workerId).toBe("gpu-1");
    const second = await submit(endless);
    expect((await running(second)).workerId).toBe("cpu-1");
    const third = await submit();
    expect((await fleet.client.showOperation(third)).waitingReason).toContain("all busy");
    for (const id of [first, second]) await fleet.client.cancelOperation(id);
    expect((await ended(third)).status).toBe("completed");
  });

  it("go to the CPU node while the GPU node is away, and to the GPU node again when it is back", async () => {
    await fleet.nodes.get("gpu-1")?.stop(8_000);
    expect(await ended(await submit())).toMatchObject({ workerId: "cpu-1" });
    await startGpuNode();
    expect(await ended(await submit())).toMatchObject({ workerId: "gpu-1" });
  });

  it("a node that is to have a GPU and has none does not start, and says why", async () => {
    const node = await fleet.startNode("gpu-none", ["--type", "gpu_host"]);
    await node.ended;
    expect(readFileSync(node.logFile, "utf8")).toContain("A node of type gpu_host needs a GPU");
    const { workers } = await fleet.client.listWorkers();
    expect(workers.map(({ workerId }) => workerId)).not.toContain("gpu-none");
  });
});
