/** Releases for tests: the package that this checkout makes, also as other versions and with changes. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_FOLDER } from "../../cli/local/control-plane.ts";

export interface Release {
  /** The tarball; its SHA-256 is beside it, in a file with `.sha256` at the end. */
  readonly path: string;
  readonly sha256: string;
}

export class Releases {
  readonly #folder: string;
  readonly #original: string;
  readonly #version: string;

  /** Builds the package once, into `folder`. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    const script = join(PROJECT_FOLDER, "deploy/package/build.ts");
    const words = ["--no-warnings", script, "--out", folder, "--json"];
    const out = execFileSync(process.execPath, words, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    const built = JSON.parse(out) as { path: string; version: string };
    this.#original = built.path;
    this.#version = built.version;
  }

  /** The package as that version; `change` gets the folder that it is packed from. */
  make(version: string, change: (tree: string) => void = () => {}): Release {
    const work = join(this.#folder, `work-${version}`);
    mkdirSync(work);
    execFileSync("tar", ["-xzf", this.#original, "-C", work]);
    const tree = join(work, "package");
    for (const name of ["package.json", "npm-shrinkwrap.json", "deploy/packages-lock.json"]) {
      const document = JSON.parse(readFileSync(join(tree, name), "utf8"));
      document.version = version;
      if (document.packages !== undefined) document.packages[""].version = version;
      writeFileSync(join(tree, name), JSON.stringify(document));
    }
    const worker = join(tree, "control-plane/worker.js");
    writeFileSync(worker, readFileSync(worker, "utf8").replaceAll(`"${this.#version}"`, `"${version}"`));
    change(tree);
    const path = join(this.#folder, `ktrdr-${version}.tgz`);
    execFileSync("tar", ["-czf", path, "-C", work, "package"]);
    rmSync(work, { recursive: true });
    const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
    writeFileSync(`${path}.sha256`, `${sha256}  ktrdr-${version}.tgz\n`);
    return { path, sha256 };
  }
}
