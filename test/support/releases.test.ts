import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";

function exportsOf(file: string): string[] {
  const text = readFileSync(join(PROJECT_FOLDER, file), "utf8");
  return [...text.matchAll(/^export (?:const|function|class|type|interface) (\w+)/gm)]
    .map(([, name]) => name!)
    .toSorted();
}

it("protocol 1's socket.ts has the names of today's, which tests replace by it", () => {
  const today = exportsOf("protocol/socket.ts");
  expect(today.length).toBeGreaterThan(10);
  expect(exportsOf("test/fixtures/protocol-1/socket.ts.txt")).toEqual(expect.arrayContaining(today));
});
