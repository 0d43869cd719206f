/**
 * Compares the speed of this build with another one's: `node bench/old-and-new.ts CHECKOUT [--rounds 9]`, where
 * CHECKOUT holds the other build with its packages installed.
 *
 * Each round is a fresh process that loads this build, the other one, and a copy of the other one, in another order
 * each time, and lets them take turns (`variants/engine-round.ts`). Ratios are of speed: above 1 this build is faster.
 * The other build against its copy shows what is noise. Take rounds in multiples of three, so that every build is loaded
 * first equally often. Fails where the median over the rounds is below 0.97 and below
 * all that the other build shows against its copy.
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

/** A build that is loaded first tends to be quicker: in each three rounds every build has every place once. */
const ORDERS: readonly (readonly Seat[])[] = [
  ["old", "new", "again"],
  ["new", "again", "old"],
  ["again", "old", "new"],
  ["again", "new", "old"],
  ["old", "again", "new"],
  ["new", "old", "again"],
];

interface Round {
  readonly measures: readonly RoundMeasure[];
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

function timed({ timed }: RoundMeasure): Readonly<Record<Seat, Timed>> | null {
  return "missing" in timed ? null : (timed as Readonly<Record<Seat, Timed>>);
}

/** Speed of `seat` over the old build's. */
function ratio(times: Readonly<Record<Seat, Timed>>, seat: Seat, figure: Figure): number {
  return times.old[figure] / times[seat][figure];
}

function shown(value: number): string {
  return value.toFixed(3);
}

function printRound(index: number, order: readonly Seat[], { measures }: Round): void {
  console.log(`round ${index + 1}, loaded ${order.join(", ")}; lowest tenth (least turn):`);
  for (const measure of measures) {
    const times = timed(measure);
    if (times === null) continue;
    const figures = (seat: Seat) => `${shown(ratio(times, seat, "tenth"))} (${shown(ratio(times, seat, "least"))})`;
    console.log(`  ${measure.name.padEnd(28)} new to old ${figures("new")}, old to itself ${figures("again")}`);
  }
}

/** Prints a measure's figures over the rounds; answers whether this build is as fast. */
function report(name: string, rounds: readonly Round[], index: number): boolean {
  const reason = rounds.map(({ measures }) => measures[index].timed).find((outcome) => "missing" in outcome);
  if (reason !== undefined) {
    console.log(`${name.padEnd(30)} not compared: ${reason.missing}`);
    return true;
  }
  const times = rounds.flatMap(({ measures }) => timed(measures[index]) ?? []);
  const ratios = (seat: Seat, figure: Figure) => times.map((each) => ratio(each, seat, figure));
  const against = ratios("again", "tenth");
  const [least, most] = [Math.min(...against), Math.max(...against)];
  const speed = median(ratios("new", "tenth"));
  const isEqual = speed >= Math.min(LEAST_RATIO, least);
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
    rounds.flatMap(({ measures, loop }) => {
      const nanoseconds = loop.get(measures[index].rows);
      const times = timed(measures[index]);
      return nanoseconds === undefined || times === null ? [] : [nanoseconds / times[seat].tenth];
    });
  const [ours, theirs] = [share("new"), share("old")];
  return ours.length === 0 ? [] : [`to the C loop ${shown(median(ours))} (old ${shown(median(theirs))})`];
}

function compare(checkout: string, count: number, folder: string): boolean {
  const folders = { old: checkout, new: fileURLToPath(new URL("..", import.meta.url)), again: "" };
  folders.again = copyBuild(checkout, folder);
  const compiled = compileLoop(folder);
  if ("missing" in compiled) console.log(`C loop: missing, ${compiled.missing}`);
  const rounds = Array.from({ length: count }, (_, index): Round => {
    const order = ORDERS[index % ORDERS.length];
    const seats = order.map((seat) => `${seat}=${folders[seat]}`);
    const measures = JSON.parse(
      execFileSync(process.execPath, [program, ...seats], { encoding: "utf8" }),
    ) as RoundMeasure[];
    const sizes = "missing" in compiled ? [] : [...new Set(measures.map(({ rows }) => rows))];
    const loop = new Map(
      sizes.map((rows) => [rows, "program" in compiled ? timeLoop(compiled.program, folder, rows) : 0]),
    );
    const round = { measures, loop };
    printRound(index, order, round);
    return round;
  });
  console.log("median over the rounds, lowest tenth of turns:");
  return rounds[0].measures.map(({ name }, index) => report(name, rounds, index)).every(Boolean);
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
