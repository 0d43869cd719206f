/** Strategies in TypeScript through the whole system: bundled by the command, run by a node that allows them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { startLocalSystem } from "../../cli/local/local-system.ts";
import { runCommand } from "../../cli/program.ts";
import { loadRunnable } from "../../cli/strategy/strategy-source.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { homePaths } from "../../client/home.ts";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import {
  type BacktestSpec,
  backtestSpec,
  type OperationDetail,
  submitRequest,
  TERMINAL_STATUSES,
} from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";

const EXAMPLE = join(PROJECT_FOLDER, "examples/strategies/breakout-bracket.ts");

let fleet: Fleet;
let store: MarketDataStore;
beforeAll(async () => {
  fleet = await Fleet.start();
  store = new MarketDataStore(fleet.home.data);
  const { bars } = await loadSample("SP500");
  await store.put(bars, { symbol: "SP500", timeframe: "1d", source: "sample" });
  await fleet.startNodes(["careful"]);
});
afterAll(async () => {
  await fleet?.stop();
});

async function specOf(file: string): Promise<BacktestSpec> {
  const { strategy } = await loadRunnable(file);
  return backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: "SP500", timeframe: "1d" } });
}

function written(name: string, text: string): string {
  const file = join(fleet.home.root, name);
  writeFileSync(file, text);
  return file;
}

async function submit(spec: BacktestSpec): Promise<string> {
  return (await fleet.client.submit(submitRequest.parse({ spec }))).operationId;
}

async function reached(id: string, isThere: (operation: OperationDetail) => boolean): Promise<OperationDetail> {
  await until(30_000, `operation ${id} is there`, async () => isThere(await fleet.client.showOperation(id)));
  return fleet.client.showOperation(id);
}

const isOver = ({ status }: OperationDetail): boolean => TERMINAL_STATUSES.includes(status);

it("a script waits when no node allows scripts, says what to do, and runs once one does, with the bytes of a local run", async () => {
  const spec = await specOf(EXAMPLE);
  const id = await submit(spec);
  const waiting = await reached(id, ({ waitingReason }) => waitingReason !== null);
  expect(waiting).toMatchObject({
    status: "queued",
    waitingReason:
      "no connected worker allows strategies in TypeScript; start one with `ktrdr node start --allow-scripts`",
  });
  await fleet.startNodes(["open"], ["--allow-scripts", "--slots", "1"]);
  const operation = await reached(id, isOver);
  expect(operation).toMatchObject({ status: "completed", workerId: "open", spec });
  const { sha256 } = (await store.find("SP500", "1d"))!;
  const local = executeBacktest({ spec, bars: await store.open(sha256), dataSha256: sha256 });
  expect(local.result.trades.length).toBeGreaterThan(20);
  expect(Buffer.compare(await fleet.client.operationResult(id), local.bytes)).toBe(0);
});

it("a script goes from the command line to a report, and gives the same bytes with --local", async () => {
  const files = { fleet: join(fleet.home.root, "fleet.zip"), local: join(fleet.home.root, "local.zip") };
  const words = ["backtest", EXAMPLE, "--symbol", "SP500", "--set", "lookback=40", "--audit"];
  const environment = { KTRDR_HOME: fleet.home.root, KTRDR_URL: fleet.url, KTRDR_TOKEN: fleet.token };
  const onFleet = testSurroundings(environment);
  expect(await runCommand([...words, "-o", files.fleet, "--report"], onFleet), onFleet.stderr.text()).toBe(0);
  expect(onFleet.stderr.text()).toContain("none sees a later bar");
  expect(onFleet.stdout.text()).toContain("breakout-bracket");
  expect(onFleet.stdout.text()).toMatch(/Report: .*\.html/);
  const local = testSurroundings({ KTRDR_HOME: fleet.home.root });
  expect(await runCommand([...words, "-o", files.local, "--local"], local), local.stderr.text()).toBe(0);
  expect(readFileSync(files.fleet).equals(readFileSync(files.local))).toBe(true);
});

it("a script that never ends is ended by a cancel or its deadline, and the node goes on", async () => {
  const endless = await specOf(written("endless.ts", "export default { onBar() { for (;;) {} } };"));
  const id = await submit(endless);
  await reached(id, ({ status }) => status === "running");
  await fleet.client.cancelOperation(id);
  expect((await reached(id, isOver)).status).toBe("cancelled");
  const { operationId } = await fleet.client.submit(
    submitRequest.parse({ spec: endless, deadlineMs: Date.now() + 2_000 }),
  );
  expect((await reached(operationId, isOver)).status).toBe("failed");
  const after = await reached(await submit(await specOf(EXAMPLE)), isOver);
  expect(after).toMatchObject({ status: "completed", workerId: "open" });
});

it("a script that throws fails at once, with bar, time and line", async () => {
  const file = written(
    "throws.ts",
    'export default {\n  onBar({ bar }: { bar: number }) {\n    if (bar === 9) throw new Error("planted");\n  },\n};\n',
  );
  const operation = await reached(await submit(await specOf(file)), isOver);
  expect(operation).toMatchObject({ status: "failed", attempt: 1 });
  expect(operation.error?.detail).toBe("onBar failed at bar 9 (2000-01-14): planted (throws.ts:3:26)");
});

it("a script is allowed on the nodes that ktrdr up starts, unless the environment says no", async () => {
  const home = homePaths(mkdtempSync(join(tmpdir(), "ktrdr-up-")));
  const quiet = { tokenMade: () => {}, controlPlaneReady: () => {}, workerRegistered: () => {} };
  try {
    for (const [allowed, environment] of [
      [true, {}],
      [false, { KTRDR_ALLOW_SCRIPTS: "no" }],
    ] as const) {
      const system = await startLocalSystem({
        ...{ home, port: 0, nodeCount: 1, workerType: "backtesting", isDevelopment: false, givenToken: undefined },
        environment: { ...process.env, HEALTH_PORT: "0", ...environment },
        on: quiet,
      });
      try {
        const [{ capabilities }] = (await system.client.listWorkers()).workers;
        expect(capabilities.kinds.includes("script")).toBe(allowed);
      } finally {
        await system.stop();
      }
    }
  } finally {
    rmSync(home.root, { recursive: true, force: true, maxRetries: 5 });
  }
});
