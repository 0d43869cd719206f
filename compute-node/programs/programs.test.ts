import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commandSpec, LIMITS, Problem, type Progress } from "../../protocol/index.ts";
import { allocateBars, type BarColumns } from "../market-data/index.ts";
import { type ProgramInput, Programs, type ProgramsOptions, type RunningProgram } from "./programs.ts";

const FAKE = join(import.meta.dirname, "testing", "fake-program.mjs");
const LEASE = { operationId: "op_00000000000000000001", attempt: 1 };

let folder: string;
let programs: Programs;
let lines: string[];
let progress: Progress[];
let checkpoints: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-programs-"));
  [lines, progress, checkpoints] = [[], [], []];
});
afterEach(async () => {
  await programs?.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(
  input: Record<string, unknown>,
  change: Partial<ProgramInput> = {},
  options: Partial<ProgramsOptions> = {},
) {
  const approved = { fake: [process.execPath, FAKE] };
  programs = new Programs({ approved, folder: join(folder, "work"), timeLimitMs: 20_000, graceMs: 100, ...options });
  const spec = commandSpec.parse({
    kind: "command",
    program: "fake",
    input,
    artefactMediaType: "application/x-weights",
  });
  return programs.run(
    { lease: LEASE, spec, datasets: [], checkpoint: null, ...change },
    {
      onProgress: (told) => progress.push(told),
      onLog: (told) => lines.push(...told),
      onCheckpoint: (bytes) => checkpoints.push(Buffer.from(bytes).toString()),
    },
  );
}

async function seen(what: () => boolean): Promise<void> {
  for (let waitedMs = 0; !what(); waitedMs += 10) {
    if (waitedMs > 10_000) throw new Error(`not seen; the log: ${lines.join("\n")}`);
    await sleep(10);
  }
}

const isAlive = (pid: number): boolean => {
  if (process.platform !== "linux") return isSignalled(pid);
  try {
    // A zombie that nobody has waited for is over as well.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};
const isSignalled = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const leftovers = (): string[] => readdirSync(join(folder, "work"));
const failureOf = async (run: RunningProgram) => {
  const end = await run.ended;
  if (end.type !== "failed") throw new Error(`it ended as ${end.type}`);
  return end;
};

describe("a program that goes well", () => {
  it("tells progress and lines, and its file is the result", async () => {
    const end = await start({ does: "succeed" }).ended;
    expect(end).toMatchObject({
      type: "result",
      result: {
        // sha256sum of "weights".
        sha256: "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
        bytes: 7,
        mediaType: "application/x-weights",
        summary: { loss: 0.125 },
      },
    });
    expect(progress).toEqual([{ phase: "training", fraction: 0.5, rates: { loss: 0.25 } }]);
    expect(lines).toEqual(expect.arrayContaining(["half way", "a plain line", "a line of stderr"]));
    expect(leftovers()).toEqual([]);
  });

  it("finds its specification as on the wire, its prices within the asked range, and no secret", async () => {
    process.env.ENROLMENT_TOKEN = "secret";
    process.env.KTRDR_TOKEN = "secret";
    const bars = allocateBars(4);
    for (let row = 0; row < 4; row++) bars.timeMs[row] = row * 1_000;
    const data = [{ symbol: "ABC", timeframe: "1d", startMs: 1_000, endMs: 2_000 }];
    const spec = commandSpec.parse({ kind: "command", program: "fake", input: { does: "tell", keepMe: 1 }, data });
    try {
      const end = await start({}, { spec, datasets: [{ bars, sha256: "a".repeat(64) }] }).ended;
      expect(end).toMatchObject({ type: "result", bytes: null, result: { sha256: null } });
      const summary = end.type === "result" ? end.result.summary : {};
      expect(summary.names).toEqual(
        ["DATA_FOLDER", "SPEC", "WORK_FOLDER", "ATTEMPT", "OPERATION_ID"].map((name) => `KTRDR_${name}`).sort(),
      );
      expect(summary.spec).toEqual({
        ...{ kind: "command", program: "fake", input: { does: "tell", keepMe: 1 } },
        data: [{ symbol: "ABC", timeframe: "1d", start_ms: 1_000, end_ms: 2_000 }],
        ...{ data_format: "parquet", artefact_media_type: "application/octet-stream" },
        ...{ operation_id: LEASE.operationId, attempt: 1, checkpoint: null },
        datasets: [{ file: "data/0.parquet", symbol: "ABC", timeframe: "1d", sha256: "a".repeat(64), rows: 2 }],
      });
    } finally {
      delete process.env.ENROLMENT_TOKEN;
      delete process.env.KTRDR_TOKEN;
    }
  });

  it("may hand over checkpoints, from which another attempt goes on", async () => {
    const first = await failureOf(start({ does: "resume" }));
    expect(first.retryable).toBe(true);
    expect(checkpoints).toEqual(["first", "second"]);
    const again = { lease: { ...LEASE, attempt: 2 }, checkpoint: Buffer.from("second") };
    const end = await start({ does: "resume" }, again).ended;
    expect(end.type === "result" && Buffer.from(end.bytes ?? []).toString()).toBe("second and on");
  });

  it("ends with what it left behind: a process that still runs is killed", async () => {
    const end = await start({ does: "leaveChild" }).ended;
    const child = end.type === "result" ? Number(end.result.summary.child) : 0;
    expect(child).toBeGreaterThan(1);
    await seen(() => !isAlive(child));
  });
});

describe("a program that fails", () => {
  it("is quoted, and not tried again", async () => {
    const { error, retryable } = await failureOf(start({ does: "fail", code: 3 }));
    expect(error.detail).toBe("The program ended with code 3:\nthe matrix is singular");
    expect(retryable).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it.each([
    [{ does: "end" }, "ended without a result, and printed nothing"],
    [{ does: "nameWrongFile", file: "none.bin" }, "The program wrote no file none.bin"],
    [{ does: "nameWrongFile", file: "/etc/passwd" }, "/etc/passwd is not a file of the work folder"],
    [{ does: "nameWrongFile", file: ".." }, ".. is not a file of the work folder"],
  ])("%j says what is missing", async (input, message) => {
    const { error } = await failureOf(start(input));
    expect(error.detail).toContain(message);
    expect(error.cure).toBeDefined();
  });

  it("to be understood hears of it in its log, and goes on", async () => {
    const end = await start({ does: "mumble" }).ended;
    expect(end.type).toBe("result");
    expect(progress).toEqual([]);
    expect(lines).toEqual([
      expect.stringMatching(/^warning: not understood, since it is not JSON .*NaN/),
      expect.stringMatching(/^warning: not understood, since progress\.fraction: /),
      "warning: no checkpoint: The program wrote no file none.bin.",
      '{"something":"else"}',
      expect.stringMatching(/^the program ended after \d+\.\d s \(code 0\)$/),
    ]);
  });

  it("that is not approved is refused", () => {
    const spec = commandSpec.parse({ kind: "command", program: "constructor" });
    expect(() => start({}, { spec })).toThrow(Problem);
  });

  it("that cannot be started says so", async () => {
    const { error } = await failureOf(start({}, {}, { approved: { fake: ["/no/such/program"] } }));
    expect(error.detail).toMatch(/ended with code 127:\n.*\/no\/such\/program/);
  });
});

describe("limits", () => {
  it("cut a line that is too long", async () => {
    expect((await start({ does: "printHugeLine" }).ended).type).toBe("result");
    expect(lines[0]).toHaveLength(
      LIMITS.programLineBytes + `… (${1_000_000 - LIMITS.programLineBytes} bytes more)`.length,
    );
  });

  it("end a program that prints too much", async () => {
    const { error } = await failureOf(start({ does: "printForEver" }));
    expect(error.detail).toBe(`The program printed more than ${LIMITS.programOutputBytes} bytes.`);
  });

  it("end a program that takes too long", async () => {
    const { error } = await failureOf(start({ does: "ignoreSigterm" }, {}, { timeLimitMs: 300 }));
    expect(error.detail).toBe("The program ran for more than 300 ms.");
    expect(leftovers()).toEqual([]);
  });
});

describe("a program that is told to stop", () => {
  it("may end by itself", async () => {
    const run = start({ does: "waitForEver" }, {}, { graceMs: 20_000 });
    await seen(() => progress.length > 0);
    run.stop();
    expect(await run.ended).toEqual({ type: "stopped" });
    expect(lines).toContain("leaving");
    expect(leftovers()).toEqual([]);
  });

  it("is killed with its children where it does not listen", async () => {
    const run = start({ does: "ignoreSigterm" });
    await seen(() => progress.length > 0);
    const child = Number(/child (\d+)/.exec(lines.join("\n"))?.[1]);
    expect(isAlive(child)).toBe(true);
    run.stop();
    expect(await run.ended).toEqual({ type: "stopped" });
    await seen(() => !isAlive(child));
  });

  it("does not even start where it comes at once", async () => {
    const run = start({ does: "waitForEver" });
    run.stop();
    expect(await run.ended).toEqual({ type: "stopped" });
    expect(progress).toEqual([]);
  });

  it("may save first, when the node leaves", async () => {
    const run = start({ does: "saveOnSigterm" });
    await seen(() => progress.length > 0);
    run.saveAndStop();
    expect(await run.ended).toEqual({ type: "stopped" });
    expect(checkpoints).toEqual(["last"]);
  });
});

it("leaves no folder where it cannot be filled, and another node may try", async () => {
  const broken = { bars: undefined as unknown as BarColumns, sha256: "a".repeat(64) };
  const data = [{ symbol: "ABC", timeframe: "1d" }];
  const spec = commandSpec.parse({ kind: "command", program: "fake", data });
  const { retryable } = await failureOf(start({}, { spec, datasets: [broken] }));
  expect(retryable).toBe(true);
  expect(leftovers()).toEqual([]);
});

it("removes what an earlier process left in the folder of runs", async () => {
  mkdirSync(join(folder, "work", "old"), { recursive: true });
  await start({ does: "succeed" }).ended;
  expect(leftovers()).toEqual([]);
  expect(existsSync(join(folder, "work"))).toBe(true);
});

it("runs a script by its first line, as operators give it", async () => {
  const script = join(folder, "run.sh");
  writeFileSync(script, '#!/bin/sh\necho \'{"result": {"summary": {"shell": true}}}\'\n');
  chmodSync(script, 0o755);
  const end = await start({}, {}, { approved: { fake: [script] } }).ended;
  expect(end).toMatchObject({ type: "result", result: { summary: { shell: true } } });
});
