import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import { loadSample } from "../../compute-node/market-data/index.ts";
import { backtestSpec, LIMITS, Problem } from "../../protocol/index.ts";
import { bundleStrategy, isScriptFile } from "./strategy-bundle.ts";
import { loadRunnable } from "./strategy-source.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-bundle-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

async function problemOf(action: Promise<unknown>): Promise<Problem> {
  const thrown = await action.then(
    () => new Error("nothing was thrown"),
    (error: unknown) => error,
  );
  if (thrown instanceof Problem) return thrown;
  throw thrown;
}

const RULE = `export function isFriday(timeMs: number): boolean {
  return new Date(timeMs).getUTCDay() === 5;
}
`;
const STRATEGY = `import { defineStrategy } from "ktrdr/strategy";
import { isFriday } from "./lib/rule.ts";

export default defineStrategy({
  description: "Long over the weekend.",
  parameters: { hold: { default: 1, min: 1, max: 5 } },
  onBar({ timeMs, position, parameters, buy }) {
    if (isFriday(timeMs) && position.size === 0) buy({ maxBars: parameters.hold });
  },
});
`;

describe("a strategy in TypeScript", () => {
  it("becomes one module with its imports, and keeps name, description and parameters", async () => {
    write("lib/rule.ts", RULE);
    const { strategy, parameters, warnings } = await loadRunnable(write("weekend.ts", STRATEGY));
    expect(strategy).toMatchObject({ kind: "script", name: "weekend", description: "Long over the weekend." });
    expect(parameters).toEqual({ hold: { default: 1, min: 1, max: 5 } });
    expect(warnings).toEqual([]);
    if (strategy.kind !== "script") throw new Error("it is code");
    expect(strategy.source).not.toMatch(/import|\n.*\n|number/);
    expect(JSON.parse(strategy.sourceMap ?? "")).toMatchObject({
      sources: expect.arrayContaining(["lib/rule.ts", "weekend.ts"]),
    });
    expect(strategy.sourceMap).not.toContain(folder);
  });

  it("bundles to the same code in any folder and with any comments", async () => {
    write("lib/rule.ts", RULE);
    const first = await bundleStrategy(write("weekend.ts", STRATEGY));
    write("elsewhere/lib/rule.ts", `// A comment more.\n\n${RULE}`);
    const second = await bundleStrategy(write("elsewhere/weekend.ts", STRATEGY));
    expect(second.source).toBe(first.source);
    expect(second.sourceMap).not.toBe(first.sourceMap);
  });

  it("runs, and an error in it names the line of the source", async () => {
    write("lib/rule.ts", RULE.replace("return", 'if (timeMs > 1e12) throw new RangeError("too late");\n  return'));
    const { strategy } = await loadRunnable(write("weekend.ts", STRATEGY));
    const { bars } = await loadSample("SP500");
    const spec = backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: "SP500", timeframe: "1d" } });
    const problem = await problemOf((async () => executeBacktest({ spec, bars, dataSha256: "0".repeat(64) }))());
    expect(problem.message).toMatch(/^onBar failed at bar \d+ \(2001-09-10\): too late \(lib\/rule\.ts:2:28\)$/);
  });

  it("may be JavaScript, of either module system", async () => {
    for (const [name, text] of [
      ["a.mjs", "export default { onBar() {} };"],
      ["b.cjs", "module.exports = { onBar() {} };"],
      ["c.js", "export default { name: 'named', onBar() {} };"],
    ]) {
      const { strategy } = await loadRunnable(write(name, text));
      expect(strategy.name).toBe(name === "c.js" ? "named" : name[0]);
    }
    expect(["a.ts", "a.mts", "a.cts", "a.JS", "a.yaml", "a.json", "ts"].map(isScriptFile)).toEqual([
      ...[true, true, true, true],
      ...[false, false, false],
    ]);
  });

  it("may import pure packages and JSON, which become part of it", async () => {
    write("node_modules/pure/package.json", '{ "name": "pure", "main": "index.js" }');
    write("node_modules/pure/index.js", "module.exports.twice = (value) => 2 * value;");
    write("levels.json", "[1, 2]");
    const file = write(
      "s.ts",
      'import { twice } from "pure";\nimport levels from "./levels.json";\nexport default { name: String(twice(levels[1])), onBar() {} };',
    );
    expect((await loadRunnable(file)).strategy.name).toBe("4");
  });

  it("is refused with each line that imports a module that nodes lack", async () => {
    const file = write(
      "s.ts",
      [
        'import { readFileSync } from "node:fs";',
        'import http from "http";',
        'import lodash from "not-installed";',
        'const later = await import("./later.ts");',
        "export default { onBar() { readFileSync; http; lodash; later; } };",
      ].join("\n"),
    );
    const { message, issues, cure } = await problemOf(bundleStrategy(file));
    expect(message).toBe(`${file} cannot be bundled.`);
    expect(issues.map((issue) => [issue.file, issue.line, issue.message.split(":")[0]])).toEqual(
      expect.arrayContaining([
        [file, 1, '"node'],
        [file, 2, '"http" is a part of Node'],
        [file, 3, 'Could not resolve "not-installed"'],
      ]),
    );
    expect(cure).toContain("install the package");
    const dynamic = write("d.ts", 'export default { onBar() { import("./x.ts"); } };');
    expect((await problemOf(bundleStrategy(dynamic))).issues).toMatchObject([
      { file: dynamic, line: 1, message: expect.stringContaining("import() is not available") },
    ]);
  });

  it("is refused for its syntax with line and column, also behind letters of several bytes", async () => {
    const file = write("s.ts", 'const ü = "é"; if (;\n');
    expect((await problemOf(bundleStrategy(file))).issues).toEqual([
      { message: 'Unexpected ";"', file, line: 1, column: 20 },
    ]);
  });

  it("is refused with its size when it is too large for an operation", async () => {
    const table = JSON.stringify(Array.from({ length: 20_000 }, (_, index) => index));
    const file = write("s.ts", `const table = ${table};\nexport default { onBar() { table.length; } };`);
    const problem = await problemOf(loadRunnable(file));
    expect(problem.kind).toBe("too-large");
    expect(problem.message).toMatch(/ has 1\d{5} bytes when it is bundled; 45056 fit into an operation\.$/);
  });

  it("is bundled without its source map, with a warning, when the map would be too large", async () => {
    const lines = Array.from({ length: 900 }, (_, index) => `  if (bar === ${index}) buy({ units: ${index + 1} });`);
    const file = write("s.js", `export default { onBar({ bar, buy }) {\n${lines.join("\n")}\n} };`);
    const { strategy, warnings } = await loadRunnable(file);
    expect(JSON.stringify(strategy).length).toBeLessThan(LIMITS.operationSpecBytes);
    expect(strategy).not.toHaveProperty("sourceMap");
    expect(warnings).toMatchObject([{ message: expect.stringContaining("the source map does not fit") }]);
  });

  it("is refused when it exports no strategy, does not end, fails, or names an unknown indicator", async () => {
    const failing = async (text: string) => problemOf(loadRunnable(write("s.ts", text)));
    expect((await failing("export const strategy = 1;")).message).toContain("exports no strategy");
    expect((await failing("for (;;) {}")).message).toContain("does not come to its end");
    const indicator = await failing("export default { indicators: () => ({ a: ['smaa'] }), onBar() {} };");
    expect(indicator.message).toContain('unknown type "smaa"');
    const top = await failing("const x = 1;\nnull.x;\nexport default { onBar() { x; } };");
    expect(top.message).toMatch(/Cannot read properties of null .*s\.ts:2:6\)$/);
    expect((await problemOf(loadRunnable(join(folder, "none.ts")))).message).toContain("cannot be read: ENOENT");
  });
});
