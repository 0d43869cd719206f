/**
 * Our self-hosted plane and its nodes beside the best-known job queues: latency, throughput, and what happens when a
 * worker dies. Every server is started here, on loopback and in a temporary folder, and gone afterwards.
 *
 *   node bench/fabric/run.ts [--quick] [--json] [--install] [--only ktrdr,bullmq] [--measures latency,one] [--write]
 *
 * `--install` fetches the peers' needs: their npm packages into this folder, and, as root, redis-server and
 * PostgreSQL with apt-get. A peer that lacks something is reported as missing, with the reason.
 * `--only ktrdr,ktrdr-http` measures a submission over the held line beside one that is a request.
 * `--write` puts the table into docs/benchmarks.md.
 */
import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { percentile } from "./clock.ts";
import { startKtrdr, startKtrdrOverHttp } from "./ktrdr-broker.ts";
import { blocked, latency, recovery, restart, throughput } from "./measures.ts";
import { startBullmq, startGraphileWorker, startPgBoss } from "./peer-brokers.ts";
import { peerVersion } from "./peers.ts";
import type { Broker } from "./queue.ts";
import { type Cell, markdownTable, type Row, ratioToBestPeer } from "./report.ts";
import { postgresMissing, redisMissing } from "./servers.ts";
import { writeSection } from "./write-section.ts";

const BROKERS = {
  ktrdr: { title: "ktrdr", start: startKtrdr, missing: () => null },
  "ktrdr-http": { title: "ktrdr over HTTP", start: startKtrdrOverHttp, missing: () => null },
  bullmq: { title: "BullMQ", start: startBullmq, missing: () => packageMissing("bullmq") ?? redisMissing() },
  "pg-boss": { title: "pg-boss", start: startPgBoss, missing: () => packageMissing("pg-boss") ?? postgresMissing() },
  "graphile-worker": {
    title: "graphile-worker",
    start: startGraphileWorker,
    missing: () => packageMissing("graphile-worker") ?? postgresMissing(),
  },
} as const satisfies Record<string, { title: string; start: () => Promise<Broker>; missing: () => string | null }>;
type BrokerName = keyof typeof BROKERS;
/** Differs only in how jobs are submitted, so it is measured only on request. */
const ONLY_WHEN_ASKED: BrokerName = "ktrdr-http";

const MEASURES = ["latency", "one", "bulk", "recovery", "restart", "blocked"] as const;
const SLOTS = [1, 10, 50] as const;

const byDefault = Object.keys(BROKERS).filter((name) => name !== ONLY_WHEN_ASKED);
const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    install: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    only: { type: "string", default: byDefault.join(",") },
    measures: { type: "string", default: MEASURES.join(",") },
  },
});
const sizes = flags.quick
  ? { latencyJobs: 100, oneJobs: 500, bulkJobs: 2_000, limitMs: 15_000, recoveryMs: 20_000, busyMs: 5_000 }
  : { latencyJobs: 500, oneJobs: 3_000, bulkJobs: 10_000, limitMs: 30_000, recoveryMs: 75_000, busyMs: 70_000 };

const names = chosen(flags.only, Object.keys(BROKERS)) as BrokerName[];
const measures = chosen(flags.measures, MEASURES);
if (flags.install) install();

const rows: Row[] = [];
const descriptions: string[] = [];
const missing = new Map<string, string>();
const brokers: Broker[] = [];
try {
  for (const name of names) {
    const { title, start, missing: reasonOf } = BROKERS[name];
    const reason = reasonOf();
    if (reason !== null) {
      missing.set(title, reason);
      note(`${title} is missing: ${reason}`);
      continue;
    }
    const broker = await start();
    brokers.push(broker);
    descriptions.push(broker.description);
  }
  for (const measure of measures) await measureAll(measure);
} finally {
  for (const broker of brokers) await broker.stop();
}
print();

async function measureAll(measure: (typeof MEASURES)[number]): Promise<void> {
  switch (measure) {
    case "latency":
      await latencies();
      return;
    case "one":
    case "bulk":
      for (const slots of SLOTS) {
        const jobs = measure === "one" ? sizes.oneJobs : sizes.bulkJobs;
        const title = `${measure === "one" ? "one by one" : "bulk"}, jobs/s, ${slots} slot${slots === 1 ? "" : "s"}`;
        await addRow(title, false, async (broker) => {
          const result = await throughput(broker, { manner: measure, slots, jobs, limitMs: sizes.limitMs });
          const text = result.jobsPerSecond.toFixed(0);
          return {
            value: result.jobsPerSecond,
            text: result.done < jobs ? `${text} (stopped at ${result.done})` : text,
          };
        });
      }
      return;
    case "recovery":
      await addRow("kill -9 to its start on another worker, s", true, async (broker) =>
        secondsCell(await recovery(broker, sizes.recoveryMs)),
      );
      return;
    case "restart":
      await addRow("kill -9 to its start on the same worker, restarted at once, s", true, async (broker) =>
        secondsCell(await restart(broker, sizes.recoveryMs)),
      );
      return;
    case "blocked":
      await addRow(`starts of a job that burns ${sizes.busyMs / 1_000} s of CPU`, true, async (broker) => {
        const starts = await blocked(broker, sizes.busyMs);
        return { value: starts, text: String(starts) };
      });
  }
}

async function latencies(): Promise<void> {
  const p99 = new Map<string, Cell>();
  const submits = new Map<string, Cell>();
  await addRow("submit to start, idle worker, p50 ms", true, async (broker) => {
    const result = await latency(broker, sizes.latencyJobs);
    p99.set(broker.name, { value: result.p99Ms, text: result.p99Ms.toFixed(2) });
    submits.set(broker.name, { value: result.submitP50Ms, text: result.submitP50Ms.toFixed(2) });
    return { value: result.p50Ms, text: result.p50Ms.toFixed(2) };
  });
  rows.push({ measure: "submit to start, idle worker, p99 ms", smallerIsBetter: true, cells: p99 });
  rows.push({ measure: "submit to acknowledgement, p50 ms", smallerIsBetter: true, cells: submits });
}

function secondsCell(seconds: number | null): Cell {
  if (seconds === null) return { value: null, text: `not within ${sizes.recoveryMs / 1_000}` };
  return { value: seconds, text: seconds.toFixed(1) };
}

/** One broker after the other; a fault is shown instead of its figures and does not stop the others. */
async function addRow(
  measure: string,
  smallerIsBetter: boolean,
  work: (broker: Broker) => Promise<Cell>,
): Promise<void> {
  const cells = new Map<string, Cell>();
  for (const broker of brokers) {
    try {
      const cell = await work(broker);
      cells.set(broker.name, cell);
      note(`${broker.name}: ${measure}: ${cell.text}`);
    } catch (error) {
      cells.set(broker.name, { value: null, text: "failed" });
      note(`${broker.name}: ${measure}: failed: ${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = 1;
    }
  }
  rows.push({ measure, smallerIsBetter, cells });
}

function print(): void {
  const titles = brokers.map(({ name }) => name);
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, a durable write of 4 KiB takes ${durableWriteMs().toFixed(2)} ms`;
  if (flags.json) {
    const measured = rows.map(({ measure, smallerIsBetter, cells }) => ({
      measure,
      smaller_is_better: smallerIsBetter,
      figures: Object.fromEntries([...cells].map(([name, { value, text }]) => [name, { value, text }])),
      ratio_to_best_peer: ratioToBestPeer({ measure, smallerIsBetter, cells }, titles[0] ?? ""),
    }));
    console.log(
      JSON.stringify({ machine, brokers: descriptions, missing: Object.fromEntries(missing), measured }, null, 2),
    );
  }
  const lines = [
    `On ${machine}; submitter, worker and broker on the same machine${flags.quick ? "; a quick run" : ""}.`,
    ...descriptions.map((description) => `- ${description}`),
    ...[...missing].map(([title, reason]) => `- ${title} is missing: ${reason}`),
    "",
    markdownTable(rows, titles),
  ];
  if (!flags.json) console.log(`\n${lines.join("\n")}`);
  if (flags.write) writeSection("Fabric", lines.join("\n"));
}

/** Median time of a write and its fdatasync where the servers keep their data: every durable queue pays it. */
function durableWriteMs(): number {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-bench-disk-"));
  try {
    const file = openSync(join(folder, "probe"), "w");
    const page = Buffer.alloc(4_096);
    const times = Array.from({ length: 200 }, () => {
      const startedAt = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - startedAt;
    });
    closeSync(file);
    return percentile(times, 50);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function chosen<T extends string>(list: string, known: readonly T[]): T[] {
  const asked = list.split(",").map((word) => word.trim());
  for (const word of asked) {
    if (known.includes(word as T)) continue;
    console.error(`error: ${word} is unknown\n  cure: choose among ${known.join(", ")}`);
    process.exit(2);
  }
  return known.filter((word) => asked.includes(word));
}

function packageMissing(name: string): string | null {
  try {
    peerVersion(name);
    return null;
  } catch {
    return `its npm package is not installed (npm ci --prefix bench/fabric)`;
  }
}

/** Failures show up as missing peers, with the reason. */
function install(): void {
  const folder = import.meta.dirname;
  attempt("npm", ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  const lacking = [
    ...(redisMissing() === null ? [] : ["redis-server"]),
    ...(postgresMissing() === null ? [] : ["postgresql"]),
  ];
  if (lacking.length === 0) return;
  if (process.getuid?.() !== 0) {
    note(`not root, so ${lacking.join(" and ")} cannot be installed here`);
    return;
  }
  attempt("apt-get", ["update", "-q"]);
  attempt("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...lacking]);
}

function attempt(command: string, words: readonly string[]): void {
  note(`${command} ${words.join(" ")}`);
  try {
    execFileSync(command, words, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  } catch (error) {
    note(`${command} failed: ${(error as Error).message}`);
  }
}

function note(text: string): void {
  console.error(text);
}
