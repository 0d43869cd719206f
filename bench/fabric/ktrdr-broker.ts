/** ktrdr's self-hosted plane with nodes that enrol as any other; a queue is a control plane of its own. */
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { API_PREFIX } from "../../protocol/index.ts";
import { Fleet } from "../../test/support/fleet.ts";
import { HttpLine } from "./http-line.ts";
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

/** As the API takes it. */
function operationOf({ durationMs, busy }: Job) {
  return { spec: { kind: "sleep", duration_ms: durationMs, busy } };
}

function ktrdrQueue(fleet: Fleet): Queue {
  const workers: QueueWorker[] = [];
  return {
    async submitter() {
      const line = new HttpLine(fleet.url, fleet.token);
      return {
        one: (job) => line.post(`${API_PREFIX}/operations`, operationOf(job)),
        bulk: (jobs) => line.post(`${API_PREFIX}/operations:batch`, { operations: jobs.map(operationOf) }),
        close: async () => line.close(),
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
