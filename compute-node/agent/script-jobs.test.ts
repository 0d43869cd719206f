import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { backtestSpec, type Progress } from "../../protocol/index.ts";
import { executeBacktest } from "../backtest/index.ts";
import type { JobInput } from "../jobs/index.ts";
import { barsBetween } from "../market-data/bars.ts";
import { loadSample } from "../market-data/index.ts";
import { JobPool } from "./job-pool.ts";

const { bars: sample } = await loadSample("SP500");
const bars = barsBetween(sample, 0, sample.rows);

let pool: JobPool | undefined;
afterEach(async () => {
  await pool?.close();
});

function inputOf(source: string): JobInput<"backtest"> {
  const spec = backtestSpec.parse({
    kind: "backtest",
    strategy: { kind: "script", name: "test", source },
    data: { symbol: "SP500", timeframe: "1d" },
  });
  return { kind: "backtest", spec, dataset: { bars, sha256: "0".repeat(64) } };
}

const MONTHLY = `exports.default = {
  onBar({ bar, position, buy, close }) {
    if (bar === 1) console.log("first bar");
    if (bar % 21 === 0) position.size === 0 ? buy() : close();
  },
};`;

it("a script gives the same bytes in a job thread as here, and its output is in the log", async () => {
  pool = new JobPool({ slots: 1, memoryMb: 128 });
  const input = inputOf(MONTHLY);
  const lines: string[] = [];
  const end = await pool.run(input, { onProgress: () => {}, onLog: (more) => lines.push(...more) }).ended;
  const expected = executeBacktest({ spec: input.spec, bars, dataSha256: "0".repeat(64) });
  expect(end).toMatchObject({ type: "result", result: { sha256: expected.sha256 } });
  expect(lines).toContain("first bar");
});

it("a script that prints on each bar fills the log to its bound", async () => {
  pool = new JobPool({ slots: 1, memoryMb: 128 });
  const lines: string[] = [];
  const input = inputOf("exports.default = { onBar({ bar }) { console.log('bar', bar); } };");
  await pool.run(input, { onProgress: () => {}, onLog: (more) => lines.push(...more) }).ended;
  expect(lines.filter((line) => line.startsWith("bar "))).toHaveLength(200);
  expect(lines.filter((line) => line.includes("the rest is left out"))).toHaveLength(1);
});

it("a script that never ends is killed when its job is stopped, and the next job runs", async () => {
  pool = new JobPool({ slots: 1, memoryMb: 128, graceMs: 50 });
  const progress: Progress[] = [];
  const listener = { onProgress: (said: Progress) => progress.push(said), onLog: () => {} };
  const endless = pool.run(inputOf("exports.default = { onBar() { for (;;) {} } };"), listener);
  await sleep(200);
  endless.stop();
  expect(await endless.ended).toEqual({ type: "stopped" });
  const next = await pool.run(inputOf(MONTHLY), listener).ended;
  expect(next.type).toBe("result");
});

it.each([
  ["of the heap", "const kept = []; exports.default = { onBar() { for (;;) kept.push([1, 2, 3]); } };"],
  [
    "in typed arrays",
    "const kept = []; exports.default = { onBar() { if (kept.length < 200) kept.push(new Float64Array(1e6).fill(1)); else for (;;); } };",
  ],
])("a script that takes all memory %s ends as a failure that says so, and the next job runs", async (_, greedy) => {
  pool = new JobPool({ slots: 1, memoryMb: 64 });
  const listener = { onProgress: () => {}, onLog: () => {} };
  const end = await pool.run(inputOf(greedy), listener).ended;
  expect(end).toMatchObject({ type: "failed", error: { detail: expect.stringContaining("ran out of memory") } });
  expect((await pool.run(inputOf(MONTHLY), listener).ended).type).toBe("result");
});
