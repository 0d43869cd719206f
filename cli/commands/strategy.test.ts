import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommand } from "../program.ts";
import { testSurroundings } from "../testing/collector.ts";

const EXAMPLES = join(import.meta.dirname, "..", "..", "examples", "strategies");
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

  it("says of rules that they have none", async () => {
    const { code, err } = await run("features", join(EXAMPLES, "sma-cross.yaml"));
    expect(code).toBe(1);
    expect(err).toContain("has no features: it holds rules.");
  });
});

describe("strategy migrate", () => {
  const OLD = "name: old\nindicators: [{ name: rsi, period: 14 }]\nfuzzy_sets: { rsi: { low: [0, 20, 40] } }\n";

  it("writes version 3 to stdout or to a new file, and never over one", async () => {
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

  it("refuses rules", async () => {
    const { code, err } = await run("migrate", join(EXAMPLES, "sma-cross.yaml"));
    expect(code).toBe(1);
    expect(err).toContain("no list of indicators");
  });
});

describe("strategy schema", () => {
  it("prints a JSON Schema of either kind", async () => {
    for (const kind of ["rules", "v3"]) {
      const { code, out } = await run("schema", kind);
      expect(code).toBe(0);
      expect(JSON.parse(out).$schema).toContain("json-schema.org");
    }
    expect((await run("schema", "v2")).err).toContain('There is no schema of "v2"');
  });
});
