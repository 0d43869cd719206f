import { describe, expect, it } from "vitest";
import { openedFiles, typescriptNames, withJavaScriptNames } from "./specifiers.ts";

const MODULES = new Set(["socket.ts", "main.ts", "job-thread.ts"]);

describe("a reference to a module", () => {
  it.each([
    ['import { a } from "./socket.ts";', 'import { a } from "./socket.js";'],
    ['import "../socket.ts";', 'import "../socket.js";'],
    ['export * from "../protocol/socket.ts";', 'export * from "../protocol/socket.js";'],
    ['const m = await import("./main.ts");', 'const m = await import("./main.js");'],
    ['await import(\n  "./main.ts"\n);', 'await import(\n  "./main.js"\n);'],
    ['new Worker(new URL("job-thread.ts", import.meta.url))', 'new Worker(new URL("job-thread.js", import.meta.url))'],
    ['join(FOLDER, "compute-node", "main.ts"),', 'join(FOLDER, "compute-node", "main.js"),'],
  ])("%s becomes that of its JavaScript", (before, after) => {
    expect(withJavaScriptNames(before, MODULES)).toBe(after);
  });

  it.each([
    'join(folder, "globals.d.ts")',
    'join(folder, "strategy.ts")',
    '// as in "./socket.ts"',
    'say("End it in .ts, such as main.ts");',
  ])("%s stays: it is none", (code) => {
    expect(withJavaScriptNames(code, MODULES)).toBe(code);
  });
});

it("finds names of sources in the code, with their lines, and not in comments, texts or endings", async () => {
  const code = [
    "// thread.ts",
    'const ending = [".ts", ".d.ts", "globals.d.ts"];',
    "/** See `other.ts`. */",
    'export const name = ending.length > 1 ? "deep/thread.ts" : "End it in .ts";',
  ].join("\n");
  expect(await typescriptNames(code)).toEqual([{ name: "deep/thread.ts", line: 4 }]);
});

it("finds the files that a module opens, and not the folders", () => {
  const code = 'new URL("./a.css", import.meta.url); new URL("../", import.meta.url); new URL("https://x.example");';
  expect(openedFiles(code)).toEqual(["./a.css"]);
});
