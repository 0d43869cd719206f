/**
 * One round of `old-and-new.ts`: `node engine-round.ts SEAT=CHECKOUT…` loads the builds in that order, lets them take
 * turns, and prints one JSON line.
 *
 * All builds are in this one process and alternate every few milliseconds, so that whatever slows the machine slows
 * all of them. A turn's time is by the clock: the processor time of many systems counts in ticks as long as a turn.
 * Turns that were disturbed are above the lowest tenth, which is the figure that counts.
 */
import { resolve } from "node:path";
import process from "node:process";
import { randomWalk } from "../random-walk.ts";
import type { EngineCall, Measure, Walk } from "./engine-calls.ts";

/** Times of one build's turns at one measure. */
export interface Timed {
  /** Nanoseconds a bar: the quickest turn, and the turn that a tenth of all are quicker than. */
  readonly least: number;
  readonly tenth: number;
  /** Nanoseconds a bar of this thread's processor time, over all turns. */
  readonly processor: number;
  readonly resultSha256: string;
}

export interface RoundMeasure {
  readonly name: string;
  readonly rows: number;
  /** By seat; or why a build cannot do the work. */
  readonly timed: Readonly<Record<string, Timed>> | { readonly missing: string };
}

interface Player {
  readonly seat: string;
  readonly measures: readonly Measure[];
}

interface Turns {
  readonly seat: string;
  readonly call: EngineCall;
  readonly milliseconds: Float64Array;
  processorMs: number;
}

/** For each build. The compiler settles within it. */
const WARM_UP_MS = 500;
const TURN_MS = 3;
const TURNS = 120;

const walks = new Map<string, ReturnType<Walk>>();
const walk: Walk = (rows, seed) => {
  const key = `${rows}/${seed}`;
  const bars = walks.get(key) ?? randomWalk(rows, seed);
  walks.set(key, bars);
  return bars;
};

async function load(argument: string): Promise<Player> {
  const [seat, checkout] = argument.split(/=(.*)/s);
  const { importMeasures } = (await import(`./engine-calls.ts?seat=${seat}`)) as typeof import("./engine-calls.ts");
  return { seat, measures: await importMeasures(resolve(checkout), walk) };
}

function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function playTurn(call: EngineCall, calls: number): number {
  const start = performance.now();
  for (let index = 0; index < calls; index++) call.run();
  return performance.now() - start;
}

/** Warms every build up by turns; answers how many calls fill a turn, the same number for all. */
function warmUp(turns: readonly Turns[]): number {
  let [calls, spentMs] = [0, 0];
  while (spentMs < WARM_UP_MS * turns.length) {
    for (const { call } of turns) spentMs += playTurn(call, 1);
    calls += turns.length;
  }
  return Math.max(1, Math.round((TURN_MS * calls) / spentMs));
}

/** The order changes from cycle to cycle: no build always follows the same one. */
function play(turns: readonly Turns[], calls: number): void {
  for (let cycle = 0; cycle < TURNS; cycle++) {
    const order = cycle % 2 === 0 ? turns : turns.toReversed();
    for (let place = 0; place < order.length; place++) {
      const turn = order[(place + (cycle >> 1)) % order.length];
      const before = processorMs();
      turn.milliseconds[cycle] = playTurn(turn.call, calls);
      turn.processorMs += processorMs() - before;
    }
  }
}

function timedOf({ call, milliseconds, processorMs }: Turns, bars: number): Timed {
  const sorted = milliseconds.toSorted();
  const perBar = (ms: number) => (ms * 1e6) / bars;
  return {
    least: perBar(sorted[0]),
    tenth: perBar(sorted[Math.floor(TURNS / 10)]),
    processor: perBar(processorMs / TURNS),
    resultSha256: call.resultSha256(),
  };
}

/** A build from another time may lack what this one has: then the measure is left out, with the build's reason. */
function tryCalls(players: readonly Player[], index: number): Turns[] | { readonly missing: string } {
  const turns: Turns[] = [];
  for (const { seat, measures } of players) {
    try {
      const call = measures[index].prepare();
      call.run();
      turns.push({ seat, call, milliseconds: new Float64Array(TURNS), processorMs: 0 });
    } catch (error) {
      if (seat === "new") throw error;
      return { missing: `the ${seat} build fails: ${(error as Error).message}` };
    }
  }
  return turns;
}

function measure(players: readonly Player[], index: number): RoundMeasure {
  const { name, rows } = players[0].measures[index];
  const turns = tryCalls(players, index);
  if ("missing" in turns) return { name, rows, timed: turns };
  const calls = warmUp(turns);
  play(turns, calls);
  return { name, rows, timed: Object.fromEntries(turns.map((turn) => [turn.seat, timedOf(turn, calls * rows)])) };
}

if (import.meta.main) {
  const players: Player[] = [];
  // One after the other: the order of loading is a part of the round.
  for (const argument of process.argv.slice(2)) players.push(await load(argument));
  console.log(JSON.stringify(players[0].measures.map((_, index) => measure(players, index))));
}
