/** Whoever adds a statistic writes one file, and learns of a part of it that was left out. */
import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { patience } from "../support/patience.ts";
import { ProjectCopy } from "./places.ts";

const FILE = "results/statistics/winning-days.ts";
const PRINTED = ["results/statistics/index.ts", "docs/reference/results.md", "docs/reference/warnings.md"];
const TESTS = [
  "compute-node/backtest/results-page.test.ts",
  "compute-node/backtest/statistics/declared-statistics.test.ts",
  "results/archive/older-formats.test.ts",
  "cli/report/terminal.test.ts",
  "cli/report/html.test.ts",
];

/** The file of a statistic, line by line. */
const LINES: Readonly<Record<string, string>> = {
  key: 'key: "winningDays"',
  type: 'type: "number"',
  unit: 'unit: "count"',
  label: 'label: "Winning bars"',
  group: 'group: "Return"',
  row: "row: 9",
  position: "position: 32",
  formula: 'formula: "bars that end above the one before"',
  source: 'source: "nobody"',
  undefinedWhen: "undefinedWhen: null",
  of: "of: ({ equity }) => equity.filter((value, bar) => bar > 0 && value > equity[bar - 1]).length",
  example: "example: 4",
};

function fileWith(lines: Readonly<Record<string, string>>): string {
  const body = Object.values(lines).map((line) => `  ${line},\n`);
  const head =
    'import { declareStatistic } from "../declaration/index.ts";\n\nexport const winningDays = declareStatistic({\n';
  return `${head}${body.join("")}});\n`;
}

let copy: ProjectCopy;
beforeAll(() => {
  copy = new ProjectCopy();
});
afterEach(() => copy.restore());
afterAll(() => copy.remove());

function print(): void {
  for (const path of PRINTED) copy.insert(path, {});
  const { status, stderr } = spawnSync(process.execPath, ["compute-node/backtest/results-page.ts"], {
    cwd: copy.folder,
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
}

describe("a new statistic", () => {
  it(
    "is one file and the pages printed from it: types, pages, reports and older results agree",
    () => {
      copy.create(FILE, fileWith(LINES));
      print();
      expect(copy.types()).toBe("");
      expect(copy.tests(TESTS)).toBe("");
    },
    patience(300_000),
  );

  it(
    "that is not printed yet is refused, and the refusal names the list",
    () => {
      copy.create(FILE, fileWith(LINES));
      expect(copy.tests(TESTS.slice(0, 1))).toMatch(/results\/statistics\/index\.ts does not list winning-days\.ts/);
    },
    patience(300_000),
  );

  it(
    "whose example is not what its formula gives is refused by name",
    () => {
      copy.create(FILE, fileWith({ ...LINES, example: "example: 5" }));
      print();
      expect(copy.tests(TESTS.slice(1, 2))).toMatch(/winningDays of the example run is what its file says, 5/);
    },
    patience(300_000),
  );

  it(
    "without any part of its file is refused by the compiler, which names the part",
    () => {
      const parts = Object.keys(LINES);
      for (const part of parts) {
        const { [part]: _left, ...others } = LINES;
        copy.create(`results/statistics/without-${part}.ts`, fileWith(others));
      }
      const faults = copy.types();
      for (const part of parts) {
        expect(faults).toMatch(
          new RegExp(`results/statistics/without-${part}\\.ts[^\\n]*\\n?[^\\n]*'${part}' is missing`),
        );
      }
    },
    patience(300_000),
  );
});
