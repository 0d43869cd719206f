/**
 * Measures the registry's core alone, on `node:sqlite` in a file: the cost of a job, and the statements that cost most.
 * No socket, no HTTP, no workerd: the rest of the job's way lies in those.
 *
 *   node bench/fabric/scheduler.ts [--jobs 5000] [--slots 10] [--queued 0] [--json]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  type Outcome,
  registryConfig,
  Scheduler,
  type Sql,
  type SqlValue,
  type Submission,
} from "../../durable-objects/scheduler/index.ts";
import { type Lease, type NodeMessage, registerRequest, submitRequest } from "../../protocol/index.ts";
import { nodeSql } from "../../test/support/node-sql.ts";

const { values: flags } = parseArgs({
  options: {
    jobs: { type: "string", default: "5000" },
    slots: { type: "string", default: "10" },
    queued: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});
const jobs = Number(flags.jobs);
const slots = Number(flags.slots);
type LaterMessage = Exclude<NodeMessage, { type: "hello" }>;
const BATCH = 1_000;
const WORKER = "bench";
const SHOWN_STATEMENTS = 24;

interface Cost {
  calls: number;
  ms: number;
}
const statements = new Map<string, Cost>();

/** Takes the time of every statement; `ms` of a transaction is its begin and commit, without what happens inside. */
function timed(sql: Sql): Sql {
  const take = <T>(query: string, work: () => T): T => {
    const startedAt = performance.now();
    const value = work();
    const ms = performance.now() - startedAt;
    add(query, ms);
    return value;
  };
  return {
    all: <Row>(query: string, ...values: SqlValue[]) => take(query, () => sql.all<Row>(query, ...values)),
    run: (query, ...values) => take(query, () => sql.run(query, ...values)),
    transaction(work) {
      const startedAt = performance.now();
      let workMs = 0;
      const value = sql.transaction(() => {
        const workStartedAt = performance.now();
        const inner = work();
        workMs = performance.now() - workStartedAt;
        return inner;
      });
      add("(begin and commit)", performance.now() - startedAt - workMs);
      return value;
    },
  };
  function add(query: string, ms: number): void {
    const key = query.replace(/\s+/g, " ").trim();
    const cost = statements.get(key) ?? { calls: 0, ms: 0 };
    cost.calls++;
    cost.ms += ms;
    statements.set(key, cost);
  }
}

const folder = mkdtempSync(join(tmpdir(), "ktrdr-bench-scheduler-"));
const sql = nodeSql(join(folder, "registry.sqlite"));
try {
  sql.all("PRAGMA journal_mode = WAL");
  sql.run("PRAGMA synchronous = NORMAL");
  run();
} finally {
  sql.close();
  rmSync(folder, { recursive: true, force: true });
}

function run(): void {
  const scheduler = new Scheduler(timed(sql), registryConfig.parse({}));
  const now = Date.now();
  let made = 0;
  const submission = (): Submission => ({
    request: submitRequest.parse({ spec: { kind: "sleep", durationMs: 0 } }),
    operationId: `op_${String(++made).padStart(26, "0")}`,
    idempotency: null,
  });
  const batch = (count: number): Submission[] => Array.from({ length: count }, submission);
  for (let left = Number(flags.queued); left > 0; left -= BATCH)
    scheduler.operations.submit(batch(Math.min(BATCH, left)), now);
  const capabilities = { slots, kinds: ["sleep"] };
  const registration = registerRequest.parse({ workerId: WORKER, workerType: "backtesting", capabilities });
  const { epoch } = scheduler.workers.register(registration, "hash", now).value;
  const hello: Extract<NodeMessage, { type: "hello" }> = {
    type: "hello",
    protocolVersion: 1,
    epoch: epoch + 1,
    softwareVersion: "benchmark",
    capabilities: registration.capabilities,
    leases: [],
    draining: false,
  };
  const assigned: Lease[] = [];
  const take = <T>(outcome: Outcome<T>): void => {
    for (const effect of outcome.effects) {
      if (effect.type === "send" && effect.message.type === "assign") assigned.push(effect.message);
    }
    scheduler.nextDueAt(now);
  };
  take(scheduler.sessions.hello(WORKER, hello, now));

  /** As a node does: messages about all of its slots share a frame. */
  const drain = (count: number): void => {
    for (let left = count; left > 0; ) {
      const held = assigned.splice(0, Math.min(slots, left));
      const result = { sha256: null, bytes: 0, mediaType: "application/json", summary: {} };
      const messages = held.map(
        ({ operationId, attempt }): LaterMessage => ({ type: "complete", operationId, attempt, result }),
      );
      take(scheduler.sessions.receiveAll(WORKER, epoch + 1, messages, now));
      left -= held.length;
    }
  };
  const one = (count: number): void => {
    for (let job = 0; job < count; job++) {
      take(scheduler.operations.submit([submission()], now));
      drain(1);
    }
  };
  one(BATCH); // The compiler settles.
  statements.clear();
  report(`one by one, ${slots} slots`, jobs, () => one(jobs));
  statements.clear();
  report(`bulk, ${slots} slots`, jobs, () => {
    for (let left = jobs; left > 0; left -= BATCH) take(scheduler.operations.submit(batch(Math.min(BATCH, left)), now));
    drain(jobs);
  });
}

function report(title: string, count: number, work: () => void): void {
  const startedAt = performance.now();
  work();
  const totalMs = performance.now() - startedAt;
  const sqlMs = [...statements.values()].reduce((sum, { ms }) => sum + ms, 0);
  const microseconds = (ms: number): number => Number(((ms * 1_000) / count).toFixed(1));
  const costly = [...statements].toSorted(([, left], [, right]) => right.ms - left.ms).slice(0, SHOWN_STATEMENTS);
  const summary = {
    jobs: count,
    jobs_per_second: Math.round((count / totalMs) * 1_000),
    microseconds_a_job: microseconds(totalMs),
    microseconds_in_sql_a_job: microseconds(sqlMs),
    statements_a_job: Number(([...statements.values()].reduce((sum, { calls }) => sum + calls, 0) / count).toFixed(1)),
  };
  if (flags.json) {
    const top = costly.map(([query, { calls, ms }]) => ({
      query,
      calls_a_job: calls / count,
      us_a_job: microseconds(ms),
    }));
    console.log(JSON.stringify({ title, ...summary, statements: top }));
    return;
  }
  console.log(`\n${title}: ${JSON.stringify(summary)}`);
  for (const [query, { calls, ms }] of costly) {
    const perJob = (calls / count).toFixed(2).padStart(6);
    console.log(`${String(microseconds(ms)).padStart(8)} µs ${perJob} calls a job  ${query.slice(0, 110)}`);
  }
}
