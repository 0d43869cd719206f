/** Runs the commands of an operator and a researcher against a real control plane and a real node. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { runCommand } from "../../cli/program.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { parseStrategyFile } from "../../compute-node/strategy/index.ts";
import { backtestSpec, submitRequest } from "../../protocol/index.ts";
import { Fleet, killGroup, until } from "../support/fleet.ts";

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ registryConfig: { graceMs: 5000 } });
  const sample = await loadSample("SP500");
  await new MarketDataStore(fleet.home.data).put(sample.bars, { ...sample, symbol: "SP500", timeframe: "1d" });
  // A home of its own: it has none of the data.
  await fleet.startNodes(["worker"], ["--home", join(fleet.home.root, "elsewhere")]);
});
afterAll(async () => {
  await fleet?.stop();
});

async function ktrdr(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const surroundings = testSurroundings();
  const code = await runCommand(["--home", fleet.home.root, ...words], surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await ktrdr(...words, "--json");
  if (code !== 0) throw new Error(err);
  return JSON.parse(out);
}

async function sleepFor(durationMs: number): Promise<string> {
  const request = submitRequest.parse({ spec: { kind: "sleep", durationMs } });
  return (await fleet.client.submit(request)).operationId;
}

async function running(operationId: string): Promise<void> {
  await until(20_000, "it runs", async () => (await fleet.client.showOperation(operationId)).status === "running");
}

/** Resolves when as many of its attempts were accepted. */
async function accepted(operationId: string, attempts: number): Promise<void> {
  await until(20_000, `attempt ${attempts} is accepted`, async () => {
    const { events } = await fleet.client.operationEvents(operationId);
    return events.filter(({ type }) => type === "accepted").length === attempts;
  });
}

describe("data in the workspace's store", () => {
  const file = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const strategy = parseStrategyFile(readFileSync(file, "utf8"), file);
  const spec = backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: "SP500", timeframe: "1d" } });

  it("lets a node that has none run a backtest, with the bytes of a local run", async () => {
    const { operationId } = await fleet.client.submit(submitRequest.parse({ spec }));
    expect((await fleet.client.showOperation(operationId)).waitingReason).toContain("`ktrdr data push SP500 1d`");
    const pushed = await ktrdr("data", "push", "SP500", "1d");
    expect(pushed).toMatchObject({ code: 0, out: expect.stringContaining("SP500 1d is in the store: 5,105 bars") });
    expect((await ktrdr("ops", "watch", operationId)).code).toBe(0);
    const store = new MarketDataStore(fleet.home.data);
    const { sha256 } = (await store.find("SP500", "1d"))!;
    const local = executeBacktest({ spec, bars: await store.open(sha256), dataSha256: sha256 });
    expect(Buffer.compare(await fleet.client.operationResult(operationId), local.bytes)).toBe(0);
    const { lines } = (await json("ops", "logs", operationId)) as { lines: { text: string }[] };
    expect(lines.map(({ text }) => text).join("\n")).toMatch(/not on this node.*5105 bars of SP500 1d.*done in/s);
    await until(10_000, "the node announces it", async () => {
      const { capabilities } = await fleet.client.showWorker("worker");
      return capabilities.datasets.some((dataset) => dataset.sha256 === sha256);
    });
  });

  it("is listed, pulled to another machine, and withdrawn", async () => {
    expect((await ktrdr("data", "push", "SP500", "1d")).code).toBe(0);
    expect((await ktrdr("data", "list", "--remote")).out).toMatch(/SP500 +1d +newest +5,105/);
    const elsewhere = join(fleet.home.root, "laptop");
    const connection = ["--home", elsewhere, "--url", fleet.url, "--token", fleet.token];
    const surroundings = testSurroundings();
    expect(await runCommand([...connection, "data", "pull", "SP500", "1d"], surroundings)).toBe(0);
    const [own, pulled] = await Promise.all([
      new MarketDataStore(fleet.home.data).find("SP500", "1d"),
      new MarketDataStore(join(elsewhere, "data")).find("SP500", "1d"),
    ]);
    expect(pulled).toMatchObject({ sha256: own?.sha256, source: `the store of ${fleet.url}` });
    expect((await ktrdr("data", "withdraw", "SP500", "1d")).code).toBe(0);
    expect((await json("data", "list", "--remote")).total).toBe(0);
    expect(await ktrdr("data", "pull", "SP500", "1d")).toMatchObject({
      code: 1,
      err: expect.stringContaining("workspace's store has no 1d data of SP500"),
    });
  });
});

describe("an operation", () => {
  it("is followed line by line until it ends, through a restart of the control plane", async () => {
    const operationId = await sleepFor(3000);
    const following = ktrdr("ops", "logs", "-f", operationId);
    await running(operationId);
    await until(10_000, "its first line", async () => (await fleet.client.operationLogs(operationId)).lines.length > 0);
    await fleet.killPlane();
    await fleet.startPlane();
    const { code, out, err } = await following;
    expect(code).toBe(0);
    expect(out).toMatch(/^sleeps for 3000 ms\ndone after \d+ ms\n$/);
    expect(err).toContain("does not answer; trying on");
  });

  it("is watched through a restart of the control plane", async () => {
    const operationId = await sleepFor(3000);
    await running(operationId);
    const watching = ktrdr("ops", "watch", operationId);
    await fleet.killPlane();
    await fleet.startPlane();
    const { code, err } = await watching;
    expect(code).toBe(0);
    expect(err).toContain("does not answer; trying on");
    expect(err).toContain("completed");
  });

  it("shows what happened to it, also when its node was killed and another try was asked for", async () => {
    const operationId = await sleepFor(60_000);
    await accepted(operationId, 1);
    killGroup(fleet.nodes.get("worker")!.pid, "SIGKILL");
    await until(
      20_000,
      "it waits again",
      async () => (await fleet.client.showOperation(operationId)).status === "queued",
    );
    await fleet.startNodes(["worker"], ["--home", join(fleet.home.root, "elsewhere")]);
    await accepted(operationId, 2);
    expect((await ktrdr("ops", "cancel", operationId)).code).toBe(0);
    const followed = await ktrdr("ops", "events", "-f", operationId);
    const types = followed.out
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/)[1]);
    expect(types).toEqual([
      ...["queued", "assigned", "accepted", "requeued", "assigned", "accepted"],
      ...["cancel_requested", "cancelled"],
    ]);
    expect((await ktrdr("ops", "retry", operationId)).out).toMatch(/is (queued|running) again/);
    const { events } = (await json("ops", "events", operationId)) as { events: { type: string }[] };
    expect(events.map(({ type }) => type)).toContain("requeued");
    await fleet.client.cancelOperation(operationId);
  });
});

describe("a worker", () => {
  it("has a history that outlives its processes", async () => {
    const { code, out } = await ktrdr("workers", "history", "worker");
    expect(code).toBe(0);
    expect(out).toMatch(/^WHEN +WHAT +DETAIL/);
    expect(out).toMatch(/registered.*connected.*disconnected.*lost/s);
    expect((await ktrdr("workers", "history", "nobody")).err).toContain("There is no worker nobody");
  });
});

describe("a workspace", () => {
  it("is created with an admin token of its own, and sees nothing of the others", async () => {
    const { code, out, err } = await ktrdr("workspace", "create", "research");
    expect([code, err]).toEqual([0, "An admin token of the workspace research, shown this once:\n"]);
    expect((await ktrdr("workspace", "list")).out).toBe("default\nresearch\n");
    const inside = await json("--token", out.trim(), "workers");
    expect(inside.total).toBe(0);
    expect((await ktrdr("--token", out.trim(), "workspace", "create", "other")).code).toBe(1);
    expect((await ktrdr("workspace", "create", "No Spaces")).err).toContain("lower-case letters");
  });
});
