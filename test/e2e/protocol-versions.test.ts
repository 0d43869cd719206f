/**
 * Real nodes of other protocol versions under today's control plane. The old one is this code with the protocol's socket.ts as
 * it was in that version, whose strict schemas refuse whatever came later.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { EXIT_TOO_OLD } from "../../compute-node/agent/index.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { API_PREFIX, backtestSpec, PROTOCOL_VERSION, submitRequest, type Worker, wire } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";
import { speakFormerProtocol } from "../support/former-protocol.ts";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SOCKET = join("protocol", "socket.ts");
/** The folders that a node is made of. */
const ROOMS = ["protocol", "telemetry", "client", "results", "compute-node"];

let folder: string;
let fleet: Fleet;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-versions-"));
  fleet = await Fleet.start({ registryConfig: { graceMs: 1_000 } });
  const sample = await loadSample("SP500");
  await new MarketDataStore(fleet.home.data).put(sample.bars, sample);
});
afterAll(async () => {
  await fleet?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** This project's node code in a folder of its own, changed. */
function treeWith(name: string, change: (tree: string) => void): string {
  const tree = join(folder, name);
  mkdirSync(tree);
  for (const part of [...ROOMS, "package.json"]) {
    cpSync(join(PROJECT_FOLDER, part), join(tree, part), { recursive: true });
  }
  symlinkSync(join(PROJECT_FOLDER, "node_modules"), join(tree, "node_modules"));
  change(tree);
  return tree;
}

/** A backtest for nodes with the label `version`, with a traceparent as a traced client would send it. */
async function backtest(version: string): Promise<string> {
  const file = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const strategy = parseRuleStrategyFile(readFileSync(file, "utf8"), file);
  const spec = backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: "SP500", timeframe: "1d" } });
  const request = submitRequest.parse({ spec, requirements: { labels: { version } } });
  const response = await fetch(`${fleet.url}${API_PREFIX}/operations`, {
    method: "POST",
    headers: { authorization: `Bearer ${fleet.token}`, traceparent: TRACEPARENT },
    body: JSON.stringify(wire(submitRequest).encode(request)),
  });
  expect(response.status).toBe(202);
  const { operation_id } = (await response.json()) as { operation_id: string };
  return operation_id;
}

async function completed(operationId: string): Promise<void> {
  await until(30_000, "it is completed", async () => {
    const { status, attempt } = await fleet.client.showOperation(operationId);
    return status === "completed" && attempt === 1;
  });
}

async function worker(workerId: string): Promise<Worker | undefined> {
  return (await fleet.client.listWorkers()).workers.find((found) => found.workerId === workerId);
}

it("serves a node of the previous version, and turns it away with the cure once an operator has raised the oldest", async () => {
  const old = await fleet.startNode("old", ["--labels", "version=old"], {
    tree: treeWith("old", (tree) => speakFormerProtocol(tree, 1, "ts")),
  });
  await fleet.startNode("new", ["--labels", "version=new"]);
  await fleet.connected(["old", "new"]);
  expect(await worker("old")).toMatchObject({ protocolVersion: 1 });
  expect(await worker("new")).toMatchObject({ protocolVersion: PROTOCOL_VERSION });

  const operations = await Promise.all(["old", "old", "new", "old"].map(backtest));
  for (const id of operations) await completed(id);
  const [ofOld, , ofNew] = await Promise.all(operations.map((id) => fleet.client.showOperation(id)));
  expect([ofOld.workerId, ofNew.workerId]).toEqual(["old", "new"]);
  expect(ofOld.result?.sha256).toBe(ofNew.result?.sha256);
  expect(readFileSync(old.logFile, "utf8")).not.toContain("not understood");

  await fleet.stopPlane();
  await fleet.startPlane({ graceMs: 1_000, oldestProtocolVersion: PROTOCOL_VERSION });
  const { code } = await old.ended;
  expect(code).toBe(EXIT_TOO_OLD);
  const said = readFileSync(old.logFile, "utf8");
  expect(said).toContain("protocol version 1 is older than 2");
  expect(said).toContain("ktrdr node update");
  await fleet.connected(["new"], 90_000);
  expect(await worker("old")).toMatchObject({
    connected: false,
    refusal: expect.stringContaining("ktrdr node update"),
  });
  await completed(await backtest("new"));
  const health = (await (await fetch(`${fleet.url}/health`)).json()) as Record<string, unknown>;
  expect(health.oldest_protocol_version).toBe(PROTOCOL_VERSION);
});

it("lets a node that is newer than the control plane wait for its update", async () => {
  const newer = `PROTOCOL_VERSION = ${PROTOCOL_VERSION + 1};`;
  const today = readFileSync(join(PROJECT_FOLDER, SOCKET), "utf8");
  const socket = today.replace(`PROTOCOL_VERSION = ${PROTOCOL_VERSION};`, newer);
  expect(socket).not.toBe(today);
  const node = await fleet.startNode("newer", [], {
    tree: treeWith("newer", (tree) => writeFileSync(join(tree, SOCKET), socket)),
  });
  await until(30_000, "it was refused", async () => (await worker("newer"))?.refusal != null);
  await until(10_000, "it says so", async () =>
    readFileSync(node.logFile, "utf8").includes("update the control plane"),
  );
  expect(node.hasEnded()).toBe(false);
});
