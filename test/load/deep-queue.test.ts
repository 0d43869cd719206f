/**
 * Many sockets on one object and a deep queue, with the memory of the control plane's runtime and how long a free worker
 * waits for its next operation. Small here; 1,000 sockets and 100,000 operations with FULL_LOAD=1.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { submitRequest } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";
import { StandIn } from "./stand-in.ts";

const isFull = process.env.FULL_LOAD === "1";
const SOCKETS = isFull ? 1_000 : 100;
const OPERATIONS = isFull ? 100_000 : 5_000;
const BATCH = 1_000;
const CONNECTING_AT_ONCE = 20;
const SAMPLES = isFull ? 1_000 : 200;
const WORKING_MS = isFull ? 10_000 : 3_000;
/** Far above the measured times; a walk through the queue at every message would be far above this. */
const LATENCY_LIMIT_MS = 250;
const MEMORY_LIMIT_MIB = 1_500;

let fleet: Fleet;
const standIns: StandIn[] = [];
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(async () => {
  for (const standIn of standIns) standIn.close();
  await fleet?.stop();
});

describe("one object", () => {
  it(`holds ${SOCKETS} sockets and ${OPERATIONS} queued operations, and keeps handing out promptly`, async () => {
    const restMib = runtimeMemoryMib();
    await connectAll();
    const connectedMib = runtimeMemoryMib();
    const submitSeconds = await queueAll();
    await until(30_000, "every stand-in holds an operation", async () => standIns.every(({ held }) => held !== null));
    const queuedMib = runtimeMemoryMib();

    const waits: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample++) {
      waits.push(await standIns[(sample * 7) % SOCKETS]!.completeAndWait());
    }
    const before = assignments();
    for (const standIn of standIns) standIn.workOn();
    await sleep(WORKING_MS);
    const perSecond = ((assignments() - before) / WORKING_MS) * 1_000;

    const p50 = percentile(waits, 50);
    const p99 = percentile(waits, 99);
    console.log(
      [
        `${SOCKETS} sockets, ${OPERATIONS} operations queued at ${(OPERATIONS / submitSeconds).toFixed(0)} a second`,
        `memory of the runtime: ${restMib} MiB at rest, ${connectedMib} connected, ${queuedMib} queued`,
        `end of one operation to the next on that worker: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
        `all at once: ${perSecond.toFixed(0)} operations a second`,
      ].join("\n"),
    );
    expect(standIns.every((standIn) => standIn.operationIds.length > 0)).toBe(true);
    expect(p50).toBeLessThan(LATENCY_LIMIT_MS);
    expect(queuedMib).toBeLessThan(MEMORY_LIMIT_MIB);
    const handedOut = standIns.flatMap((standIn) => standIn.operationIds);
    expect(new Set(handedOut).size).toBe(handedOut.length);
  });
});

async function connectAll(): Promise<void> {
  const { token } = await fleet.client.createEnrolment({ maxUses: SOCKETS });
  let next = 0;
  const connecting = async (): Promise<void> => {
    while (next < SOCKETS) standIns.push(await StandIn.connect(fleet.url, token, `stand-in-${next++}`));
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connecting));
}

/** Answers the seconds that it took. */
async function queueAll(): Promise<number> {
  const operation = submitRequest.parse({ spec: { kind: "sleep", durationMs: 0 } });
  const batch = Array.from({ length: BATCH }, () => operation);
  const startedAt = performance.now();
  for (let left = OPERATIONS; left > 0; left -= BATCH) await fleet.client.submitBatch(batch.slice(0, left));
  return (performance.now() - startedAt) / 1_000;
}

function assignments(): number {
  return standIns.reduce((sum, standIn) => sum + standIn.operationIds.length, 0);
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

/** Resident memory of the workerd in the control plane's process group. */
function runtimeMemoryMib(): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const stat = readStat(pid);
    if (stat === null || stat.group !== fleet.planePid || !stat.name.includes("workerd")) continue;
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
    return Math.round(Number(kib) / 1024);
  }
  throw new Error("there is no workerd in the control plane's process group");
}

function readStat(pid: string): { name: string; group: number } | null {
  try {
    const [, name, rest] = /^\d+ \((.*)\) \S+ (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))!;
    return { name: name!, group: Number(rest!.split(" ")[1]) };
  } catch {
    return null; // It ended in between.
  }
}
