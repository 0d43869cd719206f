/** One shape over every job queue that is measured. */

/** What each job says, for all queues: `durationMs` of waiting, or of burning the processor. */
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
  /** How many jobs it will see at most; the last one is told of at once. */
  readonly jobs: number;
  /** Every start is told of at once instead of now and then. */
  readonly prompt: boolean;
}

/** One queue of its own on a broker that runs. */
export interface Queue {
  submitter(): Promise<Submitter>;
  startWorker(options: WorkerOptions): Promise<QueueWorker>;
  /** Stops what is left of its workers. */
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

/** What a worker process tells the benchmark. */
export type WorkerReport = { type: "ready" } | { type: "started"; count: number; at: number };

/** What the benchmark tells a worker process, as JSON in its only argument. */
export interface WorkerTask extends WorkerOptions {
  readonly broker: string;
  readonly queue: string;
  /** Whatever the broker's adapter needs to connect. */
  readonly connection: Readonly<Record<string, string>>;
}
