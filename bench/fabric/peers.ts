/** The three libraries behind one shape, as their manuals say. They live in a package of their own beside this file. */
import { createRequire } from "node:module";
import type { Job } from "./queue.ts";

interface PeerClient {
  /** Connects, and creates the queue's tables or keys. */
  prepare(): Promise<void>;
  one(job: Job): Promise<void>;
  bulk(jobs: readonly Job[]): Promise<void>;
  work(slots: number, handler: (job: Job) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

const requirePeer = createRequire(import.meta.url);

export function connectPeer(broker: string, queue: string, connection: Readonly<Record<string, string>>): PeerClient {
  switch (broker) {
    case "bullmq":
      return bullmq(queue, Number(connection.port));
    case "pg-boss":
      return pgBoss(queue, connection.url!);
    case "graphile-worker":
      return graphileWorker(queue, connection.url!);
    default:
      throw new Error(`there is no peer ${broker}`);
  }
}

/** The version that is installed. Throws when it is not. */
export function peerVersion(packageName: string): string {
  return (requirePeer(`./node_modules/${packageName}/package.json`) as { version: string }).version;
}

interface BullMq {
  Queue: new (
    name: string,
    options: object,
  ) => {
    waitUntilReady(): Promise<unknown>;
    add(name: string, data: Job): Promise<unknown>;
    addBulk(jobs: { name: string; data: Job }[]): Promise<unknown>;
    close(): Promise<void>;
  };
  Worker: new (
    name: string,
    handler: (job: { data: Job }) => Promise<void>,
    options: object,
  ) => {
    on(event: "error", listener: (error: Error) => void): void;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  };
}

function bullmq(name: string, port: number): PeerClient {
  const { Queue, Worker } = requirePeer("bullmq") as BullMq;
  const connection = { host: "127.0.0.1", port };
  const queue = new Queue(name, { connection });
  let worker: InstanceType<typeof Worker> | undefined;
  return {
    prepare: async () => void (await queue.waitUntilReady()),
    one: async (job) => void (await queue.add("job", job)),
    bulk: async (jobs) => void (await queue.addBulk(jobs.map((data) => ({ name: "job", data })))),
    async work(slots, handler) {
      worker = new Worker(name, (job) => handler(job.data), { connection, concurrency: slots });
      worker.on("error", (error) => console.error("bullmq", error));
      await worker.waitUntilReady();
    },
    async close() {
      await worker?.close();
      await queue.close();
    },
  };
}

interface PgBossModule {
  PgBoss: new (
    options: object,
  ) => {
    on(event: "error", listener: (error: Error) => void): void;
    start(): Promise<unknown>;
    getQueue(name: string): Promise<unknown>;
    createQueue(name: string, options: object): Promise<unknown>;
    send(name: string, data: Job): Promise<unknown>;
    insert(name: string, jobs: { data: Job }[]): Promise<unknown>;
    work(name: string, options: object, handler: (jobs: { data: Job }[]) => Promise<void>): Promise<unknown>;
    stop(options: object): Promise<void>;
  };
}

/** With notifications: the default polls every two seconds, and a job then waits for a second on average. */
function pgBoss(queue: string, url: string): PeerClient {
  const { PgBoss } = requirePeer("pg-boss") as PgBossModule;
  const boss = new PgBoss({ connectionString: url, useListenNotify: true });
  boss.on("error", (error) => console.error("pg-boss", error));
  return {
    async prepare() {
      await boss.start();
      if (!(await boss.getQueue(queue))) await boss.createQueue(queue, { notify: true });
    },
    one: async (job) => void (await boss.send(queue, job)),
    bulk: async (jobs) =>
      void (await boss.insert(
        queue,
        jobs.map((data) => ({ data })),
      )),
    async work(slots, handler) {
      // `localConcurrency` fetches one job a poll; batches are how it reaches its best rate.
      await boss.work(queue, { batchSize: slots, burstWhenBatchFull: slots > 1 }, async (jobs) => {
        await Promise.all(jobs.map(({ data }) => handler(data)));
      });
    },
    close: () => boss.stop({ graceful: false }),
  };
}

interface GraphileWorker {
  Logger: new (factory: () => (level: string, message: string) => void) => object;
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJob(task: string, payload: Job): Promise<unknown>;
    addJobs(jobs: { identifier: string; payload: Job }[]): Promise<unknown>;
    release(): Promise<void>;
  }>;
  run(options: object): Promise<{ stop(): Promise<void> }>;
}

function graphileWorker(queue: string, url: string): PeerClient {
  const { Logger, makeWorkerUtils, run } = requirePeer("graphile-worker") as GraphileWorker;
  const logger = new Logger(() => (level, message) => {
    if (level === "error" || level === "warning") console.error("graphile-worker", message);
  });
  let utils: Awaited<ReturnType<typeof makeWorkerUtils>> | undefined;
  let runner: Awaited<ReturnType<typeof run>> | undefined;
  return {
    async prepare() {
      utils = await makeWorkerUtils({ connectionString: url, logger });
      await utils.migrate();
    },
    one: async (job) => void (await utils!.addJob(queue, job)),
    bulk: async (jobs) => void (await utils!.addJobs(jobs.map((payload) => ({ identifier: queue, payload })))),
    async work(slots, handler) {
      runner = await run({
        connectionString: url,
        logger,
        concurrency: slots,
        maxPoolSize: Math.max(10, slots + 2),
        noHandleSignals: true,
        taskList: { [queue]: (payload: Job) => handler(payload) },
      });
    },
    async close() {
      await runner?.stop();
      await utils?.release();
    },
  };
}
