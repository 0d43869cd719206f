/**
 * Real processes under attack: wrangler dev, five nodes and 200 operations, while nodes, the control plane and connections
 * are killed, frozen and stalled at random from a seed. `CHAOS_SEED=7` does the same again, as far as processes allow.
 */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import { loadSample, MarketDataStore } from "../../compute-node/market-data/index.ts";
import { parseStrategyFile } from "../../compute-node/strategy/index.ts";
import { backtestSpec, type OperationSpec, submitRequest, TERMINAL_STATUSES } from "../../protocol/index.ts";
import { Fleet, promptly } from "../support/fleet.ts";
import { CuttableLine } from "./cuttable-line.ts";
import { Mischief, NODE_FLAGS } from "./mischief.ts";
import { type Random, randomFrom } from "./random.ts";

const OPERATIONS = 200;
const BACKTESTS = 20;
const MISCHIEF_MS = 45_000;
const HEALED_WITHIN_MS = 100_000;
const NODE_IDS = ["ann", "ben", "cem", "dot", "eva"] as const;

const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1_000_000));

let fleet: Fleet;
let line: CuttableLine;
beforeAll(async () => {
  console.log(`CHAOS_SEED=${seed}`);
  fleet = await Fleet.start({ wrangler: true });
  line = await CuttableLine.open(Number(new URL(fleet.url).port));
  const sample = await loadSample("SP500");
  await new MarketDataStore(fleet.home.data).put(sample.bars, { symbol: "SP500", timeframe: "1d", source: "sample" });
  await fleet.startNodes(NODE_IDS, [...NODE_FLAGS, "--url", line.url]);
});
afterAll(async () => {
  await fleet?.stop();
  await line?.close();
});

interface Expected {
  readonly spec: OperationSpec;
  /** The bytes of a local run; null for an operation that has only a summary. */
  readonly bytes: Uint8Array | null;
}

async function workload(random: Random): Promise<Expected[]> {
  const file = join(PROJECT_FOLDER, "examples/strategies/sma-cross.yaml");
  const strategy = parseStrategyFile(readFileSync(file, "utf8"), file);
  const store = new MarketDataStore(fleet.home.data);
  const { sha256 } = (await store.find("SP500", "1d"))!;
  const bars = await store.open(sha256);
  return Array.from({ length: OPERATIONS }, (_, index): Expected => {
    if (index % (OPERATIONS / BACKTESTS) !== 0) {
      return { spec: { kind: "sleep", durationMs: random.between(50, 500), busy: false }, bytes: null };
    }
    const spec = backtestSpec.parse({
      kind: "backtest",
      strategy,
      data: { symbol: "SP500", timeframe: "1d" },
      settings: { initialCapital: 10_000 + index },
    });
    return { spec, bytes: executeBacktest({ spec, bars, dataSha256: sha256 }).bytes };
  });
}

/** Until it is accepted: the same key with every try, so that a lost answer does not make a second operation. */
async function submitPatiently(spec: OperationSpec): Promise<string> {
  const key = randomUUID();
  for (;;) {
    try {
      return (await fleet.client.submit(submitRequest.parse({ spec, maxAttempts: 20 }), key)).operationId;
    } catch {
      await sleep(200);
    }
  }
}

/** Starts of jobs as the nodes' logs tell them, by operation. */
function executions(): Map<string, number> {
  const starts = new Map<string, number>();
  for (const nodeId of NODE_IDS) {
    const file = join(fleet.home.nodes, nodeId, "node.log");
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    for (const text of lines) {
      const id = /"operation_id":"([^"]+)".*"msg":"job starts"/.exec(text)?.[1];
      if (id !== undefined) starts.set(id, (starts.get(id) ?? 0) + 1);
    }
  }
  return starts;
}

describe("a fleet under attack", () => {
  it(`completes every accepted operation exactly once, with the right bytes`, async () => {
    const random = randomFrom(seed);
    const expected = await workload(random);
    const mischief = new Mischief(fleet, line, random, NODE_IDS);
    const attack = mischief.run(MISCHIEF_MS);
    const accepted = new Map<string, Expected>();
    for (const item of expected) {
      accepted.set(await submitPatiently(item.spec), item);
      await sleep((MISCHIEF_MS * 0.6) / OPERATIONS);
    }
    await attack;
    const healedAt = performance.now();
    await promptly(HEALED_WITHIN_MS, "every operation ended", async () => {
      const { total } = await fleet.client.listOperations({ status: "completed", limit: 1 });
      return total === accepted.size || (await nothingIsOpen());
    });
    const healingMs = performance.now() - healedAt;

    const starts = executions();
    let attempts = 0;
    let lost = 0;
    const wrong: string[] = [];
    for (const [operationId, { spec, bytes }] of accepted) {
      const operation = await fleet.client.showOperation(operationId);
      const { events } = await fleet.client.operationEvents(operationId);
      attempts += operation.attempt;
      lost += events.filter(({ type }) => type === "requeued").length;
      const ends = events.filter(({ type }) => (TERMINAL_STATUSES as readonly string[]).includes(type));
      if (operation.status !== "completed")
        wrong.push(`${operationId} is ${operation.status}: ${operation.error?.detail ?? "no error"}`);
      else if (ends.length !== 1) wrong.push(`${operationId} ended ${ends.length} times`);
      else if (bytes === null) expect(operation.result!.summary).toMatchObject({ duration_ms: durationOf(spec) });
      else if (Buffer.compare(await fleet.client.operationResult(operationId), bytes) !== 0)
        wrong.push(`${operationId}: bytes`);
    }
    const executed = [...starts.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      [
        `seed ${seed}: ${[...mischief.done].map(([deed, count]) => `${deed} ${count}×`).join(", ")}`,
        `accepted ${accepted.size}, completed ${accepted.size - wrong.length}, never started ${accepted.size - starts.size}`,
        `executions ${executed}, of which without effect ${executed - accepted.size}; attempts handed out ${attempts}, taken back ${lost}`,
        `messages fenced off by their attempt number: ${await fencedOff()}`,
        `all done ${(healingMs / 1_000).toFixed(1)} s after the attack`,
      ].join("\n"),
    );
    expect(wrong).toEqual([]);
    expect(accepted.size).toBe(OPERATIONS);
    // No submission became two operations, however often its answer was lost.
    expect((await fleet.client.listOperations({ limit: 1 })).total).toBe(OPERATIONS);
  });
});

/** Counts, by the control plane's metrics, the messages of nodes about attempts that were no longer theirs. */
async function fencedOff(): Promise<number> {
  const response = await fetch(`${fleet.url}/api/v1/metrics/prometheus`, {
    headers: { authorization: `Bearer ${fleet.token}` },
  });
  const value = /^ktrdr_messages_stale_total(?:\{[^}]*\})? (\d+)/m.exec(await response.text())?.[1];
  if (value === undefined) throw new Error("the metrics do not count stale messages");
  return Number(value);
}

async function nothingIsOpen(): Promise<boolean> {
  const open = await Promise.all(
    ["queued", "running"].map((status) => fleet.client.listOperations({ status, limit: 1 })),
  );
  return open.every(({ total }) => total === 0);
}

function durationOf(spec: OperationSpec): number {
  return spec.kind === "sleep" ? spec.durationMs : Number.NaN;
}
