/**
 * A compute node as `ktrdr node start` runs it, in a process of the benchmark: the same agent, job threads and log. The one
 * difference is that the moment at which a job begins in its thread is written down.
 */
import { join } from "node:path";
import { setEnvironmentData } from "node:worker_threads";
import { Agent, createLog, resolveSettings } from "../../compute-node/agent/index.ts";
import { MarketDataStore } from "../../compute-node/market-data/index.ts";
import type { WorkerTask } from "./queue.ts";
import { START_TIMES } from "./start-clock.ts";
import { startReporter, tell } from "./start-reports.ts";

const task = JSON.parse(process.argv[2]!) as WorkerTask;
const { home, url, token } = task.connection;

const shared = new SharedArrayBuffer(16);
setEnvironmentData(START_TIMES, shared);
const count = new Int32Array(shared, 0, 1);
const newestAt = new Float64Array(shared, 8, 1);

const { settings } = resolveSettings({
  flags: { url, token, home, workerId: task.name, slots: String(task.slots), healthPort: "0" },
  environment: {},
});
const agent = new Agent({
  settings,
  marketData: new MarketDataStore(join(settings.home, "data")),
  log: await createLog(settings.logLevel, settings.workerId),
  softwareVersion: "benchmark",
  credentialFile: join(settings.home, "nodes", settings.workerId, "credential.json"),
  jobProgram: new URL("./timed-job-thread.ts", import.meta.url),
});
await agent.start();
void watchStarts();
const connected = setInterval(() => {
  if (!agent.health().connected) return;
  clearInterval(connected);
  tell({ type: "ready" });
}, 5);

async function watchStarts(): Promise<void> {
  const report = startReporter(task);
  for (let seen = 0; ; ) {
    await Atomics.waitAsync(count, 0, seen, 50).value;
    seen = Atomics.load(count, 0);
    report(seen, newestAt[0]!);
  }
}
