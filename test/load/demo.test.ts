/** `make demo` as a newcomer sees it, in a home of its own. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { ReferenceEngine } from "../../compute-node/backtest/reference/engine.ts";
import { loadSample } from "../../compute-node/market-data/index.ts";
import { compileRules, parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { backtestSettings } from "../../protocol/index.ts";
import { formatNumber } from "../../results/index.ts";

const run = promisify(execFile);

describe("the demo", () => {
  it("backtests rules, trains a network, tests it out of sample, writes the reports, and leaves nothing running", async () => {
    const startedAt = performance.now();
    const { stdout } = await run(process.execPath, ["cli/demo.ts"], {
      cwd: PROJECT_FOLDER,
      env: { ...process.env, NO_COLOR: "1" },
    });
    const seconds = (performance.now() - startedAt) / 1000;
    console.log(`the demo took ${seconds.toFixed(1)} s`);
    expect(stdout).toContain("node registered");
    expect(stdout).toContain(await equityBySlowEngine());
    expect(stdout).toContain("All 4 processes are stopped.");
    const reports = stdout.match(/\S+\.html/g)!;
    expect(reports).toHaveLength(3);
    for (const report of reports) {
      expect(existsSync(join(PROJECT_FOLDER, report))).toBe(true);
      expect(readFileSync(join(PROJECT_FOLDER, report), "utf8")).toContain("<!doctype html>");
    }
    expect(seconds).toBeLessThan(60);
    expect(await processesMentioning(".ktrdr/demo")).toEqual([]);
  });
});

/** The final equity of the demo's backtest, as the slow reference engine has it. */
async function equityBySlowEngine(): Promise<string> {
  const { bars } = await loadSample("SP500");
  const file = "examples/strategies/sma-cross.yaml";
  const strategy = parseRuleStrategyFile(readFileSync(join(PROJECT_FOLDER, file), "utf8"), file);
  const { signals } = compileRules(strategy);
  const { equity } = new ReferenceEngine(bars, signals(bars), backtestSettings.parse({})).run();
  return formatNumber(equity[equity.length - 1] ?? Number.NaN, 2);
}

/** Command lines of other processes on this machine that name the folder. */
async function processesMentioning(text: string): Promise<string[]> {
  const { stdout } = await run("ps", ["-eo", "args"]);
  return stdout.split("\n").filter((line) => line.includes(join(PROJECT_FOLDER, text)));
}
