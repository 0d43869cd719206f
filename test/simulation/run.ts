/** `node test/simulation/run.ts --seed N --steps M [--runs K] [--canary NAME]`: plays worlds, and prints their events. */
import { parseArgs } from "node:util";
import { CANARIES } from "./canary.ts";
import { addTally, newTally, tallyLines } from "./tally.ts";
import { World } from "./world.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    steps: { type: "string", default: "1000000" },
    runs: { type: "string", default: "1" },
    canary: { type: "string" },
  },
});
const firstSeed = integerOf("seed");
const events = integerOf("steps");
const runs = integerOf("runs");
const canary = CANARIES.find((name) => name === values.canary);
if (values.canary !== undefined && canary === undefined) {
  throw new Error(`--canary ${values.canary} is none of ${CANARIES.join(", ")}`);
}

const total = newTally();
let violations = 0;
const startedAt = performance.now();
for (let run = 0; run < runs; run++) {
  const seed = firstSeed + run;
  const onProgress = (done: number): void => progress(`seed ${seed}: ${done.toLocaleString("en-US")} events`);
  const world = new World({ seed, events, onProgress, ...(canary === undefined ? {} : { canary }) });
  try {
    world.run();
    progress(`seed ${seed}: well, ${world.tally.events.toLocaleString("en-US")} events, hash ${world.trace.hash}`);
    if (runs === 1 && process.stderr.isTTY) process.stderr.write("\n");
  } catch (error) {
    violations++;
    console.error(`\nseed ${seed}: ${(error as Error).message}\n`);
  }
  addTally(total, world.tally);
}
const seconds = (performance.now() - startedAt) / 1000;
if (process.stderr.isTTY) process.stderr.write("\n");
console.log(tallyLines(total).join("\n"));
console.log(`  ${runs} world(s), ${violations} violation(s), ${seconds.toFixed(1)} s`);
process.exitCode = violations === 0 ? 0 : 1;

function integerOf(name: "seed" | "steps" | "runs"): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not ${values[name]}`);
  return value;
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}
