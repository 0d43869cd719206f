/**
 * Compares the speed of this build with another one's: `node bench/old-and-new.ts CHECKOUT [--rounds 9]`, where
 * CHECKOUT holds the other build with its packages installed.
 *
 * Both builds, and the other one a second time, take turns in fresh processes, in another order each round; the measure
 * is the processor time of each process, since a busy machine stretches the clock. For each measure it prints the
 * median over the rounds of this build's speed as a ratio to the other's, and the same for the other build against
 * itself, whose changes are noise. Fails where the median is below 0.97 and below all that the other build shows
 * against itself.
 */
import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "./measure.ts";

/** A median ratio above it counts as equal. */
const LEAST_RATIO = 0.97;

interface Turn {
  /** Processor time a bar, by measure. */
  readonly nanoseconds: Readonly<Record<string, number>>;
  /** SHA-256 of the results. */
  readonly results: string;
}

interface Round {
  readonly old: Turn;
  readonly again: Turn;
  readonly new: Turn;
}

const SEATS = ["old", "new", "again"] as const;
const program = fileURLToPath(new URL("variants/engines.ts", import.meta.url));
const here = fileURLToPath(new URL("..", import.meta.url));

function turn(checkout: string): Turn {
  const output = execFileSync(process.execPath, [program, checkout], { encoding: "utf8" });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Turn;
}

/** No build has the same place twice running. */
function runRound(index: number, other: string): Round {
  const turns: Partial<Record<(typeof SEATS)[number], Turn>> = {};
  for (let place = 0; place < SEATS.length; place++) {
    const seat = SEATS[(index + place) % SEATS.length];
    turns[seat] = turn(seat === "new" ? here : other);
  }
  return turns as Round;
}

function shown(ratio: number): string {
  return ratio.toFixed(3);
}

/** Prints a measure's ratios; answers whether this build is as fast. */
function report(measure: string, rounds: readonly Round[]): boolean {
  const ratios = rounds.map((round) => round.old.nanoseconds[measure] / round.new.nanoseconds[measure]);
  const against = rounds.map((round) => round.old.nanoseconds[measure] / round.again.nanoseconds[measure]);
  const [ratio, itself] = [median(ratios), median(against)];
  const [least, most] = [Math.min(...against), Math.max(...against)];
  const isEqual = ratio >= Math.min(LEAST_RATIO, least);
  const spread = `${shown(itself)} (${shown(least)} to ${shown(most)})`;
  const figures = `new to old ${shown(ratio)}, old to itself ${spread}`;
  console.log(`${measure.padEnd(30)} ${figures}${isEqual ? "" : ": slower"}`);
  return isEqual;
}

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "9" } },
  allowPositionals: true,
});
const [other] = positionals;
if (other === undefined) throw new Error("Name the checkout of the other build: node bench/old-and-new.ts ../old");
const rounds = Array.from({ length: Number(values.rounds) }, (_, index) => runRound(index, other));
const measures = Object.keys(rounds[0].new.nanoseconds);
const slower = measures.filter((measure) => !report(measure, rounds));
const isSame = rounds.every((round) => round.new.results === round.old.results);
console.log(`results: ${isSame ? "the same bits" : "not the same bits"}`);
process.exitCode = slower.length > 0 ? 1 : 0;
