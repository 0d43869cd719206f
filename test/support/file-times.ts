/** A reporter that writes the seconds of each test file, with its imports and hooks: `.ktrdr/test-results/times/<kind>.json`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

export interface FileTime {
  /** Relative to the project's folder. */
  readonly file: string;
  readonly seconds: number;
}

const ROOT = join(import.meta.dirname, "..", "..");

export default class FileTimes implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const kinds = Map.groupBy(modules, (module) => module.project.name);
    const folder = join(ROOT, ".ktrdr/test-results/times");
    mkdirSync(folder, { recursive: true });
    for (const [kind, ofKind] of kinds) {
      writeFileSync(join(folder, `${kind}.json`), JSON.stringify(ofKind.map(timeOf)));
    }
  }
}

function timeOf(module: TestModule): FileTime {
  const { setupDuration, collectDuration, duration } = module.diagnostic();
  const seconds = (setupDuration + collectDuration + duration) / 1000;
  return { file: relative(ROOT, module.moduleId), seconds };
}
