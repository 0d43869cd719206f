import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";
import { speakFormerProtocol } from "./former-protocol.ts";

function exportsOf(file: string): string[] {
  const text = readFileSync(join(PROJECT_FOLDER, file), "utf8");
  return [...text.matchAll(/^export (?:const|function|class|type|interface) (\w+)/gm)]
    .map(([, name]) => name!)
    .toSorted();
}

it("protocol 1's socket.ts has the names of today's, in whose place tests put it", () => {
  const today = exportsOf("protocol/socket.ts");
  expect(today.length).toBeGreaterThan(10);
  expect(exportsOf("test/fixtures/protocol-1/socket.ts.txt")).toEqual(expect.arrayContaining(today));
});

it("has every module that protocol 1's socket.ts imports", () => {
  const tree = mkdtempSync(join(tmpdir(), "ktrdr-former-"));
  try {
    cpSync(join(PROJECT_FOLDER, "protocol"), join(tree, "protocol"), { recursive: true });
    symlinkSync(join(PROJECT_FOLDER, "node_modules"), join(tree, "node_modules"));
    writeFileSync(join(tree, "package.json"), '{ "type": "module" }');
    speakFormerProtocol(tree, 1, "ts");
    const program = 'const { SUBPROTOCOL } = await import("./protocol/socket.ts"); console.log(typeof SUBPROTOCOL);';
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      ...{ cwd: tree, encoding: "utf8" },
    });
    expect(stdout, stderr).toBe("string\n");
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
});
