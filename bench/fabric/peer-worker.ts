/** A worker process of one of the peers, with each library's defaults. */
import { setTimeout as sleep } from "node:timers/promises";
import { now } from "./clock.ts";
import { connectPeer } from "./peers.ts";
import type { Job, WorkerTask } from "./queue.ts";
import { startReporter, tell } from "./start-reports.ts";

const task = JSON.parse(process.argv[2]!) as WorkerTask;
const report = startReporter(task);
let count = 0;

async function work(job: Job): Promise<void> {
  count++;
  report(count, now());
  if (job.busy) burn(job.durationMs);
  else if (job.durationMs > 0) await sleep(job.durationMs);
}

function burn(durationMs: number): void {
  const until = now() + durationMs;
  while (now() < until);
}

const client = connectPeer(task.broker, task.queue, task.connection);
await client.prepare();
await client.work(task.slots, work);
tell({ type: "ready" });
