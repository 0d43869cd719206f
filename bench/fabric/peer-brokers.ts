/** BullMQ on Redis, pg-boss and graphile-worker on PostgreSQL, each queue in a database of its own. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectPeer, peerVersion } from "./peers.ts";
import type { Broker, Queue, QueueWorker, WorkerOptions } from "./queue.ts";
import { type Server, startPostgres, startRedis } from "./servers.ts";
import { startWorkerProcess } from "./worker-process.ts";

interface PgModule {
  Client: new (
    url: string,
  ) => { connect(): Promise<void>; query(text: string): Promise<unknown>; end(): Promise<void> };
}

const WORKER_PROGRAM = new URL("./peer-worker.ts", import.meta.url);

export async function startBullmq(): Promise<Broker> {
  const version = peerVersion("bullmq");
  const redis = await startRedis();
  let queues = 0;
  return {
    name: "BullMQ",
    description: `BullMQ ${version} on redis-server ${redis.version}, appendfsync always`,
    openQueue: async () => peerQueue("bullmq", `queue${++queues}`, { port: String(redis.port) }, redis),
    stop: () => redis.stop(),
  };
}

export function startPgBoss(): Promise<Broker> {
  return onPostgres("pg-boss", "pg-boss (notify)", "notifications, batches of as many as there are slots");
}

export function startGraphileWorker(): Promise<Broker> {
  return onPostgres("graphile-worker", "graphile-worker", "a connection a slot");
}

async function onPostgres(broker: string, name: string, manner: string): Promise<Broker> {
  const version = peerVersion(broker);
  const postgres = await startPostgres();
  let queues = 0;
  return {
    name,
    description: `${broker} ${version} on PostgreSQL ${postgres.version}, ${manner}`,
    async openQueue() {
      const database = `queue${++queues}`;
      await createDatabase(postgres.port, database);
      const url = `postgres://postgres@127.0.0.1:${postgres.port}/${database}`;
      return peerQueue(broker, "jobs", { url }, postgres);
    },
    stop: () => postgres.stop(),
  };
}

async function createDatabase(port: number, name: string): Promise<void> {
  const { Client } = createRequire(import.meta.url)("pg") as PgModule;
  // It listens a moment before it lets anyone in.
  for (let attempt = 1; ; attempt++) {
    const client = new Client(`postgres://postgres@127.0.0.1:${port}/postgres`);
    try {
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      return;
    } catch (error) {
      if (attempt === 20) throw error;
      await sleep(250);
    } finally {
      await client.end();
    }
  }
}

function peerQueue(broker: string, queue: string, connection: Record<string, string>, server: Server): Queue {
  const workers: QueueWorker[] = [];
  return {
    async submitter() {
      const client = connectPeer(broker, queue, connection);
      await client.prepare();
      return client;
    },
    async startWorker(options: WorkerOptions) {
      const task = { ...options, broker, queue, connection };
      const worker = await startWorkerProcess(WORKER_PROGRAM, task, join(server.folder, `${broker}-workers.log`));
      workers.push(worker);
      return worker;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.kill()));
    },
  };
}
