import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadSample, MarketDataStore } from "../../../compute-node/market-data/index.ts";
import { runCommand } from "../../program.ts";
import { testSurroundings } from "../../testing/collector.ts";

const EXAMPLES = join(import.meta.dirname, "..", "..", "..", "examples", "strategies");
const NEURAL = join(EXAMPLES, "neural-rsi-macd.yaml");

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ktrdr-strategy-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const surroundings = testSurroundings({ KTRDR_HOME: home });
  const code = await runCommand(["strategy", ...words], surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

function write(name: string, text: string): string {
  const file = join(home, name);
  writeFileSync(file, text);
  return file;
}

describe("strategy validate", () => {
  it("takes both kinds of files", async () => {
    const { code, out, err } = await run("validate", NEURAL, join(EXAMPLES, "sma-cross.yaml"), "--strict");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(`${NEURAL}: neural-rsi-macd is valid\n${join(EXAMPLES, "sma-cross.yaml")}: sma-cross is valid\n`);
  });

  it("warns of a key that does nothing, and fails for it when strict", async () => {
    const text = readFileSync(NEURAL, "utf8").replace("    period: 14", "    period: 14\n    perod: 3");
    const file = write("loose.yaml", text);
    const loose = await run("validate", file);
    expect(loose.code).toBe(0);
    expect(loose.err).toMatch(/^warning: .*loose.yaml:21:5: indicators.rsi_14.perod: rsi has no parameter "perod"/);
    const strict = await run("validate", file, "--strict", "--json");
    expect(strict.code).toBe(1);
    const { valid, files } = JSON.parse(strict.out);
    expect(valid).toBe(false);
    expect(files[0].errors[0]).toMatchObject({ line: 21, column: 5, path: "indicators.rsi_14.perod" });
  });
});

describe("strategy new", () => {
  it("writes a strategy of each kind that is valid as it is, and never overwrites a file", async () => {
    const files: [string, string[], string[]][] = [
      ["mine.ts", [], ["mine.ts", "tsconfig.json"]],
      ["mine.js", [], ["mine.js"]],
      ["rules.yaml", [], ["rules.yaml"]],
      ["network.yml", ["--kind", "neural"], ["network.yml"]],
    ];
    for (const [name, words, expected] of files) {
      const file = join(home, name);
      const { code, out, err } = await run("new", file, ...words, "--json");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(JSON.parse(out).files).toEqual(expected.map((each) => join(home, each)));
      const valid = await run("validate", file);
      expect(valid).toEqual({ code: 0, out: `${file}: ${name.replace(/\..*/, "")} is valid\n`, err: "" });
      expect((await run("new", file, ...words)).err).toContain("it is there already");
    }
  });

  it("gives an editor the types, by a tsconfig.json beside the strategy", async () => {
    await run("new", join(home, "mine.ts"));
    const { compilerOptions } = JSON.parse(readFileSync(join(home, "tsconfig.json"), "utf8"));
    const [module] = compilerOptions.paths["ktrdr/strategy"];
    expect(readFileSync(module, "utf8")).toContain("export function defineStrategy");
    expect(compilerOptions.strict).toBe(true);
  });

  it("refuses an ending that no strategy has, and a kind for code", async () => {
    expect((await run("new", join(home, "mine.py"))).err).toContain("the ending of no strategy");
    expect((await run("new", join(home, "mine.ts"), "--kind", "neural")).err).toContain("is code, not neural");
  });
});

describe("strategy validate of code", () => {
  it("shows the compiler's errors with line and column, also for names that a strategy does not have", async () => {
    const file = write(
      "typed.ts",
      'import { defineStrategy } from "ktrdr/strategy";\nexport default defineStrategy({\n  parameters: { fast: 5 },\n  onBar({ parameters, buy }) {\n    console.log(parameters.fsat);\n    buy({ unit: 1 });\n    setTimeout(() => 1);\n  },\n});\n',
    );
    const { code, out } = await run("validate", file, "--json");
    expect(code).toBe(1);
    const [{ errors }] = JSON.parse(out).files;
    expect(errors.map((error: { line: number; column: number }) => [error.line, error.column])).toEqual([
      [5, 28],
      [6, 11],
      [7, 5],
    ]);
    expect(errors[0]).toMatchObject({ file, message: expect.stringContaining("'fsat' does not exist") });
  });

  it("a backtest shows the compiler's error as a warning, and runs all the same", async () => {
    const file = write(
      "typed.ts",
      'import { defineStrategy } from "ktrdr/strategy";\nexport default defineStrategy({\n  parameters: { fast: 5 },\n  onBar({ parameters, bar, buy }) {\n    if (bar > parameters.fsat) buy();\n  },\n});\n',
    );
    const { bars } = await loadSample("SP500");
    await new MarketDataStore(join(home, "data")).put(bars, { symbol: "SP500", timeframe: "1d", source: "sample" });
    const surroundings = testSurroundings({ KTRDR_HOME: home });
    const code = await runCommand(["backtest", file, "--local", "--symbol", "SP500"], surroundings);
    expect(code, surroundings.stderr.text()).toBe(0);
    expect(surroundings.stderr.text()).toContain(`warning: ${file}:5:26: Property 'fsat' does not exist`);
  });

  it("shows each import that cannot be bundled, and says that code has no features", async () => {
    const file = write("s.ts", 'import fs from "node:fs";\nexport default { onBar() { fs; } };');
    expect((await run("validate", file)).err).toContain('s.ts:1:16: "node:fs" is a part of Node');
    expect((await run("features", join(EXAMPLES, "sma-cross.ts"))).err).toContain("has no features: it holds code.");
  });
});

describe("strategy features", () => {
  it("lists the inputs of the network in their order", async () => {
    const { code, out } = await run("features", NEURAL, "--json");
    expect(code).toBe(0);
    const { count, features } = JSON.parse(out);
    expect(count).toBe(14);
    expect(features[6]).toEqual({
      feature_id: "1h_histogram_falling",
      timeframe: "1h",
      fuzzy_set: "histogram",
      membership: "falling",
      indicator_id: "macd_12_26_9",
      indicator_output: "histogram",
    });
  });

  it("says that rules have none", async () => {
    const { code, err } = await run("features", join(EXAMPLES, "sma-cross.yaml"));
    expect(code).toBe(1);
    expect(err).toContain("has no features: it holds rules.");
  });
});

describe("strategy migrate", () => {
  const OLD = "name: old\nindicators: [{ name: rsi, period: 14 }]\nfuzzy_sets: { rsi: { low: [0, 20, 40] } }\n";

  it("writes version 3 to stdout or to a new file, and never overwrites one", async () => {
    const file = write("old.yaml", OLD);
    const shown = await run("migrate", file);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain("nn_inputs:");
    expect(shown.err).toContain('warning: "model" was missing');
    const output = join(home, "new.yaml");
    expect((await run("migrate", file, "--output", output)).code).toBe(0);
    expect(readFileSync(output, "utf8")).toBe(shown.out);
    const again = await run("migrate", file, "--output", output);
    expect(again.code).toBe(1);
    expect(again.err).toContain("it is there already");
  });

  it("refuses code", async () => {
    expect((await run("migrate", join(EXAMPLES, "sma-cross.ts"))).err).toContain("is code, which has no versions");
  });

  it("refuses rules", async () => {
    const { code, err } = await run("migrate", join(EXAMPLES, "sma-cross.yaml"));
    expect(code).toBe(1);
    expect(err).toContain("no list of indicators");
  });
});

describe("strategy schema", () => {
  it("prints the JSON Schema of either kind", async () => {
    for (const kind of ["rules", "v3"]) {
      const { code, out } = await run("schema", kind);
      expect(code).toBe(0);
      expect(JSON.parse(out).$schema).toContain("json-schema.org");
    }
    expect((await run("schema", "v2")).err).toContain('There is no schema of "v2"');
  });
});
