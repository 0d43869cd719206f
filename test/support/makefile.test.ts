/** The first things that people meet: the Makefile's list of targets, and a Node that is too old. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type StandIns, standIns } from "../../deploy/testing/stand-ins.ts";

const ROOT = join(import.meta.dirname, "..", "..");

let folder: string;
let stand: StandIns;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-makefile-"));
  stand = standIns(folder);
  copyFileSync(join(ROOT, "Makefile"), join(folder, "Makefile"));
  writeFileSync(join(folder, "package-lock.json"), "{}");
  // The files that the target `install` is made of.
  const kernels = join(folder, "compute-node/training/kernels");
  mkdirSync(kernels, { recursive: true });
  writeFileSync(join(kernels, "build.ts"), "");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function make(target: string): { status: number | null; out: string; err: string } {
  const environment = { PATH: stand.path, HOME: folder };
  const { status, stdout, stderr } = spawnSync("make", [target], { cwd: folder, encoding: "utf8", env: environment });
  return { status, out: stdout, err: stderr };
}

/** A Node of that version, as far as the Makefile asks. */
function nodeOf(version: string): void {
  const versions = `Object.defineProperty(process, "versions", { value: { node: "${version}" } });`;
  stand.program(
    "node",
    `[[ $1 == --version ]] && echo 'v${version}' && exit\n[[ $1 == -e ]] && exec '${process.execPath}' -e '${versions}'"$2"`,
  );
}

it("the Makefile says in one line that Node is too old to install the packages", () => {
  stand.program("npm");
  nodeOf("18.19.1");
  const { status, err } = make("install");
  expect(status).toBe(2);
  expect(err.split("\n")[0]).toBe(
    "error: npm needs Node 20.0 or newer; this is v18.19.1. https://nodejs.org/en/download",
  );
  expect(stand.calls().filter((call) => call.startsWith("npm"))).toEqual([]);
});

it("the Makefile says in one line that the Node which the packages brought is too old", () => {
  stand.program("npm", "mkdir -p node_modules");
  nodeOf("24.1.0");
  const { status, err } = make("install");
  expect(status).toBe(2);
  expect(err.split("\n")[0]).toBe(
    "error: ktrdr needs Node 24.2 or newer; this is v24.1.0. https://nodejs.org/en/download",
  );
});

it("make help lists what runs tests and checks", () => {
  const { out } = make("help");
  for (const target of ["test", "test-unit", "watch", "check", "quality"]) {
    expect(out).toMatch(new RegExp(`^  make ${target} +\\S`, "m"));
  }
});
