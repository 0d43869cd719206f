/** Measures every queue in the same ways. Each function opens a queue of its own and leaves nothing behind. */
import { setTimeout as sleep } from "node:timers/promises";
import { HOUR_MS } from "../../protocol/durations.ts";
import { now, percentile } from "./clock.ts";
import { type Broker, type Job, NOTHING, type Queue, type Submitter } from "./queue.ts";

const BATCH_JOBS = 1_000;
/** A worker that has just come has things to do; it is idle after this. */
const SETTLE_MS = 1_000;
const HOLD: Job = { durationMs: HOUR_MS, busy: false };
const WARM_UP_JOBS = 200;

interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly submitP50Ms: number;
}

/** From the call that submits to the first line of the job, one job at a time, on a worker that waits. */
export function latency(broker: Broker, jobs: number): Promise<Latency> {
  return withQueue(broker, async (queue, submitter) => {
    const worker = await queue.startWorker({ name: "idle", slots: 1, jobs: WARM_UP_JOBS + jobs, prompt: true });
    await sleep(SETTLE_MS);
    const waits: number[] = [];
    const submits: number[] = [];
    for (let job = 1; job <= WARM_UP_JOBS + jobs; job++) {
      const submittedAt = now();
      const accepted = submitter.one(NOTHING).then(() => now());
      const startedAt = await worker.started(job, 30_000);
      if (startedAt === null) throw new Error(`job ${job} did not start within 30 s`);
      const acceptedAt = await accepted;
      // The queue has to learn that the job ended, and the pause keeps the steps from falling into one rhythm.
      await sleep(2 + (job % 9));
      if (job <= WARM_UP_JOBS) continue;
      waits.push(startedAt - submittedAt);
      submits.push(acceptedAt - submittedAt);
    }
    return { p50Ms: percentile(waits, 50), p99Ms: percentile(waits, 99), submitP50Ms: percentile(submits, 50) };
  });
}

interface Throughput {
  readonly jobsPerSecond: number;
  readonly submittedPerSecond: number;
  /** Fewer than were asked for when the time was over. */
  readonly done: number;
}

/** From the first submission to the start of the last job, with the worker running throughout. */
export function throughput(
  broker: Broker,
  { manner, slots, jobs, limitMs }: { manner: "one" | "bulk"; slots: number; jobs: number; limitMs: number },
): Promise<Throughput> {
  return withQueue(broker, async (queue, submitter) => {
    const worker = await queue.startWorker({ name: "steady", slots, jobs: WARM_UP_JOBS + jobs, prompt: false });
    await sleep(SETTLE_MS);
    await warmUp(submitter, manner);
    await worker.started(WARM_UP_JOBS, limitMs);
    await sleep(SETTLE_MS);
    const before = worker.starts().count;
    const startedAt = now();
    const deadline = startedAt + limitMs;
    const finished = worker.started(before + jobs, limitMs);
    let submitted = 0;
    while (submitted < jobs && now() < deadline) {
      if (manner === "one") await submitter.one(NOTHING);
      else await submitter.bulk(batchOf(Math.min(BATCH_JOBS, jobs - submitted)));
      submitted += manner === "one" ? 1 : Math.min(BATCH_JOBS, jobs - submitted);
    }
    const submittedAt = now();
    const endedAt = (await finished) ?? now();
    const done = worker.starts().count - before;
    return {
      jobsPerSecond: (done / (endedAt - startedAt)) * 1_000,
      submittedPerSecond: (submitted / (submittedAt - startedAt)) * 1_000,
      done,
    };
  });
}

async function warmUp(submitter: Submitter, manner: "one" | "bulk"): Promise<void> {
  if (manner === "bulk") await submitter.bulk(batchOf(WARM_UP_JOBS));
  else for (let job = 0; job < WARM_UP_JOBS; job++) await submitter.one(NOTHING);
}

function batchOf(count: number): Job[] {
  return Array.from({ length: count }, () => NOTHING);
}

/** Seconds from the SIGKILL of the worker that holds a job to its start on another, idle one; null: not within the limit. */
export function recovery(broker: Broker, limitMs: number): Promise<number | null> {
  return withQueue(broker, async (queue, submitter) => {
    const first = await queue.startWorker({ name: "first", slots: 1, jobs: 1, prompt: true });
    await submitter.one(HOLD);
    if ((await first.started(1, 30_000)) === null) throw new Error("the job did not start");
    const second = await queue.startWorker({ name: "second", slots: 1, jobs: 1, prompt: true });
    await sleep(2 * SETTLE_MS);
    const killedAt = now();
    await first.kill();
    const startedAt = await second.started(1, limitMs);
    return startedAt === null ? null : (startedAt - killedAt) / 1_000;
  });
}

/** As `recovery`, with no second worker: the same one is started again at once, as its supervisor would. */
export function restart(broker: Broker, limitMs: number): Promise<number | null> {
  return withQueue(broker, async (queue, submitter) => {
    const first = await queue.startWorker({ name: "same", slots: 1, jobs: 1, prompt: true });
    await submitter.one(HOLD);
    if ((await first.started(1, 30_000)) === null) throw new Error("the job did not start");
    await sleep(SETTLE_MS);
    const killedAt = now();
    await first.kill();
    const again = await queue.startWorker({ name: "same", slots: 1, jobs: 1, prompt: true });
    const startedAt = await again.started(1, limitMs);
    return startedAt === null ? null : (startedAt - killedAt) / 1_000;
  });
}

/** Counts the starts of one job that burns its thread's processor for `busyMs`, while a second worker stands by. */
export function blocked(broker: Broker, busyMs: number): Promise<number> {
  return withQueue(broker, async (queue, submitter) => {
    const workers = [
      await queue.startWorker({ name: "first", slots: 1, jobs: 1, prompt: true }),
      await queue.startWorker({ name: "second", slots: 1, jobs: 1, prompt: true }),
    ];
    await submitter.one({ durationMs: busyMs, busy: true });
    // A second start, if it comes, comes at the latest when the first one's process answers again.
    await sleep(busyMs + 15_000);
    return workers.reduce((sum, worker) => sum + worker.starts().count, 0);
  });
}

async function withQueue<T>(broker: Broker, work: (queue: Queue, submitter: Submitter) => Promise<T>): Promise<T> {
  const queue = await broker.openQueue();
  try {
    const submitter = await queue.submitter();
    try {
      return await work(queue, submitter);
    } finally {
      await submitter.close();
    }
  } finally {
    await queue.close();
  }
}
