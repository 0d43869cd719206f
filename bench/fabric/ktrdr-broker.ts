/** ktrdr's self-hosted plane with nodes that enrol as any other; a queue is a control plane of its own. */
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { pathOf, ROUTES, type SubmitRequest, submitRequest, wire } from "../../protocol/index.ts";
import { Fleet } from "../../test/support/fleet.ts";
import { HttpLine } from "./http-line.ts";
import type { Broker, Job, Queue, QueueWorker, Submitter, WorkerOptions } from "./queue.ts";
import { startWorkerProcess } from "./worker-process.ts";

const submitWire = wire(submitRequest);
const WORKER_PROGRAM = new URL("./ktrdr-worker.ts", import.meta.url);

/** Single submissions go over a line that is held open, as a peer's client holds its connection to its server. */
export async function startKtrdr(): Promise<Broker> {
  return {
    name: "ktrdr",
    description: `ktrdr ${packageJson.version}, self-hosted plane, submissions over a socket`,
    openQueue: async () => ktrdrQueue(await Fleet.start(), lineSubmitter),
    stop: async () => {},
  };
}

/** Each submission is a request on a kept-alive connection. */
export async function startKtrdrOverHttp(): Promise<Broker> {
  return {
    name: "ktrdr over HTTP",
    description: `ktrdr ${packageJson.version}, self-hosted plane, a request for each submission`,
    openQueue: async () => ktrdrQueue(await Fleet.start(), requestSubmitter),
    stop: async () => {},
  };
}

async function lineSubmitter({ client }: Fleet): Promise<Submitter> {
  const line = await client.submissionLine();
  return {
    one: async (job) => void (await line.submit(operationOf(job))),
    bulk: async (jobs) => void (await line.submitBatch(jobs.map(operationOf))),
    close: () => line.close(),
  };
}

async function requestSubmitter({ url, token }: Fleet): Promise<Submitter> {
  const line = new HttpLine(url, token);
  const post = (path: string, body: unknown): Promise<void> => line.post(path, body);
  return {
    one: (job) => post(pathOf(ROUTES.submit), submitWire.encode(operationOf(job))),
    bulk: (jobs) =>
      post(pathOf(ROUTES.submitBatch), { operations: jobs.map((job) => submitWire.encode(operationOf(job))) }),
    close: async () => line.close(),
  };
}

function operationOf({ durationMs, busy }: Job): SubmitRequest {
  return submitRequest.parse({ spec: { kind: "sleep", durationMs, busy } });
}

function ktrdrQueue(fleet: Fleet, submitterTo: (fleet: Fleet) => Promise<Submitter>): Queue {
  const workers: QueueWorker[] = [];
  return {
    submitter: () => submitterTo(fleet),
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
