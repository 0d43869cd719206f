/** A control plane is backed up while it works, lost with its whole state, and restored. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { runCommand } from "../../cli/program.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { uploadArtefact } from "../../compute-node/agent/upload.ts";
import { Fleet, until } from "../support/fleet.ts";

const STRATEGY = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
const MODEL_BYTES = Buffer.from("the bytes of a model");
const MODEL_SHA256 = createHash("sha256").update(MODEL_BYTES).digest("hex");

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
  await fleet.startNodes(["node-1"]);
});
afterAll(async () => {
  await fleet?.stop();
});

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const surroundings = testSurroundings({ KTRDR_HOME: fleet.home.root });
  const code = await runCommand([...words], surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

async function publishModel(): Promise<void> {
  const { source } = fleet.client;
  const upload = { ...source, lease: null, sha256: MODEL_SHA256, mediaType: "application/octet-stream" };
  const outcome = await uploadArtefact({ ...upload, bytes: MODEL_BYTES }, new AbortController().signal);
  expect(outcome).toEqual({ type: "stored" });
  await fleet.client.publishModel("trend", { sha256: MODEL_SHA256, summary: {} });
}

async function runBacktest(): Promise<string> {
  expect(await run("data", "load", "--sample")).toMatchObject({ code: 0 });
  expect(await run("data", "push", "SP500", "1d")).toMatchObject({ code: 0 });
  const { code, out, err } = await run("backtest", STRATEGY, "--symbol", "SP500", "--json");
  expect(code, err).toBe(0);
  const [operation] = (await fleet.client.listOperations({ kind: "backtest" })).operations;
  expect(out).toContain(operation?.operationId);
  return operation?.operationId ?? "";
}

it("a restore brings operations, results, models and nodes back, and running operations are finished once", async () => {
  await publishModel();
  const backtest = await runBacktest();
  const result = await fleet.client.operationResult(backtest);
  const { operationId: running } = await fleet.client.submit({ spec: { kind: "sleep", durationMs: 4000 } });
  await until(10_000, "it runs", async () => (await fleet.client.showOperation(running)).status === "running");

  const file = join(fleet.home.root, "backup.tar.gz");
  const backup = await run("backup", "--output", file, "--json");
  expect(backup, backup.err).toMatchObject({ code: 0 });
  expect(await run("restore", file, "--replace")).toMatchObject({
    ...{ code: 1, err: expect.stringContaining("A control plane runs on") },
  });

  await fleet.killPlane();
  rmSync(fleet.home.controlPlane, { recursive: true });
  expect(await run("restore", file)).toMatchObject({ code: 0 });
  await fleet.startPlane();

  expect(Buffer.from(await fleet.client.operationResult(backtest)).equals(Buffer.from(result))).toBe(true);
  expect(await fleet.client.showModel("trend")).toMatchObject({ version: 1, sha256: MODEL_SHA256 });
  expect(Buffer.from(await fleet.client.downloadArtefact(MODEL_SHA256)).equals(MODEL_BYTES)).toBe(true);
  await fleet.connected(["node-1"]);
  await until(30_000, "what ran has ended", async () => {
    const { status, attempt } = await fleet.client.showOperation(running);
    expect(attempt).toBe(1);
    return status === "completed";
  });
});

it("ktrdr doctor finds nothing wrong with a restored control plane", async () => {
  const { code, out } = await run("doctor", "--json");
  const { findings } = JSON.parse(out) as { findings: { check: string; status: string; detail: string }[] };
  const wrong = findings.filter(({ check, status }) => check !== "disk" && status !== "ok" && status !== "skipped");
  expect(wrong).toEqual([]);
  expect(findings.find(({ check }) => check === "clock")?.status).toBe("ok");
  expect(findings.find(({ check }) => check === "sockets")?.detail).toBe("an outbound WebSocket opens");
  expect(code).toBe(0);
});

it("a control plane that is stopped says goodbye to the nodes, whose work goes on and ends as the same attempt", async () => {
  const { operationId } = await fleet.client.submit({ spec: { kind: "sleep", durationMs: 3000 } });
  await until(10_000, "it runs", async () => (await fleet.client.showOperation(operationId)).status === "running");
  await fleet.stopPlane();
  expect(readFileSync(join(fleet.home.nodes, "node-1", "node.log"), "utf8")).toContain("the control plane stops");
  expect(existsSync(join(fleet.home.controlPlane, "running.pid"))).toBe(false);
  await fleet.startPlane();
  await until(
    30_000,
    "it has ended",
    async () => (await fleet.client.showOperation(operationId)).status === "completed",
  );
  expect(await fleet.client.showOperation(operationId)).toMatchObject({ attempt: 1, workerId: "node-1" });
});
