/** A copy of the project in which a test adds what a person would add, and reads the checks' messages. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ROOT, trackedFiles } from "../support/source-tree.ts";

/** Something new, such as a kind of operation. */
export interface Addition {
  readonly what: string;
  /** Every place that must be written, each once. */
  readonly parts: readonly Part[];
  /** The tests that hold the tables together, as vitest takes them. */
  readonly tests: readonly string[];
  /** Compiles the places. */
  readonly compiledBy: Config;
}

interface Part {
  /** Such as `its row in protocol/operations/index.ts`. */
  readonly name: string;
  add(copy: ProjectCopy): void;
  /** The checks' message where only this part is left out; it names the place. */
  readonly missing: RegExp;
  /** The tests that say it, where a few of the addition's do. */
  readonly foundBy?: readonly string[];
}

type Config = "tsconfig.json" | "tsconfig.worker.json";

/** Every room that types of the others come from. */
const PRODUCT: Readonly<Record<Config, readonly string[]>> = {
  "tsconfig.json": ["protocol", "results", "compute-node", "client", "cli", "durable-objects/scheduler"],
  "tsconfig.worker.json": ["protocol", "telemetry", "src", "durable-objects"],
};

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

  /** Prints a page anew with a program, the text of a module that starts in the copy's folder. */
  print(path: string, program: string): void {
    this.insert(path, {});
    const said = this.#run(process.execPath, ["--input-type=module", "--eval", program]);
    if (said !== "") throw new Error(said);
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
    return Object.keys(PRODUCT)
      .map((config) => this.#compile(config))
      .join("");
  }

  /** Compiles one configuration without its tests, which takes half the time. */
  productTypes(config: Config): string {
    const product = `product.${config}`;
    const exclude = ["**/*.test.ts", "**/testing"];
    writeFileSync(
      join(this.folder, product),
      JSON.stringify({ extends: `./${config}`, include: PRODUCT[config], exclude }),
    );
    return this.#compile(product);
  }

  /** The tests' faults; empty where they pass. */
  tests(files: readonly string[]): string {
    return this.#run("vitest", ["run", "--project", "unit", "--project", "worker", "--no-color", ...files]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #compile(config: string): string {
    return this.#run("tsc", ["-p", config, "--incremental", "--tsBuildInfoFile", `${config}.tsbuildinfo`]);
  }

  /** The output of a program that failed, and nothing of one that did not. */
  #run(program: string, words: readonly string[]): string {
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST"));
    const ended = spawnSync(resolve(ROOT, "node_modules", ".bin", program), words, {
      cwd: this.folder,
      env: Object.fromEntries(environment),
      encoding: "utf8",
    });
    if (ended.error !== undefined) throw ended.error;
    return ended.status === 0 ? "" : `${program} fails:\n${ended.stdout}${ended.stderr}`;
  }
}
