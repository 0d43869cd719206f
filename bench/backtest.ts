/**
 * Bars per second of a complete backtest, as ratios to a plain C loop and to other libraries.
 *
 * Work: moving-average cross 20/50 on a random walk, signal at the close, fill at the next open, 0.1 % a side, long or
 * flat. Each variant runs in fresh processes, ours and C's in turns, with a warm-up; the median counts.
 * `node bench/backtest.ts [--json] [--rows 10000,1000000]`; `KTRDR_BENCH_PYTHON` names the Python that has the peers.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileLoop } from "./c-loop.ts";
import { median } from "./measure.ts";
import { randomWalk, writeColumns } from "./random-walk.ts";

const SEED = 7;
const ROUNDS = 15;
const PEER_ROUNDS = 3;
/** Fresh processes of ours and of C, in turns. */
const PROCESSES = 5;
/** Our result and C's agree to this relative difference: they round sums in another order. */
const AGREEMENT = 1e-9;

interface Measured {
  readonly seconds: number;
  /** Measured in the quietest round. */
  readonly leastSeconds?: number;
  /** With every statistic and the equity curve. */
  readonly completeSeconds?: number;
  readonly equity: number;
  readonly drawdown: number;
  readonly trades: number;
  readonly checksum?: number;
  readonly version?: string;
  readonly parts?: Readonly<Record<string, number>>;
}
type Outcome = Measured | { readonly missing: string };

interface Row {
  readonly variant: string;
  readonly rows: number;
  readonly outcome: Outcome;
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

/** A program's last line on stdout as JSON; a program that is not there is missing. */
function measure(program: string, values: readonly (string | number)[]): Outcome {
  try {
    const output = execFileSync(program, values.map(String), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Outcome;
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === "ENOENT") return { missing: `${program} is not installed` };
    throw new Error(`${program} ${values.join(" ")} failed: ${stderr?.trim() || (error as Error).message}`);
  }
}

/** The middle one of several processes' outcomes. */
function middle(outcomes: readonly Outcome[]): Outcome {
  const measured = outcomes.filter((outcome) => "seconds" in outcome);
  const seconds = median(measured.map((outcome) => outcome.seconds));
  const chosen = measured.find((outcome) => outcome.seconds === seconds);
  if (chosen === undefined) return outcomes[0];
  return { ...chosen, leastSeconds: Math.min(...measured.map((outcome) => outcome.leastSeconds ?? outcome.seconds)) };
}

function runVariants(rows: number, folder: string): Row[] {
  const data = join(folder, `walk-${rows}.bin`);
  writeColumns(data, randomWalk(rows, SEED));
  const limit = compileLoop(folder);
  const python = process.env.KTRDR_BENCH_PYTHON ?? "python3";
  const ours: Outcome[] = [];
  const scripts: Outcome[] = [];
  const limits: Outcome[] = [];
  for (let turn = 0; turn < PROCESSES; turn++) {
    ours.push(measure(process.execPath, [here("variants/ktrdr.ts"), rows, SEED, ROUNDS]));
    scripts.push(measure(process.execPath, [here("variants/script.ts"), rows, SEED, ROUNDS]));
    limits.push("missing" in limit ? limit : measure(limit.program, [data, rows, ROUNDS]));
  }
  const { parts } = measure(process.execPath, [here("variants/ktrdr.ts"), rows, SEED, ROUNDS, "parts"]) as Measured;
  const peer = (variant: string, program: string, script: string): Row => ({
    variant,
    rows,
    outcome: measure(program, [here(`variants/${script}`), data, rows, PEER_ROUNDS]),
  });
  return [
    { variant: "ktrdr", rows, outcome: { ...(middle(ours) as Measured), parts } },
    { variant: "C loop", rows, outcome: middle(limits) },
    { variant: "ktrdr, TypeScript", rows, outcome: middle(scripts) },
    peer("vectorbt", python, "vectorbt.py"),
    peer("backtesting.py", python, "backtesting_py.py"),
    peer("grademark", process.execPath, "grademark.cjs"),
  ];
}

/** Throws when ours and the C loop do not have the same result: then one of them did other work. */
function checkAgreement([ours, limit, script]: readonly Row[]): void {
  if ("missing" in limit.outcome) return;
  for (const { variant, rows, outcome } of [ours, script]) {
    if ("missing" in outcome) continue;
    for (const figure of ["equity", "drawdown", "trades"] as const) {
      const [left, right] = [outcome[figure], limit.outcome[figure]];
      if (Math.abs(left - right) <= AGREEMENT * Math.abs(right)) continue;
      throw new Error(`At ${rows} bars the ${figure} of ${variant} is ${left} and the C loop's ${right}.`);
    }
  }
}

function printTable(table: readonly Row[]): void {
  const cells = table.map(({ variant, rows, outcome }) => {
    if ("missing" in outcome) return [variant, rows.toLocaleString("en"), `missing: ${outcome.missing}`];
    const ours = table.find((row) => row.variant === "ktrdr" && row.rows === rows)?.outcome as Measured;
    const rate = (rows / outcome.seconds).toPrecision(3);
    const ratio = (outcome.seconds / ours.seconds).toPrecision(3);
    const result = `equity ${outcome.equity.toPrecision(8)}, trades ${outcome.trades}`;
    return [variant, rows.toLocaleString("en"), rate, ratio, result];
  });
  const header = ["variant", "bars", "bars/s", "ktrdr is faster by", "result"];
  const widths = header.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)));
  for (const row of [header, ...cells]) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    );
  }
  for (const { rows, outcome } of table) {
    if ("missing" in outcome || outcome.parts === undefined) continue;
    printLimit(table, rows, outcome);
    const steps = Object.entries(outcome.parts).map(
      ([name, seconds]) => `${name} ${((seconds * 1e9) / rows).toPrecision(3)}`,
    );
    console.log(`\nktrdr at ${rows.toLocaleString("en")} bars, nanoseconds a bar: ${steps.join(", ")}`);
    console.log(`checksum ${outcome.checksum}`);
  }
}

/** Our speed as a share of the C loop's, in the middle and in the quietest round of each. */
function printLimit(table: readonly Row[], rows: number, ours: Measured): void {
  const limit = table.find((row) => row.variant === "C loop" && row.rows === rows)?.outcome;
  if (limit === undefined || "missing" in limit) return;
  const share = (theirs = Number.NaN, mine = Number.NaN) => (theirs / mine).toPrecision(3);
  const summary = `summary ${share(limit.seconds, ours.seconds)} (quietest ${share(limit.leastSeconds, ours.leastSeconds)})`;
  const complete = `every statistic ${share(limit.seconds, ours.completeSeconds)}`;
  const script = table.find((row) => row.variant === "ktrdr, TypeScript" && row.rows === rows)?.outcome as Measured;
  const scripted = `TypeScript ${share(limit.seconds, script.seconds)} (quietest ${share(limit.leastSeconds, script.leastSeconds)})`;
  console.log(
    `\nshare of the C loop's speed at ${rows.toLocaleString("en")} bars: ${summary}, ${complete}, ${scripted}`,
  );
}

/** Ten times the bars take about ten times as long; caches make it a little more. */
function printGrowth(table: readonly Row[]): void {
  const ours = table.filter((row) => row.variant === "ktrdr");
  for (const { rows, outcome } of ours) {
    const ten = ours.find((row) => row.rows === rows * 10)?.outcome;
    if (ten === undefined || "missing" in ten || "missing" in outcome) continue;
    const ratio = (ten.leastSeconds ?? ten.seconds) / (outcome.leastSeconds ?? outcome.seconds);
    console.log(
      `time of ${(rows * 10).toLocaleString("en")} bars over ${rows.toLocaleString("en")}: ${ratio.toPrecision(3)}`,
    );
  }
}

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, rows: { type: "string", default: "10000,100000,1000000" } },
});
const folder = mkdtempSync(join(tmpdir(), "ktrdr-bench-"));
try {
  const table: Row[] = [];
  for (const rows of values.rows.split(",").map(Number)) {
    const variants = runVariants(rows, folder);
    checkAgreement(variants);
    table.push(...variants);
  }
  if (values.json) console.log(JSON.stringify({ benchmark: "backtest", results: table }));
  else {
    printTable(table);
    printGrowth(table);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
