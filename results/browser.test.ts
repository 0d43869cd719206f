import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeBacktestResult, decodePortfolioResult } from "./index.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (name: string) => readFileSync(new URL(`testing/${name}`, import.meta.url));

/** Without the sign of a zero, which JSON does not carry. */
const asJson = (value: object): unknown => JSON.parse(JSON.stringify(value));

describe("results in a browser", () => {
  let script = "";
  let files: string[] = [];
  beforeAll(async () => {
    const { outputFiles, metafile } = await build({
      absWorkingDir: ROOT,
      entryPoints: ["results/index.ts"],
      bundle: true,
      write: false,
      metafile: true,
      platform: "browser",
      format: "iife",
      globalName: "results",
      logLevel: "error",
    });
    script = outputFiles[0].text;
    files = Object.keys(metafile.inputs);
  });

  it("need protocol, zod and hyparquet, and nothing else", () => {
    const rooms = files.map((file) => /^(?:.*node_modules\/)?([^/]+)\//.exec(file)?.[1]);
    expect([...new Set(rooms)].sort()).toEqual(["hyparquet", "hyparquet-writer", "protocol", "results", "zod"]);
  });

  it("decode to the same values as in Node, with nothing but the web's own globals", () => {
    const web = { TextEncoder, TextDecoder, URL, single: read("backtest.v2.zip"), portfolio: read("portfolio.v1.zip") };
    const context = createContext(web);
    runInContext(script, context);
    expect(runInContext("typeof process + typeof Buffer + typeof require", context)).toBe("undefined".repeat(3));
    const single = runInContext("JSON.stringify(results.decodeBacktestResult(single))", context);
    expect(JSON.parse(single)).toEqual(asJson(decodeBacktestResult(web.single)));
    const portfolio = runInContext("JSON.stringify(results.decodePortfolioResult(portfolio))", context);
    expect(JSON.parse(portfolio)).toEqual(asJson(decodePortfolioResult(web.portfolio)));
  });
});
