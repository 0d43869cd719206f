/** ktrdr's self-hosted plane with nodes that enrol as any other; a queue is a control plane of its own. */
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { API_PREFIX } from "../../protocol/index.ts";
import { Fleet } from "../../test/support/fleet.ts";
import type { Broker, Job, Queue, QueueWorker, WorkerOptions } from "./queue.ts";
import { startWorkerProcess } from "./worker-process.ts";

const WORKER_PROGRAM = new URL("./ktrdr-worker.ts", import.meta.url);

export async function startKtrdr(): Promise<Broker> {
  return {
    name: "ktrdr",
    description: `ktrdr ${packageJson.version}, self-hosted plane`,
    openQueue: async () => ktrdrQueue(await Fleet.start()),
    stop: async () => {},
  };
}

function specOf({ durationMs, busy }: Job) {
  return { kind: "sleep", durationMs, busy } as const;
}

function ktrdrQueue(fleet: Fleet): Queue {
  const workers: QueueWorker[] = [];
  return {
    async submitter() {
      const { client } = fleet;
      return {
        one: async (job) => void (await client.submit({ spec: specOf(job) })),
        bulk: (jobs) => submitBatch(fleet, jobs),
        close: async () => {},
      };
    },
    async startWorker(options: WorkerOptions) {
      const enrolment = await fleet.client.createEnrolment({ name: options.name });
      const connection = { url: fleet.url, home: fleet.home.root, token: enrolment.token };
      const task = { ...options, broker: "ktrdr", queue: "default", connection };
      const worker = await startWorkerProcess(WORKER_PROGRAM, task, join(fleet.home.root, `${options.name}.log`));
      workers.push(worker);
      return worker;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.kill()));
      await fleet.stop();
    },
  };
}

async function submitBatch(fleet: Fleet, jobs: readonly Job[]): Promise<void> {
  const operations = jobs.map(({ durationMs, busy }) => ({
    spec: { kind: "sleep", duration_ms: durationMs, busy },
  }));
  const response = await fetch(`${fleet.url}${API_PREFIX}/operations:batch`, {
    method: "POST",
    headers: { authorization: `Bearer ${fleet.token}`, "content-type": "application/json" },
    body: JSON.stringify({ operations }),
  });
  const text = await response.text();
  if (response.status !== 202) throw new Error(`the batch was answered with ${response.status}: ${text.slice(0, 300)}`);
}
