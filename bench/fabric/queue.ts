/** One shape over every job queue that is measured. */

/** A job, the same for all queues: it waits for `durationMs`, or burns the processor for as long. */
export interface Job {
  readonly durationMs: number;
  readonly busy: boolean;
}

export const NOTHING: Job = { durationMs: 0, busy: false };

/** Hands jobs in. Each call resolves when the queue says that the jobs are accepted. */
export interface Submitter {
  one(job: Job): Promise<void>;
  bulk(jobs: readonly Job[]): Promise<void>;
  close(): Promise<void>;
}

/** A running worker process. */
export interface QueueWorker {
  readonly pid: number;
  /** Starts of jobs so far, and the moment of the newest one on the clock of clock.ts. */
  readonly starts: () => { count: number; at: number };
  /** Resolves when `count` jobs have started, or with null after `withinMs`. */
  started(count: number, withinMs: number): Promise<number | null>;
  /** SIGKILL, without a word to anyone. */
  kill(): Promise<void>;
}

export interface WorkerOptions {
  /** Two workers of one name never run at the same time; the same name again is the same worker come back. */
  readonly name: string;
  readonly slots: number;
  /** The most jobs it will see; it reports the last one at once. */
  readonly jobs: number;
  /** Reports every start at once instead of now and then. */
  readonly prompt: boolean;
}

/** One queue of its own on a broker that runs. */
export interface Queue {
  submitter(): Promise<Submitter>;
  startWorker(options: WorkerOptions): Promise<QueueWorker>;
  /** Stops its remaining workers. */
  close(): Promise<void>;
}

/** A broker with its own server, on loopback and in a temporary folder. */
export interface Broker {
  readonly name: string;
  /** Such as `BullMQ 6.7.0 on redis-server 7.0.15, appendfsync always`. */
  readonly description: string;
  openQueue(): Promise<Queue>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** A message from a worker process to the benchmark. */
export type WorkerReport = { type: "ready" } | { type: "started"; count: number; at: number };

/** The task of a worker process, as JSON in its only argument. */
export interface WorkerTask extends WorkerOptions {
  readonly broker: string;
  readonly queue: string;
  /** Whatever the broker's adapter needs to connect. */
  readonly connection: Readonly<Record<string, string>>;
}
