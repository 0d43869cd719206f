/**
 * One object with many sockets and a deep queue: memory, and how long a free slot waits for its next operation.
 * `FULL_LOAD=1` is 1,000 sockets and 100,000 operations; the ordinary size keeps the test honest and short.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { submitRequest } from "../../protocol/index.ts";
import { Fleet } from "../support/fleet.ts";

const isFull = process.env.FULL_LOAD === "1";
const SOCKETS = isFull ? 1000 : 150;
const OPERATIONS = isFull ? 100_000 : 8000;
const DISPATCH_MS = isFull ? 20_000 : 5000;

interface Assignment {
  type: string;
  operation_id: string;
  attempt: number;
}

let fleet: Fleet;
const sockets: WebSocket[] = [];
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(async () => {
  for (const socket of sockets) socket.terminate();
  await fleet?.stop();
});

/** A node of one slot that ends each operation in the moment it gets it. Connects as a node does, and runs nothing. */
async function connect(
  index: number,
  token: string,
  onAssign: (message: Assignment, socket: WebSocket) => void,
): Promise<void> {
  const workerId = `stand-in-${index}`;
  const response = await fetch(`${fleet.url}/api/v1/workers/register`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ worker_id: workerId, worker_type: "backtesting", capabilities: { kinds: ["sleep"] } }),
  });
  const { credential, epoch } = (await response.json()) as { credential: string; epoch: number };
  const socket = new WebSocket(`${fleet.url.replace("http", "ws")}/api/v1/workers/${workerId}/socket`, "ktrdr.v1", {
    headers: { authorization: `Bearer ${credential}` },
  });
  sockets.push(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("open", () => {
      const capabilities = { slots: 1, kinds: ["sleep"] };
      const hello = {
        type: "hello",
        protocol_version: 1,
        epoch: epoch + 1,
        software_version: "0",
        capabilities,
        leases: [],
      };
      socket.send(JSON.stringify(hello));
    });
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Assignment | Assignment[];
      for (const message of Array.isArray(frame) ? frame : [frame]) {
        if (message.type === "welcome") resolve();
        if (message.type === "assign") onAssign(message, socket);
      }
    });
  });
}

/** Resident memory of the workerd below the control plane's process. */
function workerdMegabytes(): number {
  const children = execFileSync("ps", ["-eo", "pid,pgid,comm"]).toString().split("\n");
  const pid = children
    .map((line) => line.trim().split(/\s+/))
    .find(([, group, name]) => Number(group) === fleet.planePid && name === "workerd")?.[0];
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(status.match(/VmRSS:\s+(\d+)/)![1]) / 1024);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

describe("one registry object", () => {
  it(`serves ${SOCKETS} sockets with ${OPERATIONS} operations in its queue, each handed out once`, async () => {
    const { client } = fleet;
    const request = submitRequest.parse({ spec: { kind: "sleep", durationMs: 0 } });
    for (let sent = 0; sent < OPERATIONS; sent += 1000) await client.submitBatch(Array(1000).fill(request));
    const queuedMegabytes = workerdMegabytes();

    const { token } = await client.createEnrolment({ name: "load", maxUses: SOCKETS, ttlMs: 600_000 });
    const assigned = new Set<string>();
    const freeSince = new Map<WebSocket, number>();
    const waits: number[] = [];
    let isCounting = false;
    let repeated = 0;
    const onAssign = (message: Assignment, socket: WebSocket): void => {
      if (assigned.has(message.operation_id)) repeated++;
      assigned.add(message.operation_id);
      const since = freeSince.get(socket);
      if (isCounting && since !== undefined) waits.push(performance.now() - since);
      const lease = { operation_id: message.operation_id, attempt: message.attempt };
      const result = { sha256: null, bytes: 0, media_type: "text/plain", summary: {} };
      setTimeout(() => {
        freeSince.set(socket, performance.now());
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "complete", ...lease, result }));
      }, 250);
    };
    for (let index = 0; index < SOCKETS; index += 25) {
      await Promise.all(
        Array.from({ length: Math.min(25, SOCKETS - index) }, (_, k) => connect(index + k, token, onAssign)),
      );
    }
    const before = assigned.size;
    isCounting = true;
    await new Promise((resolve) => setTimeout(resolve, DISPATCH_MS));
    isCounting = false;
    const perSecond = ((assigned.size - before) / DISPATCH_MS) * 1000;
    waits.sort((a, b) => a - b);
    console.log(
      `${SOCKETS} sockets, ${OPERATIONS} queued: workerd ${queuedMegabytes} MB with the queue, ${workerdMegabytes()} MB with the sockets; ` +
        `${Math.round(perSecond)} operations/s; a free slot waited p50 ${percentile(waits, 0.5).toFixed(1)} ms, p99 ${percentile(waits, 0.99).toFixed(1)} ms`,
    );
    expect((await client.listWorkers()).total).toBe(SOCKETS);
    expect(assigned.size).toBeGreaterThan(SOCKETS);
    expect(repeated).toBe(0);
  });
});
