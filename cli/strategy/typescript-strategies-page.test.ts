import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditBacktest, executeBacktest } from "../../compute-node/backtest/index.ts";
import { loadSample } from "../../compute-node/market-data/index.ts";
import { backtestSpec, LIMITS } from "../../protocol/index.ts";
import { loadRunnable } from "./strategy-source.ts";
import { typeFaults } from "./strategy-types.ts";

const PROJECT_FOLDER = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(PROJECT_FOLDER, "docs", "reference", "typescript-strategies.md"), "utf8");
const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-page-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("docs/reference/typescript-strategies.md", () => {
  it.each(examples.map((text, index) => [`example ${index + 1}`, text]))(
    "%s passes the compiler, trades on real prices, and sees no later bar",
    async (name, text) => {
      const file = join(folder, `${name.replace(" ", "-")}.ts`);
      writeFileSync(file, text);
      expect(await typeFaults(file)).toEqual([]);
      const { strategy, warnings } = await loadRunnable(file);
      expect(warnings).toEqual([]);
      const { bars } = await loadSample("SP500");
      const spec = backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: "SP500", timeframe: "1d" } });
      const run = () => executeBacktest({ spec, bars, dataSha256: "0".repeat(64) });
      const { result, sha256 } = run();
      expect(result.trades.length).toBeGreaterThan(5);
      expect(run().sha256).toBe(sha256);
      expect(auditBacktest(spec, bars).findings).toEqual([]);
    },
  );

  it("names everything that a strategy may declare and use", () => {
    const source = (name: string) =>
      readFileSync(join(PROJECT_FOLDER, "compute-node", "backtest", `${name}.ts`), "utf8");
    const members = (text: string, type: string) => {
      const [, body] = new RegExp(`interface ${type}\\b.*? \\{\\n(.*?)\\n\\}`, "s").exec(text) ?? [];
      return [...(body ?? "").matchAll(/^ {2}(?:readonly )?(\w+)[?(:]/gm)].map(([, name]) => name);
    };
    const api = source("script/api");
    const types = ["ScriptStrategy", "ScriptOptions", "ScriptContext", "Series", "Position", "ClosedTrade"];
    const names = [...types.flatMap((type) => members(api, type)), ...members(source("engine/order"), "OrderRequest")];
    expect(names.length).toBeGreaterThan(40);
    const spoken = new Set(page.match(/\w+/g));
    expect(names.filter((name) => !spoken.has(name))).toEqual([]);
  });

  it("states the largest size of a strategy", () => {
    expect(page).toContain(`at most ${LIMITS.operationSpecBytes / 1024 - 4} KiB`);
  });
});
