/** More work than slots, of two kinds, and cores that have nothing to spare. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { type Operation, type SubmitRequest, submitRequest } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";

const isFull = process.env.FULL_LOAD === "1";
let fleet: Fleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

async function fleetWithPrices(): Promise<Fleet> {
  fleet = await Fleet.start();
  const { bars } = await loadSample("SP500");
  await new MarketDataStore(fleet.home.data).put(bars, { symbol: "SP500", timeframe: "1d", source: "sample" });
  return fleet;
}

/** As many different backtests of one strategy. */
function backtests(count: number): SubmitRequest[] {
  const file = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const strategy = parseRuleStrategyFile(readFileSync(file, "utf8"), file);
  return Array.from({ length: count }, (_, index) =>
    submitRequest.parse({
      spec: { kind: "backtest", strategy, parameters: { fast: 5 + index }, data: { symbol: "SP500", timeframe: "1d" } },
    }),
  );
}

/** A sleeping job stands in for training until there is training. */
function trainings(count: number): SubmitRequest[] {
  const request = { spec: { kind: "sleep", durationMs: 300 }, requirements: { workerTypes: ["cpu_training"] } };
  return Array.from({ length: count }, () => submitRequest.parse(request));
}

async function allEnded(within: Fleet, count: number, withinMs: number): Promise<Operation[]> {
  await until(withinMs, `${count} operations completed`, async () => {
    const { total } = await within.client.listOperations({ status: "completed", limit: 1 });
    return total === count;
  });
  return (await within.client.listOperations({ limit: 500 })).operations;
}

describe("a fleet under load", () => {
  it("spreads 5 backtests over 3 nodes", async () => {
    const { client } = await fleetWithPrices();
    await fleet!.startNodes(["one", "two", "three"], ["--slots", "1"]);
    await client.submitBatch(backtests(5));
    const operations = await allEnded(fleet!, 5, 60_000);
    expect(operations.every((operation) => operation.attempt === 1)).toBe(true);
    expect(new Set(operations.map((operation) => operation.workerId)).size).toBe(3);
  });

  it("runs 20 backtests and 10 trainings at once, each on a node of its type, each once", async () => {
    const { client } = await fleetWithPrices();
    await fleet!.startNodes(["b1", "b2", "b3"], ["--slots", "2"]);
    await fleet!.startNodes(["t1", "t2"], ["--slots", "1", "--type", "cpu_training"]);
    await client.submitBatch([...backtests(20), ...trainings(10)]);
    const operations = await allEnded(fleet!, 30, 90_000);
    for (const operation of operations) {
      expect(operation.attempt).toBe(1);
      expect(operation.workerId).toMatch(operation.kind === "backtest" ? /^b/ : /^t/);
    }
  });

  it("keeps every lease of a node whose cores are all at 100 %", async () => {
    const durationMs = isFull ? 120_000 : 30_000;
    fleet = await Fleet.start();
    const slots = availableParallelism();
    await fleet.startNodes(["busy"], ["--slots", String(slots)]);
    const burners = Array.from({ length: slots }, () =>
      spawn(process.execPath, ["-e", `const end = Date.now() + ${durationMs}; while (Date.now() < end);`]),
    );
    try {
      const request = submitRequest.parse({ spec: { kind: "sleep", durationMs, busy: true } });
      await fleet.client.submitBatch(Array.from({ length: slots }, () => request));
      const operations = await allEnded(fleet, slots, durationMs + 60_000);
      expect(operations.map((operation) => operation.attempt)).toEqual(operations.map(() => 1));
      const { entries } = await fleet.client.workerHistory("busy");
      expect(entries.map((entry) => entry.type)).not.toContain("lost");
    } finally {
      for (const burner of burners) burner.kill("SIGKILL");
    }
  });
});
