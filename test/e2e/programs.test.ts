/** Programs of operators through the whole system: registry, node, child process, store, command line. */
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { runCommand } from "../../cli/program.ts";
import { testSurroundings } from "../../cli/testing/collector.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import {
  type CommandSpec,
  commandSpec,
  type OperationDetail,
  submitRequest,
  TERMINAL_STATUSES,
} from "../../protocol/index.ts";
import { Fleet, killGroup, until } from "../support/fleet.ts";

/** Some ten seconds, with a checkpoint every half of one. */
const LONG = { epochs: 200, pause_ms: 50 };

let fleet: Fleet;
/** Of a node that may run the example and a program that ignores SIGTERM. */
let flags: string[];
beforeAll(async () => {
  fleet = await Fleet.start({ registryConfig: { graceMs: 1_000, retryDelayMs: 100 } });
  const sample = await loadSample("SP500");
  await new MarketDataStore(fleet.home.data).put(sample.bars, sample);
  flags = [
    ...["--type", "cpu_training"],
    ...["--program", `trend-line=${installed("examples/trainers/trend-line.mjs")}`],
    // The flag of earlier releases.
    ...["--command", `fake=${installed("compute-node/programs/testing/fake-program.mjs")}`],
  ];
  await fleet.startNodes(["careful"], ["--type", "cpu_training"]);
});
afterAll(async () => {
  await fleet?.stop();
});

/** As an operator puts it somewhere, executable. */
function installed(file: string): string {
  const target = join(fleet.home.root, file.split("/").at(-1) ?? "");
  copyFileSync(join(PROJECT_FOLDER, file), target);
  chmodSync(target, 0o755);
  return target;
}

function trend(input: Record<string, unknown>): CommandSpec {
  const data = [{ symbol: "SP500", timeframe: "1d" }];
  return commandSpec.parse({ kind: "command", program: "trend-line", input, data, dataFormat: "npy" });
}

const fake = (does: string): CommandSpec => commandSpec.parse({ kind: "command", program: "fake", input: { does } });

async function submit(spec: CommandSpec, change: { deadlineMs?: number } = {}): Promise<string> {
  return (await fleet.client.submit(submitRequest.parse({ spec, ...change }))).operationId;
}

async function reached(id: string, isThere: (operation: OperationDetail) => boolean): Promise<OperationDetail> {
  await until(60_000, `operation ${id} is there`, async () => isThere(await fleet.client.showOperation(id)));
  return fleet.client.showOperation(id);
}

const isOver = ({ status }: OperationDetail): boolean => TERMINAL_STATUSES.includes(status);
const hasProgress = ({ status, progress }: OperationDetail): boolean => status === "running" && progress !== null;

async function logOf(id: string): Promise<string> {
  return (await fleet.client.operationLogs(id)).lines.map(({ text }) => text).join("\n");
}

async function savedIn(id: string): Promise<OperationDetail> {
  await until(30_000, "the run is saved", async () => {
    const { events } = await fleet.client.operationEvents(id);
    return events.some(({ type }) => type === "checkpoint");
  });
  return fleet.client.showOperation(id);
}

const isLinux = process.platform === "linux";

/** Linux: processes that run within a work folder of this fleet, or were told its specification. */
function programsAlive(): string[] {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return processes.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`KTRDR_WORK_FOLDER=${fleet.home.root}`);
    } catch {
      // It ended meanwhile, or belongs to somebody else.
      return false;
    }
  });
}

function workFolders(workerId: string): string[] {
  const work = join(fleet.home.nodes, workerId, "work");
  return existsSync(work) ? readdirSync(work) : [];
}

it("waits where no node allows the program, says what to do, and runs where one does", async () => {
  const id = await submit(trend({ epochs: 20 }));
  const waiting = await reached(id, ({ waitingReason }) => waitingReason !== null);
  expect(waiting.waitingReason).toBe(
    "no connected worker allows the program trend-line; its operator allows it with `ktrdr node start --type cpu_training --program trend-line=/path/to/program`",
  );
  await fleet.startNodes(["open"], flags);
  const operation = await reached(id, isOver);
  expect(operation).toMatchObject({ status: "completed", workerId: "open", result: { summary: { epochs: 20 } } });
  expect(JSON.parse(Buffer.from(await fleet.client.operationResult(id)).toString())).toMatchObject({ epoch: 20 });
  expect(workFolders("open")).toEqual([]);
});

it("goes from the command line to a file", async () => {
  const file = join(fleet.home.root, "trend.json");
  const environment = { KTRDR_HOME: fleet.home.root, KTRDR_URL: fleet.url, KTRDR_TOKEN: fleet.token };
  const words = ["run", "trend-line", "--symbol", "SP500", "--data-format", "npy", "--set", "epochs=20", "-o", file];
  const surroundings = testSurroundings(environment);
  expect(await runCommand(words, surroundings), surroundings.stderr.text()).toBe(0);
  expect(surroundings.stdout.text()).toContain("slope");
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ epoch: 20 });
});

it.skipIf(!isLinux)(
  "ends a program that ignores SIGTERM when it is cancelled or past its deadline, with its children (skipped without /proc)",
  async () => {
    const id = await submit(fake("ignoreSigterm"));
    await reached(id, hasProgress);
    expect(programsAlive().length).toBeGreaterThan(1);
    await fleet.client.cancelOperation(id);
    expect((await reached(id, isOver)).status).toBe("cancelled");
    expect(programsAlive()).toEqual([]);
    const late = await submit(fake("ignoreSigterm"), { deadlineMs: Date.now() + 2_000 });
    expect((await reached(late, isOver)).status).toBe("failed");
    await until(15_000, "the program is gone", async () => programsAlive().length === 0);
  },
);

it("shows the last lines of a program that fails, once", async () => {
  const spec = commandSpec.parse({ kind: "command", program: "fake", input: { does: "fail", code: 3 } });
  const operation = await reached(await submit(spec), isOver);
  expect(operation).toMatchObject({ status: "failed", attempt: 1 });
  expect(operation.error?.detail).toBe("The program ended with code 3:\nthe matrix is singular");
});

it.skipIf(!isLinux)(
  "leaves no orphan when the node is killed with -9, and goes on from its checkpoint with the next (skipped without /proc)",
  async () => {
    const whole = await reached(await submit(trend({ ...LONG, pause_ms: 0 })), isOver);
    const id = await submit(trend(LONG));
    expect((await savedIn(id)).workerId).toBe("open");
    expect(programsAlive().length).toBeGreaterThan(0);
    killGroup(fleet.nodes.get("open")?.pid ?? 0, "SIGKILL");
    await until(10_000, "the program is gone", async () => programsAlive().length === 0);
    await fleet.startNodes(["other"], flags);
    const operation = await reached(id, isOver);
    expect(operation).toMatchObject({ status: "completed", workerId: "other", attempt: 2 });
    expect(await logOf(id)).toMatch(/goes on after epoch \d+0$/m);
    expect(operation.result?.sha256).toBe(whole.result?.sha256);
  },
);

it.skipIf(!isLinux)("saves where it is when the node leaves (skipped without /proc)", async () => {
  const id = await submit(trend({ ...LONG, epochs: 400 }));
  await reached(id, hasProgress);
  const node = fleet.nodes.get("other");
  await node?.stop(8_000);
  expect(programsAlive()).toEqual([]);
  const { events } = await fleet.client.operationEvents(id);
  expect(events.some(({ type }) => type === "checkpoint")).toBe(true);
  expect(workFolders("other")).toEqual([]);
  await fleet.client.cancelOperation(id);
});
