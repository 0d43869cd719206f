/** Common mistakes of the first evening: each answer names the fault and the cure, and nothing is lost. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { probePort } from "../../cli/local/free-port.ts";
import { Fleet } from "../support/fleet.ts";

const STRATEGY = "examples/strategies/sma-cross.yaml";
const folder = mkdtempSync(join(tmpdir(), "ktrdr-bad-input-"));
let fleet: Fleet;

beforeAll(async () => {
  fleet = await Fleet.start();
  await ktrdr("data", "load", "--sample", "SP500");
});
afterAll(async () => {
  await fleet?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The real command in the fleet's home. */
function ktrdr(...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(PROJECT_FOLDER, "cli/main.ts"), ...words], {
      cwd: PROJECT_FOLDER,
      env: { ...process.env, KTRDR_HOME: fleet.home.root, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const strategyWith = (indicator: string, entry: string): string =>
  `name: s\nindicators:\n  fast: { type: ${indicator}, period: 10 }\nentries:\n  long: ${entry}\nexits:\n  long: close < fast\n`;

describe("bad input", () => {
  it.each([
    ["an unknown indicator", strategyWith("smaa", "close > fast"), ["smaa", "sma", "3"]],
    ["an undefined name in a rule", strategyWith("sma", "close > fats"), ["fats", "fast", "5"]],
    ["a misspelled key", "nmae: s\nentries: { long: close > open }\n", ["nmae", "name"]],
    ["no entry at all", "name: s\nentries: {}\n", ["entries"]],
    ["YAML that is none", "name: [s\n", ["YAML"]],
  ])("%s: file, line and the closest name", async (_what, text, expected) => {
    const { code, stderr } = await ktrdr("strategy", "validate", file("strategy.yaml", text));
    expect(code).toBe(1);
    for (const part of expected) expect(stderr).toContain(part);
    expect(stderr).toContain("strategy.yaml:");
  });

  it.each([
    ["a missing column", "date,open,high,low\n2020-01-01,1,2,1\n", ["close", "date, open, high, low"]],
    ["unsorted rows", "date,open,high,low,close\n2020-01-02,1,2,1,2\n2020-01-01,1,2,1,2\n", ["prices.csv:3", "--sort"]],
    ["a repeated day", "date,open,high,low,close\n2020-01-01,1,2,1,2\n2020-01-01,1,2,1,2\n", ["prices.csv:3"]],
    ["high below low", "date,open,high,low,close\n2020-01-01,1,1,2,1\n", ["prices.csv:2", "high"]],
    ["a price that is no number", "date,open,high,low,close\n2020-01-01,1,x,1,1\n", ["prices.csv:2", "x"]],
    ["an empty file", "", ["prices.csv"]],
  ])("%s: file, line and reason", async (_what, text, expected) => {
    const { code, stderr } = await ktrdr(
      "data",
      "load",
      file("prices.csv", text),
      "--symbol",
      "X",
      "--timeframe",
      "1d",
    );
    expect(code).toBe(1);
    for (const part of expected) expect(stderr).toContain(part);
    expect(stderr).toContain("cure:");
  });

  it("an empty date range: says which range there is", async () => {
    const { code, stderr } = await ktrdr(
      ..."backtest -- --local --symbol SP500 --from 1990-01-01 --to 1991-01-01"
        .split(" ")
        .filter((word) => word !== "--"),
      STRATEGY,
    );
    expect(code).toBe(1);
    expect(stderr).toContain("2000-01-03");
  });

  it("a symbol that is not there: says which are, and how to load it", async () => {
    const { code, stderr } = await ktrdr("backtest", STRATEGY, "--local", "--symbol", "SP5000");
    expect(code).toBe(1);
    expect(stderr).toMatch(/SP5000[\s\S]*SP500[\s\S]*ktrdr data load/);
  });

  it("a taken port: names it and the way out", async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
    const { port } = blocker.address() as { port: number };
    try {
      const { code, stderr } = await ktrdr("--home", join(folder, "other"), "up", "--port", String(port));
      expect(code).toBe(1);
      expect(stderr).toContain(String(port));
      expect(stderr).toContain("--port");
    } finally {
      blocker.close();
    }
  });

  it("no control plane at that URL: says where it looked", async () => {
    const url = `http://127.0.0.1:${await probePort(0)}`;
    const { code, stderr } = await ktrdr("--url", url, "--token", fleet.token, "workers");
    expect(code).toBe(1);
    expect(stderr).toContain(url);
    expect(stderr).toContain("ktrdr up");
  });

  it("a wrong token: says so, and where it came from", async () => {
    const { code, stderr } = await ktrdr("--token", `ktrdr.default.${"w".repeat(43)}`, "workers");
    expect(code).toBe(1);
    expect(stderr).toMatch(/token/i);
    expect(stderr).toContain("cure:");
  });

  it("wrong usage ends with 2 and suggests the command that was meant", async () => {
    const { code, stderr } = await ktrdr("bactest");
    expect(code).toBe(2);
    expect(stderr).toContain("backtest");
  });

  it("--json keeps stdout to one document, also for an error", async () => {
    const good = await ktrdr("--json", "workers");
    expect(JSON.parse(good.stdout)).toEqual({ total: 0, workers: [] });
    const bad = await ktrdr("--json", "ops", "show", `op_${"0".repeat(20)}`);
    expect(bad.code).toBe(1);
    if (bad.stdout !== "") JSON.parse(bad.stdout);
  });
});
