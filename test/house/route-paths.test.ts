/** A path of the API is written once, in its route's row. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT, trackedFiles } from "../support/source-tree.ts";

/** Files that write the beginning of a path themselves, with the reason. */
const MAY: Readonly<Record<string, string>> = {
  "protocol/api.ts": "declares the beginning of every path",
  "src/index.ts": "says in a problem how paths begin",
  "src/mount.ts": "guards what is under that beginning",
  "cli/commands/batch/command.ts": "prints help, and loads nothing for it",
};

it("writes every path of the API in the table of routes, and nowhere else", () => {
  const sources = trackedFiles().filter(
    (path) => /\.[jt]s$/.test(path) && !/^test\/|\.test\.ts$|\/testing\/|^protocol\/routes\//.test(path),
  );
  const writing = sources.filter((path) => {
    const code = readFileSync(join(ROOT, path), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    return /\bAPI_PREFIX\b|\/api\/v\d/.test(code);
  });
  expect(sources.length).toBeGreaterThan(500);
  expect(writing.sort()).toEqual(Object.keys(MAY).sort());
});
