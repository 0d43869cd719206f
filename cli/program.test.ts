import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeAnswer, fakeControlPlane } from "../client/testing/fake-control-plane.ts";
import { OPERATION_ID, type sampleOperation, sampleOperationJson } from "../client/testing/sample-operation.ts";
import { createProgram, runCommand, usageText } from "./program.ts";
import { createContext } from "./terminal/context.ts";
import { type TestSurroundings, testSurroundings } from "./testing/collector.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ktrdr-program-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function run(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const surroundings = testSurroundings({ KTRDR_HOME: home, ...environment });
  const code = await runCommand(words, surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

/** Runs against a fake control plane that gives each request the same answer. */
async function runAgainst(answer: FakeAnswer, words: readonly string[]): Promise<Ran & { paths: string[] }> {
  await using plane = await fakeControlPlane(() => answer);
  const ran = await run(words, { KTRDR_URL: plane.url, KTRDR_TOKEN: "t" });
  return { ...ran, paths: plane.requests.map((request) => `${request.method} ${request.path}`) };
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap((child) => allCommands(child as Command))];
}

function program(surroundings: TestSurroundings = testSurroundings()): Command {
  return createProgram(surroundings, (options) => createContext(options, surroundings));
}

describe("usage", () => {
  it("is shown without a command, and is no failure", async () => {
    const { code, out, err } = await run([]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("Usage: ktrdr");
    expect(out).toContain("First steps:");
  });

  it("has the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"));
    expect(await run(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  it("has a description and examples for every command that does something", () => {
    const undescribed = allCommands(program()).filter((command) => command.description() === "");
    expect(undescribed.map((command) => command.name())).toEqual([]);
    for (const command of allCommands(program()).filter((each) => each.commands.length === 0)) {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help, command.name()).toMatch(/Examples?:\n {2}\$ ktrdr /);
    }
  });

  it.each([
    [["bcktest"], "unknown command 'bcktest'", "Did you mean backtest?"],
    [["backtest", "s.yaml", "--simbol", "X"], "unknown option '--simbol'", "Did you mean --symbol?"],
    [["backtest"], "Which strategy?", "Name its file"],
    [["ops", "show"], "missing required argument 'operation-id'", "--help"],
    [["ops", "list", "--status", "done"], "'done' is invalid", "--help"],
    [["ops", "list", "--limit", "0"], "whole number from 1 to 500", "--help"],
    [["up", "--port", "70000"], "whole number from 0 to 65535", "--help"],
    [["backtest", "s.yaml", "--from", "yesterday"], "It is a day such as 2020-03-01", "--help"],
    [["backtest", "s.yaml", "--set", "fast"], "fast_period=20", "--help"],
    [["backtest", "s.yaml", "--local", "--detach"], "exclude each other", "--help"],
    [["workers", "drian", "x"], "unknown command 'drian'", "Did you mean drain?"],
    [["ops", "log", "op_1"], "unknown command 'log'", "Did you mean logs?"],
    [["ops", "list", "op_1"], "too many arguments for 'list'", "--help"],
  ])("%j is wrong usage, exit code 2", async (words, message, cure) => {
    const { code, out, err } = await run(words);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(message);
    expect(err.split("\n")[0]).toMatch(/^error: /);
    expect(err.split("\n")[1]).toMatch(/^ {2}cure: /);
    expect(err).toContain(cure);
  });

  it("is one JSON document when --json was asked for", async () => {
    const { code, out } = await run(["bcktest", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(out).error).toMatchObject({ title: "Wrong usage", detail: "unknown command 'bcktest'" });
  });

  it("keeps a message without a suggestion in the same shape", () => {
    expect(usageText("error: too many arguments\n")).toBe(
      "error: too many arguments\n  cure: See the usage with --help.\n",
    );
    expect(usageText("error: Which prices?\nPass --symbol.")).toBe("error: Which prices?\n  cure: Pass --symbol.\n");
  });
});

describe("failures", () => {
  it("name the message and the cure on stderr, exit code 1", async () => {
    const { code, out, err } = await run(["workers"]);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(/^error: No control plane is known: .*\n {2}cure: Start one here with: ktrdr up\./);
  });

  it("are a JSON document on stdout as well, with --json", async () => {
    const { code, out, err } = await run(["workers", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out).error).toMatchObject({ status: 401, detail: expect.stringContaining("No control plane") });
    expect(err).toContain("error: ");
  });

  it("name a strategy file that is missing", async () => {
    const { code, err } = await run(["backtest", join(home, "none.yaml"), "--local"]);
    expect(code).toBe(1);
    expect(err).toContain("none.yaml cannot be read: ENOENT");
  });
});

describe("ops", () => {
  it("lists, with a way to the next page", async () => {
    const json = { total: 2, operations: [operationJson()], next_cursor: "7" };
    const { code, out, paths } = await runAgainst({ json }, ["ops"]);
    expect(code).toBe(0);
    expect(paths).toEqual(["GET /api/v1/operations?limit=20"]);
    expect(out).toContain(OPERATION_ID);
    expect(out).toContain("ktrdr ops list --cursor 7");
  });

  it("prints the API's own JSON with --json", async () => {
    const json = sampleOperationJson({ waitingReason: "no worker" });
    const { out } = await runAgainst({ json }, ["ops", "show", OPERATION_ID, "--json"]);
    expect(JSON.parse(out)).toEqual(json);
  });

  it("watches to the end, and fails when the operation did", async () => {
    const error = {
      type: "urn:ktrdr:problem:data-not-found",
      title: "",
      status: 404,
      detail: "no MSFT",
      cure: "Load it.",
    };
    const { code, out } = await runAgainst({ json: sampleOperationJson({ status: "failed", error }) }, [
      "ops",
      "watch",
      OPERATION_ID,
    ]);
    expect(code).toBe(1);
    expect(out).toContain("error: no MSFT\n  cure: Load it.");
  });

  it("writes a result to a file, byte for byte", async () => {
    const file = join(home, "result.json");
    const { code } = await runAgainst({ text: '{"x":1.0}' }, ["ops", "result", OPERATION_ID, "-o", file]);
    expect(code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe('{"x":1.0}');
  });

  it("reports the outcome of a cancellation", async () => {
    const running = operationJson({ status: "running", cancelRequested: true });
    const { out } = await runAgainst({ status: 202, json: running }, ["ops", "cancel", OPERATION_ID]);
    expect(out).toBe(`${OPERATION_ID} is running; its worker is told to stop.\n`);
  });
});

describe("workers, tokens, enrolment", () => {
  it("says how to get workers when there are none", async () => {
    const { out } = await runAgainst({ json: { total: 0, workers: [] } }, ["workers"]);
    expect(out).toContain("ktrdr node start");
  });

  it("drains a worker and undoes the drain", async () => {
    const { paths } = await runAgainst({ json: {} }, ["workers", "drain", "desk-1", "--off"]);
    expect(paths).toEqual(["POST /api/v1/workers/desk-1/drain"]);
  });

  const created = {
    ...{ token_id: "tok_1", token: "ktrdr.default.abc", name: "ci", workspace: "default", expires_at_ms: null },
  };

  it("puts a new token alone on stdout, for pipes", async () => {
    const json = { ...created, role: "researcher" };
    const { out, err } = await runAgainst({ json }, ["token", "create", "--name", "ci"]);
    expect(out).toBe("ktrdr.default.abc\n");
    expect(err).toContain("shown this once");
  });

  it("prints the command for another machine, alone on stdout", async () => {
    const json = { ...created, role: "enrolment" };
    const { out, err } = await runAgainst({ json }, ["enrol"]);
    expect(out).toMatch(/^ktrdr node start --url http:\/\/127\.0\.0\.1:\d+ --token ktrdr\.default\.abc\n$/);
    expect(err).toContain("this machine's address");
  });
});

describe("report", () => {
  it("refuses a file that is no result", async () => {
    const file = join(home, "x.json");
    writeFileSync(file, "{}");
    const { code, err } = await run(["report", file]);
    expect(code).toBe(1);
    expect(err).toContain("is not the result of a backtest");
  });

  it("refuses a name that is neither an operation nor a file", async () => {
    const { err } = await run(["report", "op_nothing"]);
    expect(err).toContain("neither an operation id nor a file");
  });
});

it("keeps main.ts executable, since npm links to it", () => {
  for (const name of ["main.ts", "ktrdr.js"]) {
    const path = join(import.meta.dirname, name);
    expect(statSync(path).mode & 0o111).toBe(0o111);
    expect(readFileSync(path, "utf8").split("\n")[0]).toBe("#!/usr/bin/env node");
  }
});

/** An operation as lists carry it, without the specification. */
function operationJson(changes: Parameters<typeof sampleOperation>[0] = {}): unknown {
  const { spec: _spec, ...json } = sampleOperationJson(changes) as Record<string, unknown>;
  return json;
}
