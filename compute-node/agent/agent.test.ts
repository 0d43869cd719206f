import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CLOSE_CODES, portfolioSpec, type SleepSpec } from "../../protocol/index.ts";
import { decodeBacktestResult } from "../../results/index.ts";
import { BAR_COLUMN_NAMES, contentHash, loadSample, MarketDataStore } from "../market-data/index.ts";
import type { Agent } from "./agent.ts";
import type { NodeSettings } from "./settings-table.ts";
import { FakeRegistry, TOKEN } from "./testing/fake-registry.ts";
import { type MemoryLog, temporaryFolder, testAgent, testSettings } from "./testing/nodes.ts";
import { backtestOf, leaseFor } from "./testing/story.ts";

const A = leaseFor(1);
const sleep = (durationMs: number, busy = false): SleepSpec => ({ kind: "sleep", durationMs, busy });

let registry: FakeRegistry;
let folder: ReturnType<typeof temporaryFolder>;
let agents: Agent[];

beforeEach(async () => {
  registry = new FakeRegistry();
  await registry.start();
  folder = temporaryFolder();
  agents = [];
});

afterEach(async () => {
  for (const agent of agents) agent.shutDown();
  await Promise.all(agents.map((agent) => agent.ended));
  await registry.stop();
  folder.remove();
});

async function startNode(change: Partial<NodeSettings> = {}): Promise<{ agent: Agent; log: MemoryLog }> {
  const node = testAgent(testSettings(registry.url, folder.path, change));
  agents.push(node.agent);
  await node.agent.start();
  return node;
}

function assign(spec: SleepSpec, lease = A): void {
  registry.say({ type: "assign", ...lease, spec, checkpoint: null });
}

describe("a node", () => {
  it("enrols, says hello, and runs what it is given to a complete", async () => {
    await startNode();
    const hello = await registry.next("hello");
    expect(hello).toMatchObject({
      epoch: 1,
      leases: [],
      capabilities: { slots: 1, kinds: ["backtest", "portfolio", "train", "model_backtest", "sleep"] },
    });
    assign(sleep(20));
    await registry.next("accept");
    const complete = await registry.next("complete");
    expect(complete).toMatchObject({ ...A, result: { sha256: null, bytes: 0, summary: { duration_ms: 20 } } });
  });

  it("keeps its credential for its owner's eyes alone, and registers again with it", async () => {
    const { agent } = await startNode();
    await registry.next("hello");
    const file = join(folder.path, "nodes", "node-1", "credential.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ worker_id: "node-1", url: registry.url });
    agent.shutDown();
    await agent.ended;
    await startNode({ token: null });
    await registry.next("hello");
    expect(registry.bearers).toEqual([TOKEN, registry.credential]);
  });

  it("repeats its complete until that is acknowledged", async () => {
    await startNode();
    await registry.next("hello");
    assign(sleep(0));
    const first = await registry.next("complete");
    const second = await registry.next("complete");
    expect(second).toEqual(first);
    registry.say({ type: "acknowledge", ...A });
  });

  it("comes back after the registry died, with its lease, and goes on with the job", async () => {
    await startNode();
    await registry.next("hello");
    assign(sleep(600));
    await registry.next("accept");
    await registry.stop();
    await registry.start();
    const again = await registry.next("hello");
    expect(again.leases).toEqual([A]);
    expect(again.epoch).toBeGreaterThan(1);
    expect(await registry.next("complete")).toMatchObject(A);
  });

  it("reports after the reconnection what ended while the registry was away", async () => {
    await startNode();
    await registry.next("hello");
    assign(sleep(100));
    await registry.next("accept");
    await registry.stop();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await registry.start();
    expect((await registry.next("hello")).leases).toEqual([A]);
    expect(await registry.next("complete")).toMatchObject(A);
  });

  it("stops a cancelled job, waiting or busy, and says so", async () => {
    await startNode();
    await registry.next("hello");
    for (const [number, busy] of [[1, false] as const, [2, true] as const]) {
      const lease = leaseFor(number);
      assign(sleep(60_000, busy), lease);
      await registry.next("accept");
      registry.say({ type: "cancel", ...lease });
      expect(await registry.next("stopped")).toEqual({ type: "stopped", ...lease, reason: "cancelled" });
      registry.say({ type: "acknowledge", ...lease });
    }
    assign(sleep(0), leaseFor(3));
    expect(await registry.next("complete")).toMatchObject(leaseFor(3));
  });

  it("hangs up on a server that stops answering heartbeats, and connects anew", async () => {
    registry.heartbeatIntervalMs = 100;
    const { log } = await startNode();
    await registry.next("hello");
    registry.answersHeartbeats = false;
    const again = await registry.next("hello");
    expect(again.epoch).toBe(2);
    expect(log.lines.join("\n")).toContain("nothing was heard for 400 ms");
  });

  it("keeps its heartbeat while every slot burns the processor", async () => {
    registry.heartbeatIntervalMs = 100;
    await startNode({ slots: 4 });
    await registry.next("hello");
    for (const number of [1, 2, 3, 4]) assign(sleep(1_500, true), leaseFor(number));
    for (const _ of [1, 2, 3, 4]) await registry.next("accept");
    registry.heartbeats.length = 0;
    await registry.next("complete");
    const gapsMs = registry.heartbeats.slice(1).map((at, index) => at - registry.heartbeats[index]);
    expect(gapsMs.length).toBeGreaterThan(5);
    expect(Math.max(...gapsMs), "the longest gap between two heartbeats").toBeLessThan(400);
  });

  it("survives messages that it does not understand", async () => {
    const { log } = await startNode();
    await registry.next("hello");
    for (const text of ["", "{", "[]", "[1]", "null", '{"type":"future"}', '{"type":"assign","operation_id":"../x"}']) {
      registry.sayText(text);
    }
    assign(sleep(0));
    await registry.next("complete");
    expect(log.lines.filter((line) => line.includes("was not understood")).length).toBeGreaterThanOrEqual(6);
  });

  it("gives its work back at once when it is told to leave, and closes the line properly", async () => {
    const { agent } = await startNode();
    await registry.next("hello");
    assign(sleep(60_000));
    await registry.next("accept");
    const toldAt = performance.now();
    agent.shutDown();
    await registry.next("drain");
    expect(await registry.next("stopped")).toMatchObject({ ...A, reason: "shutdown" });
    registry.say({ type: "acknowledge", ...A });
    expect(await agent.ended).toEqual({ exitCode: 0, problem: null });
    expect(performance.now() - toldAt).toBeLessThan(2_000);
    await expect.poll(() => registry.closes.at(-1)?.code, { timeout: 8_000 }).toBe(1000);
  });

  it("takes work again when its draining is taken back, and stays", async () => {
    const { agent } = await startNode();
    await registry.next("hello");
    assign(sleep(200));
    await registry.next("accept");
    agent.drain();
    expect(await registry.next("drain")).toMatchObject({ draining: true });
    agent.resume();
    agent.resume();
    expect(await registry.next("drain")).toMatchObject({ draining: false });
    await registry.next("complete");
    registry.say({ type: "acknowledge", ...A });
    const second = leaseFor(2);
    assign(sleep(0), second);
    expect(await registry.next("complete")).toMatchObject(second);
  });

  it("leaves when another process takes its place", async () => {
    const { agent } = await startNode();
    await registry.next("hello");
    registry.close(CLOSE_CODES.superseded, "superseded");
    const end = await agent.ended;
    expect(end.exitCode).toBe(1);
    expect(end.problem?.message).toContain("Another process connected as worker node-1");
  });

  it("enrols again with its token when its credential was revoked", async () => {
    await startNode();
    await registry.next("hello");
    registry.credential = "credential-2";
    registry.close(CLOSE_CODES.revoked, "revoked");
    await registry.next("hello");
    expect(registry.bearers).toEqual([TOKEN, TOKEN]);
  });
});

describe("a backtest's result", () => {
  async function startBacktest(): Promise<MemoryLog> {
    const sample = await loadSample("SP500");
    await new MarketDataStore(join(folder.path, "data")).put(sample.bars, sample);
    const { log } = await startNode();
    const { capabilities } = await registry.next("hello");
    expect(capabilities.datasets).toMatchObject([{ symbol: "SP500", timeframe: "1d" }]);
    registry.say({ type: "assign", ...A, spec: backtestOf("SP500"), checkpoint: null });
    return log;
  }

  it("is uploaded under its hash with the lease in hand, before it is reported", async () => {
    await startBacktest();
    const { result } = await registry.next("complete");
    const stored = registry.store.artefacts.get(result.sha256 ?? "");
    expect(stored?.length).toBe(result.bytes);
    expect(decodeBacktestResult(stored ?? new Uint8Array()).symbol).toBe("SP500");
    expect(registry.store.headers[0]).toMatchObject({
      authorization: `Bearer ${registry.credential}`,
      "content-type": "application/vnd.ktrdr.backtest+zip",
      "x-ktrdr-operation": A.operationId,
      "x-ktrdr-attempt": "1",
    });
  });

  it("has told its phases and their times before its end", async () => {
    await startBacktest();
    const lines: string[] = [];
    while (!lines.at(-1)?.startsWith("done in")) lines.push(...(await registry.next("log")).lines);
    await registry.next("complete");
    expect(lines.join("\n")).toMatch(/^\d+ bars of SP500 1d \(sha256 [0-9a-f]{12}\) opened in [\d.]+ ms$/m);
    expect(lines.join("\n")).toMatch(/^compile [\d.]+ ms, signals [\d.]+ ms, bars /m);
    expect(lines.join("\n")).toMatch(/^done in [\d.]+ ms: \d+ bars, \d+ trades$/m);
  });

  it("is uploaded again until the store takes it", async () => {
    registry.store.fault = () => 503;
    const log = await startBacktest();
    await expect.poll(() => registry.store.headers.length, { timeout: 8_000 }).toBeGreaterThan(1);
    registry.store.fault = () => null;
    expect(await registry.next("complete")).toMatchObject(A);
    expect(log.lines.join("\n")).toContain("the upload failed (the control plane answered with status 503)");
  });

  it("that the store refuses is reported as failed, worth another try", async () => {
    registry.store.fault = () => 409;
    await startBacktest();
    expect(await registry.next("fail")).toMatchObject({ ...A, retryable: true });
  });

  it("is not to be had where the data is missing, and becomes possible once it is loaded", async () => {
    await startNode();
    await registry.next("hello");
    registry.say({ type: "assign", ...A, spec: backtestOf("AAPL"), checkpoint: null });
    expect(await registry.next("reject")).toMatchObject({ reason: "no data AAPL 1d" });
    const sample = await loadSample("AAPL");
    await new MarketDataStore(join(folder.path, "data")).put(sample.bars, sample);
    const { capabilities } = await registry.next("capabilities");
    expect(capabilities.datasets).toMatchObject([{ symbol: "AAPL" }]);
  });
});

describe("a dataset of the workspace's store", () => {
  async function assignStored(): Promise<{ sha256: string }> {
    const { bars } = await loadSample("SP500");
    const sha256 = contentHash(bars);
    const columns = BAR_COLUMN_NAMES.map((name) => Buffer.from(Float64Array.from(bars[name]).buffer));
    registry.store.artefacts.set(sha256, Buffer.concat(columns));
    await startNode();
    await registry.next("hello");
    const dataset = { symbol: "SP500", timeframe: "1d", sha256 };
    registry.say({ type: "assign", ...A, spec: backtestOf("SP500"), checkpoint: null, dataset });
    await registry.next("accept");
    return { sha256 };
  }

  it("is fetched for the backtest that asks for it, and announced afterwards", async () => {
    const { sha256 } = await assignStored();
    expect(await registry.next("complete")).toMatchObject({ result: { summary: { data_sha256: sha256 } } });
    const { capabilities } = await registry.next("capabilities");
    expect(capabilities.datasets).toEqual([{ symbol: "SP500", timeframe: "1d", sha256 }]);
  });

  it("is fetched for a portfolio too, beside what the node has; a dataset that nobody has turns it down by name", async () => {
    const [stored, held] = await Promise.all([loadSample("SP500"), loadSample("AAPL")]);
    const sha256 = contentHash(stored.bars);
    const columns = BAR_COLUMN_NAMES.map((name) => Buffer.from(Float64Array.from(stored.bars[name]).buffer));
    registry.store.artefacts.set(sha256, Buffer.concat(columns));
    await new MarketDataStore(join(folder.path, "data")).put(held.bars, held);
    await startNode();
    await registry.next("hello");
    const { strategy } = backtestOf("SP500");
    const data = ["SP500", "AAPL"].map((symbol) => ({ symbol, timeframe: "1d" }));
    const spec = portfolioSpec.parse({ kind: "portfolio", strategy, data });
    registry.say({ type: "assign", ...A, spec, checkpoint: null, datasets: [null, null] });
    expect(await registry.next("reject")).toMatchObject({ reason: "no data SP500 1d" });
    registry.say({ type: "assign", ...leaseFor(2), spec, checkpoint: null, datasets: [sha256, null] });
    await registry.next("accept");
    expect(await registry.next("complete")).toMatchObject({ result: { summary: { symbols: 2 } } });
  });

  it("is fetched no further when the operation is cancelled meanwhile", async () => {
    registry.store.fault = () => 503;
    await assignStored();
    registry.say({ type: "cancel", ...A });
    expect(await registry.next("stopped")).toMatchObject({ ...A, reason: "cancelled" });
    registry.say({ type: "acknowledge", ...A });
    registry.store.fault = () => null;
    assign(sleep(0), leaseFor(2));
    expect(await registry.next("complete")).toMatchObject(leaseFor(2));
  });
});

it("a node that is told to leave while it starts leaves nothing open", async () => {
  const { agent } = testAgent(testSettings(registry.url, folder.path, { healthPort: 0 }));
  const started = agent.start();
  agent.shutDown();
  await started;
  expect(await agent.ended).toEqual({ exitCode: 0, problem: null });
  await expect(fetch(agent.healthUrl ?? "")).rejects.toThrow("fetch failed");
});

describe("a node that cannot enrol", () => {
  it("leaves over a wrong token, naming the cure", async () => {
    const { agent } = await startNode({ token: "ktrdr.default.wrong" });
    const { exitCode, problem } = await agent.ended;
    expect(exitCode).toBe(1);
    expect(problem?.message).toContain("does not accept the token");
    expect(problem?.cure).toContain("ktrdr enrol");
  });

  it("leaves when it has neither token nor credential", async () => {
    const { agent } = await startNode({ token: null });
    expect((await agent.ended).problem?.message).toContain("There is no enrolment token");
  });

  it("keeps trying where no control plane answers, saying where and why, until one does", async () => {
    await registry.stop();
    const { log } = await startNode();
    await expect
      .poll(() => log.lines.filter((line) => line.includes("not connected")).length, { timeout: 8_000 })
      .toBeGreaterThan(1);
    expect(log.lines.join("\n")).toContain(`No control plane answers at ${registry.url}: connect ECONNREFUSED`);
    await registry.start();
    await registry.next("hello");
    expect(existsSync(join(folder.path, "nodes", "node-1", "credential.json"))).toBe(true);
  });
});

describe("the health endpoint", () => {
  it("says what the node is doing", async () => {
    const { agent } = await startNode({ healthPort: 0 });
    await registry.next("hello");
    assign(sleep(60_000));
    await registry.next("accept");
    const response = await fetch(agent.healthUrl ?? "");
    expect(await response.json()).toEqual({
      status: "healthy",
      worker_id: "node-1",
      worker_status: "busy",
      current_operation: A.operationId,
      connected: true,
      slots: 1,
      slots_used: 1,
      version: "0.0.0-test",
    });
    expect((await fetch(`${agent.healthUrl}/../other`)).status).toBe(404);
  });

  it("gives what it counts to Prometheus", async () => {
    const { agent } = await startNode({ healthPort: 0 });
    await registry.next("hello");
    assign(sleep(0));
    await registry.next("complete");
    const response = await fetch((agent.healthUrl ?? "").replace(/health$/, "metrics"));
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await response.text()).split("\n");
    expect(lines).toContain('ktrdr_node_info{worker_id="node-1",worker_type="backtesting",version="0.0.0-test"} 1');
    expect(lines).toContain("ktrdr_node_connections_total 1");
    expect(lines).toContain('ktrdr_node_jobs_started_total{kind="sleep"} 1');
    expect(lines).toContain('ktrdr_node_jobs_ended_total{outcome="result"} 1');
    expect(lines).toContain('ktrdr_node_jobs_ended_total{outcome="failed"} 0');
    expect(lines.some((line) => /^ktrdr_node_disk_free_bytes \d+$/.test(line))).toBe(true);
    expect(lines.some((line) => line.includes("temperature"))).toBe(false);
    const refused = await fetch((agent.healthUrl ?? "").replace(/health$/, "metrics"), { method: "POST" });
    expect(refused.status).toBe(405);
  });

  it("takes the next free port when its own is taken, and says so", async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
    const { port } = squatter.address() as AddressInfo;
    try {
      const { agent, log } = await startNode({ healthPort: port });
      expect(agent.healthUrl).not.toContain(`:${port}/`);
      expect(log.lines.join("\n")).toContain(`port ${port} is taken`);
    } finally {
      await new Promise((resolve) => squatter.close(resolve));
    }
  });
});
