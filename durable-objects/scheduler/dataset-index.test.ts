import { beforeEach, describe, expect, it } from "vitest";
import { HOUR_MS } from "../../protocol/durations.ts";
import { backtestSpec, type DatasetRef, LIMITS, type RegistryMessage, submitRequest } from "../../protocol/index.ts";
import { nodeSql } from "../../test/support/node-sql.ts";
import { collectableArtefacts, recordArtefact } from "./artefact-index.ts";
import { registryConfig } from "./config.ts";
import type { Effect } from "./effect.ts";
import { Scheduler } from "./scheduler.ts";

const config = registryConfig.parse({});
const hashOf = (number: number) => number.toString(16).padStart(64, "0");
const held = (symbol: string, number: number): DatasetRef => ({ symbol, timeframe: "1d", sha256: hashOf(number) });

let sql: ReturnType<typeof nodeSql>;
let scheduler: Scheduler;
let operations: number;
let now: number;
beforeEach(() => {
  sql = nodeSql();
  scheduler = new Scheduler(sql, config);
  operations = 0;
  now = 1_000_000;
});

function connect(workerId: string, datasets: DatasetRef[] = []): number {
  const capabilities = { slots: 1, kinds: ["backtest"], labels: {}, datasets };
  const identity = {
    workerId,
    workerType: "backtesting" as const,
    endpointUrl: "",
    softwareVersion: "1",
    metadata: {},
  };
  scheduler.workers.register({ ...identity, capabilities }, `hash of ${workerId}`, now);
  const epoch = scheduler.workers.get(workerId).epoch + 1;
  const hello = {
    type: "hello" as const,
    protocolVersion: 1,
    epoch,
    softwareVersion: "1",
    leases: [],
    draining: false,
  };
  scheduler.sessions.hello(workerId, { ...hello, capabilities }, now);
  return epoch;
}

type Assignment = Extract<RegistryMessage, { type: "assign" }> & { workerId: string };

function assignmentsIn(effects: readonly Effect[]): Assignment[] {
  return effects.flatMap((effect) =>
    effect.type === "send" && effect.message.type === "assign"
      ? [{ ...effect.message, workerId: effect.workerId }]
      : [],
  );
}

/** Submits a backtest on daily bars; answers its id and to whom it was handed out at once. */
function backtest(symbol: string, pinned?: number): { operationId: string; assignment: Assignment | undefined } {
  const strategy = {
    kind: "rules",
    name: "x",
    indicators: { a: { type: "sma", period: 2 } },
    entries: { long: "a > 1" },
  };
  const data = { symbol, timeframe: "1d", ...(pinned === undefined ? {} : { sha256: hashOf(pinned) }) };
  const request = submitRequest.parse({ spec: backtestSpec.parse({ kind: "backtest", strategy, data }) });
  const operationId = `op_${String(++operations).padStart(20, "0")}`;
  const { effects } = scheduler.operations.submit([{ request, operationId, idempotency: null }], now);
  return { operationId, assignment: assignmentsIn(effects)[0] };
}

function publish(symbol: string, number: number): Assignment[] {
  recordArtefact(sql, { sha256: hashOf(number), bytes: 48, mediaType: "text/plain" }, now);
  const details = { symbol, timeframe: "1d", rows: 1, firstMs: 0, lastMs: 0, source: "" };
  return assignmentsIn(scheduler.datasets.publish(hashOf(number), details, now).effects);
}

describe("the source of a backtest's data", () => {
  it("is the store for a node that lacks it, after the nodes that hold it", () => {
    connect("a-without");
    connect("b-holder", [held("AAA", 1)]);
    publish("AAA", 1);
    expect(backtest("AAA").assignment).toMatchObject({ workerId: "b-holder", dataset: held("AAA", 1) });
    expect(backtest("AAA").assignment).toMatchObject({ workerId: "a-without", dataset: held("AAA", 1) });
  });

  it("is a node's own disk where the store has nothing", () => {
    connect("a-without");
    connect("b-holder", [held("AAA", 1)]);
    const { assignment } = backtest("AAA");
    expect([assignment?.workerId, assignment?.dataset]).toEqual(["b-holder", undefined]);
    expect(backtest("AAA").assignment).toBeUndefined();
  });

  it("is the newest published version for all, whatever a node holds under that name", () => {
    connect("a-older", [held("AAA", 1)]);
    connect("b-newer", [held("AAA", 2)]);
    publish("AAA", 1);
    publish("AAA", 2);
    expect(backtest("AAA").assignment).toMatchObject({ workerId: "b-newer", dataset: held("AAA", 2) });
    expect(backtest("AAA").assignment).toMatchObject({ workerId: "a-older", dataset: held("AAA", 2) });
  });

  it("is the pinned version, stored or held", () => {
    connect("a-older", [held("AAA", 1)]);
    publish("AAA", 2);
    expect(backtest("AAA", 3).assignment).toBeUndefined();
    expect(backtest("AAA", 1).assignment).toMatchObject({ workerId: "a-older" });
  });

  it("makes a waiting operation run once it is published, and survives a restart", () => {
    connect("a-without");
    const { operationId } = backtest("AAA");
    expect(scheduler.operations.get(operationId).waitingReason).toContain("`ktrdr data push AAA 1d`");
    expect(publish("AAA", 1)).toMatchObject([{ workerId: "a-without", operationId }]);
    scheduler = new Scheduler(sql, config);
    expect(scheduler.datasets.list()).toMatchObject([{ symbol: "AAA", sha256: hashOf(1), isNewest: true, rows: 1 }]);
  });
});

describe("a published dataset's bytes", () => {
  it("are kept as long as it is published, and collected an hour after it was withdrawn", () => {
    publish("AAA", 1);
    publish("BBB", 1);
    expect(collectableArtefacts(sql, now + 1_000 * HOUR_MS, 10)).toEqual([]);
    scheduler.datasets.withdraw(hashOf(1), now);
    expect(scheduler.datasets.list()).toEqual([]);
    expect(collectableArtefacts(sql, now + HOUR_MS - 1, 10)).toEqual([]);
    expect(collectableArtefacts(sql, now + HOUR_MS, 10)).toEqual([hashOf(1)]);
  });
});

describe("a node's list of datasets", () => {
  const many = Array.from({ length: LIMITS.workerDatasets }, (_, index) => held(`S${index}`, index));

  it("comes in several messages, each of which may bring work", () => {
    const epoch = connect("node", many.slice(0, 250));
    const { operationId } = backtest("S300");
    expect(scheduler.operations.get(operationId).status).toBe("queued");
    scheduler.sessions.receive("node", epoch, { type: "datasets", datasets: many.slice(250, 500) }, now);
    expect(scheduler.operations.get(operationId).status).toBe("running");
    scheduler.sessions.receive("node", epoch, { type: "datasets", datasets: many.slice(250, 500) }, now);
    expect(scheduler.workers.get("node").capabilities.datasets).toEqual(many.slice(0, 500));
  });

  it("ends at the limit, with the reason", () => {
    const epoch = connect("node", many);
    const more = { type: "datasets" as const, datasets: [held("MORE", 1)] };
    expect(() => scheduler.sessions.receive("node", epoch, more, now)).toThrow(
      "2001 datasets are over the limit of 2000",
    );
  });
});
