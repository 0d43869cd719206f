/** A copy of the project in which a test adds what a person would add, and reads the checks' messages. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT, trackedFiles } from "../support/source-tree.ts";

/** Something new, such as a kind of operation. */
export interface Addition {
  readonly what: string;
  /** Every place that must be written, each once. */
  readonly parts: readonly Part[];
  /** The tests that hold the tables together, as vitest takes them. */
  readonly tests: readonly string[];
}

interface Part {
  /** Such as `its row in protocol/operations/index.ts`. */
  readonly name: string;
  add(copy: ProjectCopy): void;
  /** The checks' message where only this part is left out; it names the place. */
  readonly missing: RegExp;
}

/** Every room that types of the others come from. */
const PRODUCT = ["protocol", "results", "compute-node", "client", "cli", "durable-objects/scheduler"];

export class ProjectCopy {
  readonly folder: string;
  /** Texts from before the changes; null for a file that was not there. */
  readonly #before = new Map<string, string | null>();

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "ktrdr-places-"));
    for (const path of trackedFiles()) cpSync(join(ROOT, path), join(this.folder, path), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(this.folder, "node_modules"));
  }

  /** A file that was not there. */
  create(path: string, text: string): void {
    this.#before.set(path, null);
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  /** Puts a line before each of the lines that `anchors` names. Throws for one that the file does not have. */
  insert(path: string, anchors: Readonly<Record<string, string>>): void {
    let text = readFileSync(join(this.folder, path), "utf8");
    if (!this.#before.has(path)) this.#before.set(path, text);
    for (const [anchor, line] of Object.entries(anchors)) {
      if (!text.includes(anchor)) throw new Error(`${path} has no "${anchor}" any more: say where the line goes now`);
      text = text.replace(anchor, () => `${line}${anchor}`);
    }
    writeFileSync(join(this.folder, path), text);
  }

  /** Takes every change back. */
  restore(): void {
    for (const [path, text] of this.#before) {
      if (text === null) rmSync(join(this.folder, path));
      else writeFileSync(join(this.folder, path), text);
    }
    this.#before.clear();
  }

  /** The compiler's faults; empty where nothing is missing. */
  types(): string {
    return this.#run("tsc", ["-p", "tsconfig.json", "--incremental", "--tsBuildInfoFile", "types.tsbuildinfo"]);
  }

  /** The same without the tests' own types, which takes half the time. */
  productTypes(): string {
    const config = { extends: "./tsconfig.json", include: PRODUCT, exclude: ["**/*.test.ts", "**/testing"] };
    writeFileSync(join(this.folder, "tsconfig.product.json"), JSON.stringify(config));
    const saved = ["--incremental", "--tsBuildInfoFile", "product.tsbuildinfo"];
    return this.#run("tsc", ["-p", "tsconfig.product.json", ...saved]);
  }

  /** The tests' faults; empty where they pass. */
  tests(files: readonly string[]): string {
    return this.#run("vitest", ["run", "--project", "unit", "--no-color", ...files]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The output of a program that failed, and nothing of one that did not. */
  #run(program: string, words: readonly string[]): string {
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST"));
    const ended = spawnSync(join(ROOT, "node_modules", ".bin", program), words, {
      cwd: this.folder,
      env: Object.fromEntries(environment),
      encoding: "utf8",
    });
    if (ended.error !== undefined) throw ended.error;
    return ended.status === 0 ? "" : `${program} fails:\n${ended.stdout}${ended.stderr}`;
  }
}
