/**
 * Compares the speed of this build with another one's: `node bench/old-and-new.ts CHECKOUT [--rounds 9]`, where
 * CHECKOUT holds the other build with its packages installed.
 *
 * A round compares two builds in two fresh processes (`variants/engine-round.ts`), where they take turns; each is loaded first
 * once, since the first one tends to be quicker, and the geometric mean of the two ratios counts. Ratios are of
 * speed: above 1 this build is faster. The other build against a copy of itself shows what is noise. Fails where the median
 * over the rounds is below 0.97 and below all that the other build shows against its copy.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileLoop } from "./c-loop.ts";
import { median } from "./measure.ts";
import { randomWalk, writeColumns } from "./random-walk.ts";
import type { RoundMeasure, Timed } from "./variants/engine-round.ts";

/** A median ratio above it counts as equal. */
const LEAST_RATIO = 0.97;
const SEED = 7;
const LOOP_ROUNDS = 5;

type Seat = "old" | "again" | "new";
type Figure = "least" | "tenth" | "processor";

/** Builds that are compared with the old one. */
type Rival = Exclude<Seat, "old">;

interface Round {
  /** The old build and a rival: measures of the process that loads the old one first, and of the other. */
  readonly runs: Readonly<Record<Rival, readonly (readonly RoundMeasure[])[]>>;
  /** The C loop's nanoseconds a bar by the number of bars; empty without a C compiler. */
  readonly loop: ReadonlyMap<number, number>;
}

const program = fileURLToPath(new URL("variants/engine-round.ts", import.meta.url));

/** The other build's modules a second time, under other addresses, in `folder`. */
function copyBuild(checkout: string, folder: string): string {
  const copy = join(folder, "again");
  const isSource = (path: string) => !["node_modules", ".git", "test"].includes(basename(path));
  cpSync(checkout, copy, { recursive: true, filter: isSource });
  symlinkSync(join(checkout, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** The C loop in its quietest round. */
function timeLoop(loop: string, folder: string, rows: number): number {
  const data = join(folder, `walk-${rows}.bin`);
  writeColumns(data, randomWalk(rows, SEED));
  const output = execFileSync(loop, [data, String(rows), String(LOOP_ROUNDS)], { encoding: "utf8" });
  return (JSON.parse(output) as { leastSeconds: number }).leastSeconds * (1e9 / rows);
}

/** Times by seat in both processes of a pair; null where a build cannot do the work. */
function timesOf({ runs }: Round, rival: Rival, index: number): readonly Readonly<Record<Seat, Timed>>[] | null {
  const both = runs[rival].map((measures) => measures[index].timed);
  return both.some((timed) => "missing" in timed) ? null : (both as Readonly<Record<Seat, Timed>>[]);
}

/** Speed of the rival over the old build's: the geometric mean over both orders of loading. */
function ratio(times: readonly Readonly<Record<Seat, Timed>>[], rival: Rival, figure: Figure): number {
  return Math.exp(mean(times.map(({ old, [rival]: other }) => Math.log(old[figure] / other[figure]))));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function shown(value: number): string {
  return value.toFixed(3);
}

function printRound(number: number, round: Round): void {
  console.log(`round ${number}, lowest tenth of turns (least turn):`);
  for (const [index, { name }] of round.runs.new[0].entries()) {
    const figures = (rival: Rival) => {
      const times = timesOf(round, rival, index);
      return times === null
        ? "missing"
        : `${shown(ratio(times, rival, "tenth"))} (${shown(ratio(times, rival, "least"))})`;
    };
    console.log(`  ${name.padEnd(28)} new to old ${figures("new")}, old to itself ${figures("again")}`);
  }
}

/** Prints a measure's figures over the rounds; answers whether this build is as fast. */
function report(name: string, rounds: readonly Round[], index: number): boolean {
  const reason = rounds
    .flatMap(({ runs }) => runs.new.map((measures) => measures[index].timed))
    .find((outcome) => "missing" in outcome);
  if (reason !== undefined) {
    console.log(`${name.padEnd(30)} not compared: ${reason.missing}`);
    return true;
  }
  const ratios = (rival: Rival, figure: Figure) =>
    rounds.map((round) => ratio(timesOf(round, rival, index) ?? [], rival, figure));
  const against = ratios("again", "tenth");
  const [least, most] = [Math.min(...against), Math.max(...against)];
  const speed = median(ratios("new", "tenth"));
  const isEqual = speed >= Math.min(LEAST_RATIO, least);
  const times = rounds.flatMap((round) => timesOf(round, "new", index) ?? []);
  const isSame = times.every((each) => each.new.resultSha256 === each.old.resultSha256);
  const figures = [
    `new to old ${shown(speed)}`,
    `old to itself ${shown(median(against))} (${shown(least)} to ${shown(most)})`,
    `processor time ${shown(median(ratios("new", "processor")))}`,
    ...shares(rounds, index),
    isSame ? "the same bits" : "not the same bits",
  ];
  console.log(`${name.padEnd(30)} ${figures.join(", ")}${isEqual ? "" : ": slower"}`);
  return isEqual;
}

/** Both builds' speed as a share of the C loop's on as many bars; nothing without a C compiler. */
function shares(rounds: readonly Round[], index: number): string[] {
  const share = (seat: Seat) =>
    rounds.flatMap((round) => {
      const nanoseconds = round.loop.get(round.runs.new[0][index].rows);
      const times = timesOf(round, "new", index);
      return nanoseconds === undefined || times === null
        ? []
        : [nanoseconds / mean(times.map((each) => each[seat].tenth))];
    });
  const [ours, theirs] = [share("new"), share("old")];
  return ours.length === 0 ? [] : [`to the C loop ${shown(median(ours))} (old ${shown(median(theirs))})`];
}

function compare(checkout: string, count: number, folder: string): boolean {
  const folders = { old: checkout, new: fileURLToPath(new URL("..", import.meta.url)), again: "" };
  folders.again = copyBuild(checkout, folder);
  const compiled = compileLoop(folder);
  if ("missing" in compiled) console.log(`C loop: missing, ${compiled.missing}`);
  const run = (first: Seat, second: Seat) => {
    const seats = [first, second].map((seat) => `${seat}=${folders[seat]}`);
    return JSON.parse(execFileSync(process.execPath, [program, ...seats], { encoding: "utf8" })) as RoundMeasure[];
  };
  const rounds = Array.from({ length: count }, (_, index): Round => {
    const pair = (rival: Rival) => [run("old", rival), run(rival, "old")];
    const runs = { new: pair("new"), again: pair("again") };
    const sizes = "missing" in compiled ? [] : [...new Set(runs.new[0].map(({ rows }) => rows))];
    const loop = new Map(
      sizes.map((rows) => [rows, "program" in compiled ? timeLoop(compiled.program, folder, rows) : 0]),
    );
    const round = { runs, loop };
    printRound(index + 1, round);
    return round;
  });
  console.log("median over the rounds, lowest tenth of turns:");
  return rounds[0].runs.new[0].map(({ name }, index) => report(name, rounds, index)).every(Boolean);
}

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "9" } },
  allowPositionals: true,
});
const [other] = positionals;
const count = Number(values.rounds);
if (other === undefined) throw new Error("Name the checkout of the other build: node bench/old-and-new.ts ../old");
if (!Number.isInteger(count) || count < 1)
  throw new Error(`--rounds takes a whole number from 1, not ${values.rounds}`);
const folder = mkdtempSync(join(tmpdir(), "ktrdr-bench-"));
try {
  process.exitCode = compare(resolve(other), count, folder) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
