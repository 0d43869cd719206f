/** The whole system as real processes: wrangler dev (and its workerd) and two nodes, on loopback and free ports. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import {
  type BacktestSpec,
  backtestSpec,
  type OperationDetail,
  submitRequest,
  TERMINAL_STATUSES,
} from "../../protocol/index.ts";
import { Fleet, killGroup, until } from "../support/fleet.ts";
import { randomWalk } from "../support/random-walk.ts";

const LONG_ROWS = 600_000;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ wrangler: true });
  const store = new MarketDataStore(fleet.home.data);
  const sample = await loadSample("SP500");
  await store.put(sample.bars, { symbol: "SP500", timeframe: "1d", source: "sample" });
  await store.put(randomWalk(LONG_ROWS), { symbol: "WALK", timeframe: "1m", source: "random walk" });
  await fleet.startNodes(["first", "second"]);
});
afterAll(async () => {
  await fleet?.stop();
});

function smaCross(symbol: string, timeframe: string): BacktestSpec {
  const file = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const strategy = parseRuleStrategyFile(readFileSync(file, "utf8"), file);
  return backtestSpec.parse({ kind: "backtest", strategy, data: { symbol, timeframe } });
}

async function submit(spec: BacktestSpec): Promise<string> {
  const { operationId } = await fleet.client.submit(submitRequest.parse({ spec }));
  return operationId;
}

async function ended(operationId: string, withinMs = 60_000): Promise<OperationDetail> {
  const isOver = ({ status }: OperationDetail): boolean => TERMINAL_STATUSES.includes(status);
  await until(withinMs, `operation ${operationId} ended`, async () =>
    isOver(await fleet.client.showOperation(operationId)),
  );
  return fleet.client.showOperation(operationId);
}

describe("a fleet of real processes", () => {
  it("registers its nodes, runs a backtest, and hands back the bytes that a local run makes", async () => {
    const spec = smaCross("SP500", "1d");
    const operation = await ended(await submit(spec));
    expect(operation).toMatchObject({ status: "completed", attempt: 1 });
    expect(["first", "second"]).toContain(operation.workerId);
    const bytes = await fleet.client.operationResult(operation.operationId);
    const store = new MarketDataStore(fleet.home.data);
    const { sha256 } = (await store.find("SP500", "1d"))!;
    const local = executeBacktest({ spec, bars: await store.open(sha256), dataSha256: sha256 });
    expect(Buffer.compare(bytes, local.bytes)).toBe(0);
    expect(operation.result!.sha256).toBe(local.sha256);
  });

  it("finishes a backtest on the other node when its node is killed with -9 in the middle", async () => {
    const id = await submit(smaCross("WALK", "1m"));
    let victim = "";
    await until(20_000, "the backtest runs", async () => {
      const operation = await fleet.client.showOperation(id);
      victim = operation.workerId ?? "";
      return operation.status === "running" && operation.progress !== null;
    });
    killGroup(fleet.nodes.get(victim)!.pid, "SIGKILL");
    const killedAt = performance.now();
    const operation = await ended(id);
    const recoveryMs = performance.now() - killedAt;
    console.log(`killed node to result on the other node: ${(recoveryMs / 1000).toFixed(1)} s`);
    expect(operation).toMatchObject({ status: "completed", attempt: 2 });
    expect(operation.workerId).not.toBe(victim);
    await fleet.startNodes([victim]);
  });

  it("keeps results and finds its nodes again when wrangler and its workerd are killed", async () => {
    const before = await ended(await submit(smaCross("SP500", "1d")));
    await fleet.killPlane();
    await fleet.startPlane();
    await fleet.connected(["first", "second"]);
    const after = await fleet.client.showOperation(before.operationId);
    expect(after).toEqual(before);
    expect((await fleet.client.operationResult(before.operationId)).byteLength).toBe(before.result!.bytes);
    expect(await ended(await submit(smaCross("SP500", "1d")))).toMatchObject({ status: "completed" });
  });

  it("lets an operation go on while the control plane is away, and takes its result afterwards", async () => {
    const { operationId } = await fleet.client.submit(
      submitRequest.parse({ spec: { kind: "sleep", durationMs: 4000 } }),
    );
    await until(10_000, "it runs", async () => (await fleet.client.showOperation(operationId)).status === "running");
    await fleet.killPlane();
    await fleet.startPlane();
    expect(await ended(operationId)).toMatchObject({ status: "completed", attempt: 1 });
  });

  it("cancels a running operation", async () => {
    const { operationId } = await fleet.client.submit(
      submitRequest.parse({ spec: { kind: "sleep", durationMs: 60_000 } }),
    );
    await until(10_000, "it runs", async () => (await fleet.client.showOperation(operationId)).status === "running");
    await fleet.client.cancelOperation(operationId);
    expect((await ended(operationId, 10_000)).status).toBe("cancelled");
  });

  it("keeps an operation for a symbol that no node has, and says so with the cure", async () => {
    const id = await submit(smaCross("TYPO", "1d"));
    const operation = await fleet.client.showOperation(id);
    expect(operation.status).toBe("queued");
    expect(operation.waitingReason).toContain(
      "no connected worker has TYPO 1d; load it with `ktrdr data load` on a node",
    );
    await fleet.client.cancelOperation(id);
  });

  it("fails a backtest over an empty date range, naming the range that there is", async () => {
    const spec = smaCross("SP500", "1d");
    const operation = await ended(await submit({ ...spec, data: { ...spec.data, startMs: 0, endMs: 1 } }));
    expect(operation.status).toBe("failed");
    expect(operation.error!.detail).toContain("2000-01-03");
  });

  it("sees new data on a running node without a restart", async () => {
    const id = await submit(smaCross("LATE", "1d"));
    const sample = await loadSample("AAPL");
    await new MarketDataStore(fleet.home.data).put(sample.bars, { symbol: "LATE", timeframe: "1d", source: "sample" });
    expect(await ended(id)).toMatchObject({ status: "completed" });
  });
});
