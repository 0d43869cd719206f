import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtestSettings, backtestSpec, Problem } from "../../../protocol/index.ts";
import { executeBacktest } from "../execute.ts";
import { type AnyScript, defineStrategy, type Order } from "../script/api.ts";
import { runScript, ScriptRun } from "../script/strategy.ts";
import { randomBars, randomCase, randomSettings } from "../testing/random-cases.ts";
import { type OrderScript, randomScript, SCRIPT_BARS } from "../testing/random-orders.ts";
import { CHECKPOINT_VERSION, decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { runBacktest } from "./engine.ts";
import type { EngineResult } from "./engine-result.ts";
import { ResumableBacktest } from "./resumable-backtest.ts";
import { tradeRecords } from "./trade-log.ts";

const INPUTS = "specification, data, engine";

/** Everything that a run hands on, to compare bit by bit (`toEqual` tells -0 from 0 and knows NaN). */
function whole({ trades, orders, ...rest }: EngineResult) {
  const times = Float64Array.from({ length: 1000 }, (_, bar) => bar);
  const holdingCosts = Array.from(trades.holdingCost.subarray(0, trades.count));
  return { ...rest, trades: tradeRecords(trades, times), holdingCosts, orders: orders.list(0) };
}

/** Cuts as shares of the bars, in order. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }).map((shares) => {
  return shares.toSorted((left, right) => left - right);
});

describe("a backtest of signals", () => {
  it("equals an uninterrupted one bit for bit when it was stopped and resumed anywhere, any number of times", () => {
    fc.assert(
      fc.property(randomCase, cuts, ({ bars, signals, settings }, shares) => {
        let run = new ResumableBacktest(bars, signals, settings);
        for (const share of shares) {
          run.advance(Math.floor(share * bars.rows));
          run = ResumableBacktest.resume(bars, signals, settings, run.checkpoint(INPUTS), INPUTS);
        }
        run.advance(bars.rows);
        expect(whole(run.finish())).toEqual(whole(runBacktest(bars, signals, settings)));
      }),
      { numRuns: 1000 },
    );
  });
});

/** Plays the script of orders; which of them to withdraw it remembers in its state. */
function strategyOf({ steps, options }: OrderScript): AnyScript {
  const strategy = defineStrategy({
    options,
    state: () => ({ placed: [] as Order[], sum: 0, seen: new Map<number, number>() }),
    onBar({ bar, equity, state, buy, sell, close, cancel, position }) {
      state.sum += equity * Math.sign(position.size);
      state.seen.set(bar, state.sum);
      for (const step of steps) {
        if (step.bar !== bar) continue;
        if (step.kind === "place") state.placed.push(step.side === 1 ? buy(step.request) : sell(step.request));
        else if (step.kind === "close") close(step.portion);
        else if (state.placed.length > 0) cancel(state.placed[step.index % state.placed.length]);
      }
      if (bar > 80 && (state.seen.get(bar - 60) ?? 0) > state.sum) buy({ size: 0.1 });
    },
  });
  return strategy as unknown as AnyScript;
}

describe("a script", () => {
  it("with a declared state equals an uninterrupted one bit for bit, wherever it was stopped and resumed", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, cuts, (script, settings, shares) => {
        const strategy = strategyOf(script);
        let run = new ScriptRun(script.bars, strategy, settings);
        for (const share of shares) {
          run.advance(Math.floor(share * SCRIPT_BARS));
          run = ScriptRun.resume(script.bars, strategyOf(script), settings, {}, run.checkpoint(INPUTS), INPUTS);
        }
        run.advance(SCRIPT_BARS);
        expect(whole(run.finish())).toEqual(whole(runScript(script.bars, strategy, settings)));
      }),
      { numRuns: 500 },
    );
  });

  it("can stop where it reports progress", () => {
    const bars = randomBars(200_000, 9, 0.0005);
    const settings = backtestSettings.parse({ fractionalUnits: true });
    const strategy = defineStrategy({
      state: () => ({ bars: 0 }),
      onBar({ state, position, buy, close }) {
        state.bars++;
        if (state.bars % 7 === 0) position.size === 0 ? buy() : close();
      },
    }) as unknown as AnyScript;
    const checkpoints: Uint8Array[] = [];
    const run = new ScriptRun(bars, strategy, settings);
    run.advance(bars.rows, () => checkpoints.push(run.checkpoint(INPUTS)));
    expect(checkpoints.length).toBeGreaterThan(1);
    const resumed = ScriptRun.resume(bars, strategy, settings, {}, checkpoints[1], INPUTS);
    resumed.advance(bars.rows);
    expect(resumed.finish().equity).toEqual(run.finish().equity);
  });

  it("cannot be kept when its state is not plain data, and the error says so", () => {
    const strategy = defineStrategy({ state: () => ({ now: () => 1 }), onBar: () => undefined });
    const run = new ScriptRun(randomBars(5, 1, 0.01), strategy as unknown as AnyScript, backtestSettings.parse({}));
    expect(() => run.checkpoint(INPUTS)).toThrow(/state cannot be kept/);
  });
});

describe("a job", () => {
  const bars = randomBars(200_000, 4, 0.002);
  const spec = backtestSpec.parse({
    kind: "backtest",
    strategy: {
      kind: "rules",
      name: "cross",
      indicators: { fast: { type: "sma", period: 5 }, slow: { type: "sma", period: 20 } },
      entries: { long: "fast > slow" },
      exits: { long: "fast <= slow" },
    },
    data: { symbol: "TEST", timeframe: "1d" },
  });
  const request = { spec, bars, dataSha256: "d".repeat(64) };

  it("gives the same artefact, byte for byte, when it goes on from its last checkpoint", () => {
    const saved: Uint8Array[] = [];
    const stopped = { from: null, isDue: () => true, save: (bytes: Uint8Array) => void saved.push(bytes) };
    const stop = ({ bars: done }: { bars: number }) => {
      if (done > 100_000) throw new Error("the machine went away");
    };
    expect(() => executeBacktest({ ...request, checkpoints: stopped, onProgress: stop })).toThrow("went away");
    const from = saved[saved.length - 1];
    const seen: number[] = [];
    const resumed = executeBacktest({
      ...request,
      checkpoints: { from, isDue: () => false, save: () => undefined },
      onProgress: ({ bars: done }) => void seen.push(done),
    });
    expect(resumed.sha256).toBe(executeBacktest(request).sha256);
    expect(Math.min(...seen.filter((done) => done > 0))).toBeGreaterThan(100_000);
  });

  it("on other data does not take a checkpoint", () => {
    const saved: Uint8Array[] = [];
    executeBacktest({
      ...request,
      checkpoints: { from: null, isDue: () => true, save: (kept) => void saved.push(kept) },
    });
    const checkpoints = { from: saved[0], isDue: () => false, save: () => undefined };
    const other = { ...request, dataSha256: "e".repeat(64), checkpoints };
    expect(() => executeBacktest(other)).toThrow("The checkpoint is of other inputs.");
  });
});

describe("a checkpoint", () => {
  const state = { zero: -0, none: Number.NaN, far: Number.NEGATIVE_INFINITY, column: Float64Array.of(1, 2) };
  const bytes = encodeCheckpoint("signals", INPUTS, state);

  it("gives back its state, with what JSON does not have", () => {
    expect(decodeCheckpoint(bytes, "signals", INPUTS)).toEqual(state);
  });

  it("is rejected when it was cut anywhere or has a flipped bit", () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        expect(() => decodeCheckpoint(bytes.subarray(0, at), "signals", INPUTS)).toThrow(Problem);
        const flipped = bytes.slice();
        flipped[at] ^= 1 << bit;
        expect(() => decodeCheckpoint(flipped, "signals", INPUTS)).toThrow(Problem);
      }),
    );
    expect(() => decodeCheckpoint(bytes.subarray(0, bytes.length - 3), "signals", INPUTS)).toThrow(/it was cut/);
    expect(() => decodeCheckpoint(new TextEncoder().encode("no"), "signals", INPUTS)).toThrow(/no checkpoint/);
  });

  it("from another version, run or kind is rejected with what differs", () => {
    const later = bytes.slice();
    new DataView(later.buffer).setUint32(8, CHECKPOINT_VERSION + 1, true);
    const read = (given: Uint8Array, kind: "signals" | "script", inputs: string) => () =>
      decodeCheckpoint(given, kind, inputs);
    expect(read(later, "signals", INPUTS)).toThrow(`has version ${CHECKPOINT_VERSION + 1}`);
    expect(read(bytes, "signals", "others")).toThrow("of other inputs");
    expect(read(bytes, "script", INPUTS)).toThrow("of a run of signals, not of script");
  });
});
