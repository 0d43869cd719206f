/** The programs of `make test`, on a Makefile whose tests are one-line scripts. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ALONE, clock, KINDS, LANES, type RunnerTime } from "./kinds.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-run-all-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string): { status: number | null; out: string } {
  const script = join(import.meta.dirname, program);
  const environment = { PATH: process.env.PATH, KTRDR_PATIENCE: "1" };
  const options = { cwd: folder, encoding: "utf8", env: environment } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, "results"], options);
  return { status, out: stdout + stderr };
}

describe("run-all", () => {
  /** Each kind notes its begin and its end; `scripts` come in between. */
  function makefile(scripts: Readonly<Record<string, string>> = {}): void {
    const targets = KINDS.map(
      (kind) =>
        `test-${kind}:\n\t@echo "begin ${kind}" >> notes; echo "said by ${kind}"; ${scripts[kind] ?? "true"}; echo "end ${kind}" >> notes\n`,
    );
    writeFileSync(join(folder, "Makefile"), targets.join(""));
  }
  const notes = (): string[] => readFileSync(join(folder, "notes"), "utf8").trim().split("\n");

  it("runs lanes beside each other, the kinds of a lane in order, and alone the kinds that assert speed", () => {
    const [first, second] = LANES.map(([kind]) => kind);
    const met = (other: string): string => `until grep -q "begin ${other}" notes; do sleep 0.01; done`;
    makefile({ [first!]: met(second!), [second!]: met(first!) });
    expect(run("run-all.ts").status).toBe(0);
    const noted = notes();
    for (const lane of LANES) {
      const ofLane = noted.filter((note) => lane.some((kind) => note.endsWith(` ${kind}`)));
      expect(ofLane).toEqual(lane.flatMap((kind) => [`begin ${kind}`, `end ${kind}`]));
    }
    expect(noted.slice(-2 * ALONE.length)).toEqual(ALONE.flatMap((kind) => [`begin ${kind}`, `end ${kind}`]));
  });

  it("fails when one kind fails, after all others ran, and shows the output of each kind whole and in order", () => {
    makefile({ e2e: "echo first; echo second >&2; exit 3" });
    const { status, out } = run("run-all.ts");
    expect(status).toBe(1);
    const headings = [...out.matchAll(/^── (\S+) ──$/gm)].map(([, kind]) => kind);
    expect(headings).toEqual(KINDS);
    for (const kind of KINDS) expect(out).toContain(`said by ${kind}\n`);
    const ofFailed = out.slice(out.indexOf("── e2e ──"), out.indexOf("── chaos ──"));
    expect(ofFailed).toMatch(/said by e2e\n[\s\S]*first\n[\s\S]*── e2e FAILED after 0:0\d ──/);
    expect(ofFailed).toContain("second\n");
    expect(readFileSync(join(folder, "results/e2e.log"), "utf8")).toContain("said by e2e\nfirst\n");
  });

  it("leaves the time of each kind", () => {
    makefile({ unit: "i=0; while [ $$i -lt 60000 ]; do i=$$((i+1)); done" });
    run("run-all.ts");
    const times = JSON.parse(readFileSync(join(folder, "results/runners.json"), "utf8")) as RunnerTime[];
    expect(times.map(({ kind }) => kind).toSorted()).toEqual(KINDS.toSorted());
    const processor = times.map(({ processorSeconds }) => processorSeconds ?? Number.NaN);
    if (process.platform === "linux") expect(Math.max(...processor)).toBeGreaterThan(0);
  });
});

describe("print-totals", () => {
  function report(kind: string, tests: readonly { status: "passed" | "failed" | "skipped"; duration: number }[]): void {
    const count = (status: string): number => tests.filter((test) => test.status === status).length;
    const assertionResults = tests.map((test, index) => ({
      ...test,
      fullName: `${kind} ${index}`,
      meta: { assertions: 2 },
    }));
    const json = {
      ...{ numPassedTests: count("passed"), numFailedTests: count("failed"), numPendingTests: count("skipped") },
      success: count("failed") === 0,
      testResults: [{ name: join(import.meta.dirname, "a.test.ts"), status: "passed", message: "", assertionResults }],
    };
    mkdirSync(join(folder, "results/times"), { recursive: true });
    writeFileSync(join(folder, `results/${kind}.json`), JSON.stringify(json));
    writeFileSync(
      join(folder, `results/times/${kind}.json`),
      JSON.stringify([{ file: `${kind}.test.ts`, seconds: 3 }]),
    );
  }

  it("ends with the sum of all kinds, after times, the slowest, and assertions", () => {
    for (const kind of KINDS) report(kind, [{ status: "passed", duration: 1_500 }]);
    report("unit", [
      { status: "passed", duration: 9_900 },
      { status: "skipped", duration: 0 },
    ]);
    const times: RunnerTime[] = [{ kind: "unit", seconds: 369, processorSeconds: 61.4 }];
    writeFileSync(join(folder, "results/runners.json"), JSON.stringify(times));
    const { status, out } = run("print-totals.ts");
    expect(status).toBe(0);
    expect(out).toMatch(/^ {2}unit +6:09 +1:01$/m);
    expect(out).toMatch(/slowest files, seconds:\n {5}3\.0 {2}unit\.test\.ts\n/);
    expect(out).toMatch(/slowest tests, seconds:\n {5}9\.9 {2}test\/support\/a\.test\.ts > unit 0\n/);
    expect(out.trim().split("\n").slice(-2)).toEqual(["16 assertions executed", "7 passed, 0 failed, 1 skipped"]);
  });

  it("names what failed, and counts a kind without a report as a failure", () => {
    for (const kind of KINDS.slice(1)) report(kind, [{ status: kind === "e2e" ? "failed" : "passed", duration: 1 }]);
    const { status, out } = run("print-totals.ts");
    expect(status).toBe(1);
    expect(out).toContain("Failed:\n  unit: no report, counted as a failure\n  e2e: test/support/a.test.ts > e2e 0\n");
    expect(out.trim().split("\n").at(-1)).toBe("5 passed, 2 failed");
  });
});

it.each([
  [0.4, "0:00"],
  [59.6, "1:00"],
  [369, "6:09"],
])("the clock shows %s seconds as %s", (seconds, text) => {
  expect(clock(seconds)).toBe(text);
});
