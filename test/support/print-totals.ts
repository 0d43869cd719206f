/** Adds up the JSON reports of all runners: `node test/support/print-totals.ts FOLDER`. Its last line is the total. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numFailedTestSuites: number;
  success: boolean;
}

const folder = process.argv[2]!;
const expected = ["unit", "worker", "browser", "simulation", "e2e", "chaos", "load"];
const present = readdirSync(folder).filter((name) => name.endsWith(".json"));
let passed = 0;
let failed = 0;
let skipped = 0;
for (const name of expected) {
  if (!present.includes(`${name}.json`)) {
    console.log(`${name}: no report, counted as a failure`);
    failed += 1;
    continue;
  }
  const report = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Report;
  passed += report.numPassedTests;
  // A file that could not be collected has failed even though none of its tests was counted.
  failed += report.numFailedTests === 0 && !report.success ? 1 : report.numFailedTests;
  skipped += report.numPendingTests;
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
