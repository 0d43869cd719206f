/**
 * Plants each fault of `mutants.ts` in a copy of the tree and runs the property test that must find it: `make mutants`, or
 * `node test/mutants/run.ts WORDS` for the faults that have these words. A fault counts as caught only where the test fails by an assertion.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { ROOT, trackedFiles } from "../support/source-tree.ts";
import { MUTANTS, type Mutant, type PropertyTest } from "./mutants.ts";

/** Beyond it a test hangs, which is no assertion. */
const LIMIT_MS = 180_000;

interface VitestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

type Verdict = { readonly end: "passed" | "failed by an assertion" } | { readonly end: "broken"; readonly why: string };

/** A copy of every tracked file as it is now, with the packages linked. */
function copyOfTree(): string {
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-mutants-"));
  for (const path of trackedFiles()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(ROOT, path), join(folder, path));
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Plants the fault and answers how to undo it. */
function plant(folder: string, { changes }: Mutant): () => void {
  const before = changes.map(({ file, search, replace }) => {
    const text = readFileSync(join(folder, file), "utf8");
    const parts = text.split(search);
    if (parts.length !== 2) throw new Error(`the search text stands ${parts.length - 1} times in ${file}`);
    writeFileSync(join(folder, file), parts.join(replace));
    return { file, text };
  });
  return () => {
    for (const { file, text } of before) writeFileSync(join(folder, file), text);
  };
}

/** Runs only the named test in the copy. */
function verdictOf(folder: string, { file, name }: PropertyTest): Verdict {
  const output = join(folder, "mutant-report.json");
  rmSync(output, { force: true });
  const pattern = `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
  const words = [
    "run",
    "--project",
    "unit",
    "--reporter=default",
    "--reporter=json",
    `--outputFile=${output}`,
    "-t",
    pattern,
    file,
  ];
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const env = { ...process.env, PROPERTY_SHRINK: "no" };
  const run = { cwd: folder, env, timeout: LIMIT_MS, encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  const { error, stderr, stdout } = spawnSync(process.execPath, [vitest, ...words], run);
  if (error !== undefined) return { end: "broken", why: error.message };
  const report = readReport(output);
  if (report === null) return { end: "broken", why: "no report" };
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const ran = results.find(({ status }) => status === "passed" || status === "failed");
  if (ran === undefined) return { end: "broken", why: `no test is named "${name}"` };
  if (ran.status === "passed") return { end: "passed" };
  // A property test fails by an error of its own, whose cause only the printed text names.
  if (/\bAssertionError\b/.test(stdout + stderr)) return { end: "failed by an assertion" };
  return { end: "broken", why: ran.failureMessages.join(" ").slice(0, 300) };
}

function readReport(path: string): VitestReport | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as VitestReport;
  } catch {
    return null;
  }
}

/** Each distinct test once, on the tree as it is: a test that fails anyway catches nothing. */
function faultsOfTests(folder: string, tests: readonly PropertyTest[]): string[] {
  const distinct = new Map(tests.map((test) => [`${test.file} ${test.name}`, test]));
  return [...distinct].flatMap(([key, test]) => {
    const verdict = verdictOf(folder, test);
    return verdict.end === "passed" ? [] : [`${key}: ${verdict.end === "broken" ? verdict.why : verdict.end}`];
  });
}

function tried(folder: string, mutant: Mutant): { readonly isCaught: boolean; readonly line: string } {
  const began = performance.now();
  const undo = plant(folder, mutant);
  const verdict = verdictOf(folder, mutant.caughtBy);
  undo();
  const isCaught = verdict.end === "failed by an assertion";
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  const why = verdict.end === "broken" ? `  (${verdict.why})` : "";
  const by = mutant.caughtBy.file.split("/").at(-1);
  return { isCaught, line: `${isCaught ? "caught" : "MISSED"} ${seconds} s  ${mutant.fault}  [${by}]${why}` };
}

function main(words: readonly string[]): number {
  const wanted = MUTANTS.filter(({ fault }) => words.every((word) => fault.includes(word)));
  if (wanted.length === 0) {
    console.log(`No fault has the words "${words.join(" ")}".`);
    return 1;
  }
  const folder = copyOfTree();
  try {
    const faults = faultsOfTests(
      folder,
      wanted.map(({ caughtBy }) => caughtBy),
    );
    if (faults.length > 0) {
      console.log(`These tests do not pass without any fault:\n${faults.join("\n")}`);
      return 1;
    }
    let caught = 0;
    for (const mutant of wanted) {
      const { isCaught, line } = tried(folder, mutant);
      caught += isCaught ? 1 : 0;
      console.log(line);
    }
    console.log(`${caught} caught, ${wanted.length - caught} missed`);
    return caught === wanted.length ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

process.exitCode = main(process.argv.slice(2));
