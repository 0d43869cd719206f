/**
 * Adds up the reports of all kinds of tests: `node test/support/print-totals.ts FOLDER`. Prints what failed, the time of each
 * runner, the slowest files and tests, and the assertions; its last line is the total.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import type { FileTime } from "./file-times.ts";
import { clock, KINDS, type Kind, type RunnerTime } from "./kinds.ts";

const SLOWEST = 10;
const ROOT = join(import.meta.dirname, "..", "..");

/** The part of vitest's JSON that is used. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  /** The file's path. */
  readonly name: string;
  readonly status: "passed" | "failed";
  readonly message: string;
  readonly assertionResults: readonly TestReport[];
}

interface TestReport {
  readonly fullName: string;
  readonly status: string;
  /** Milliseconds; absent where it was skipped. */
  readonly duration?: number;
  readonly meta: { readonly assertions?: number };
}

interface Totals {
  readonly failures: string[];
  passed: number;
  failed: number;
  skipped: number;
  assertions: number;
}

const folder = process.argv[2]!;
const totals: Totals = { failures: [], passed: 0, failed: 0, skipped: 0, assertions: 0 };
const slowTests: FileTime[] = [];
const slowFiles: FileTime[] = [];
for (const kind of KINDS) {
  const report = read<Report>(`${kind}.json`);
  if (report === null) {
    totals.failures.push(`${kind}: no report, counted as a failure`);
    totals.failed += 1;
  } else add(kind, report);
  slowFiles.push(...(read<FileTime[]>(`times/${kind}.json`) ?? []));
}
printTimes(read<RunnerTime[]>("runners.json") ?? []);
printSlowest("files", slowFiles);
printSlowest("tests", slowTests);
if (totals.failures.length > 0) console.log(`\nFailed:\n${totals.failures.map((line) => `  ${line}`).join("\n")}`);
console.log(`\n${totals.assertions} assertions executed`);
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);

/** Null where the run left no such file. */
function read<T>(name: string): T | null {
  const path = join(folder, name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : null;
}

function add(kind: Kind, report: Report): void {
  totals.passed += report.numPassedTests;
  // A file that could not be collected has failed even though none of its tests was counted.
  totals.failed += report.numFailedTests === 0 && !report.success ? 1 : report.numFailedTests;
  totals.skipped += report.numPendingTests;
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = relative(ROOT, name);
    for (const test of assertionResults) {
      totals.assertions += test.meta.assertions ?? 0;
      slowTests.push({ file: `${file} > ${test.fullName}`, seconds: (test.duration ?? 0) / 1000 });
      if (test.status === "failed") totals.failures.push(`${kind}: ${file} > ${test.fullName}`);
    }
    const isFileAlone = status === "failed" && assertionResults.every((test) => test.status !== "failed");
    if (isFileAlone) totals.failures.push(`${kind}: ${file}: ${message.split("\n")[0]}`);
  }
}

function printTimes(runners: readonly RunnerTime[]): void {
  console.log("\nRunner, minutes, and minutes of processor time:");
  for (const kind of KINDS) {
    const runner = runners.find((each) => each.kind === kind);
    if (runner === undefined) continue;
    const processor = runner.processorSeconds === null ? "" : clock(runner.processorSeconds);
    console.log(`  ${kind.padEnd(12)}${clock(runner.seconds).padStart(6)}${processor.padStart(8)}`);
  }
}

function printSlowest(what: string, all: readonly FileTime[]): void {
  console.log(`\nThe ${SLOWEST} slowest ${what}, seconds:`);
  for (const { file, seconds } of all.toSorted((left, right) => right.seconds - left.seconds).slice(0, SLOWEST)) {
    console.log(`  ${seconds.toFixed(1).padStart(6)}  ${file}`);
  }
}
