import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../../program.ts";
import { testSurroundings } from "../../testing/collector.ts";

const CASES = join(import.meta.dirname, "../../../test/cases");
const home = mkdtempSync(join(tmpdir(), "ktrdr-audit-"));

/** Runs one command line in this process. */
async function run(words: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const surroundings = testSurroundings({ PATH: process.env.PATH, KTRDR_HOME: home });
  const code = await runCommand(words.split(" "), surroundings);
  return { code, stdout: surroundings.stdout.text(), stderr: surroundings.stderr.text() };
}

beforeAll(async () => {
  const { code, stderr } = await run(`data load ${CASES}/csv/LAST_1d.csv`);
  if (code !== 0) throw new Error(stderr);
});

afterAll(() => rmSync(home, { recursive: true }));

const BACKTEST = `backtest ${CASES}/strategies/last.yaml --symbol LAST --local`;

describe("ktrdr backtest --audit", () => {
  it("stops where orders of the last bar fill there, and says how to end that", async () => {
    const { code, stdout, stderr } = await run(`${BACKTEST} --audit --convention lastBar=replay`);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("Orders fill at prices from before their decision.");
    expect(stderr).toContain("units bought at bar 4 (2024-01-05) is 1000 with 5 bars, and 0 when more follow");
    expect(stderr).toContain("Leave out --convention lastBar=replay");
  });

  it("goes on where they wait for a bar that never comes", async () => {
    const { code, stderr } = await run(`${BACKTEST} --audit`);
    expect(code).toBe(0);
    expect(stderr).toContain("4 figures of fills");
    expect(stderr).toContain("none sees a later bar");
  });

  it("refuses an unknown convention with the closest one", async () => {
    const { code, stderr } = await run(`${BACKTEST} --convention lastbars=replay`);
    expect(code).toBe(1);
    expect(stderr).toContain('Did you mean "lastBar"?');
  });

  it.each([
    ["--convention lastBar", "such as lastBar=replay"],
    ["--convention lastBar=replay --convention lastBar=close", "The answer to lastBar is given twice"],
  ])("refuses %s and says what is wrong with it", async (words, said) => {
    const { code, stderr } = await run(`${BACKTEST} ${words}`);
    expect(code).not.toBe(0);
    expect(stderr).toContain(said);
  });

  it("says conventions and large rates in its table", async () => {
    const { code, stdout } = await run(`${BACKTEST} --convention gappedTarget=stop --commission 0.1`);
    expect(code).toBe(0);
    expect(stdout).toContain("Conventions: gappedTarget=stop");
    expect(stdout.replace(/\s+/g, " ")).toContain("The commission of 0.1 is 10 % of each order's value");
  });
});
