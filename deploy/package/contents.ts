/** Lists the contents of the package: every module that one of its programs reaches, and the files that those read. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { build } from "esbuild";
import { openedFiles } from "./specifiers.ts";

/** Programs that a person, a service or another program starts. The package also has their imports and threads. */
export const PROGRAMS: readonly string[] = [
  "cli/ktrdr.js",
  "compute-node/main.ts",
  "compute-node/backtest/script/api.ts",
  "control-plane/serve.ts",
  "control-plane/start-control-plane.ts",
  "deploy/docker/check-health.ts",
  "deploy/packages-for.ts",
  "deploy/self-host/start-control-plane.ts",
];

/** Files and folders that are read or run unchanged. */
const DATA: readonly string[] = [
  "README.md",
  "cli/report/page",
  "compute-node/sandbox/sandbox-prelude.js",
  "compute-node/training/kernels/build",
  "deploy/config",
  "deploy/scripts/common.sh",
  "deploy/scripts/update-code.sh",
  "deploy/systemd",
  "examples/strategies",
  "examples/trainers",
  "schemas",
];

const ENTRY = "programs";

/** Files that only the editor and the compiler read. */
const LEFT_OUT = /(^|\/)(tsconfig\.json|[^/]*\.test\.ts)$/;

interface ModuleGraph {
  /** Paths relative to the root, sorted. */
  readonly modules: readonly string[];
  /** The npm packages that they import. */
  readonly packages: readonly string[];
}

/** The Worker's entry, which goes into the package as a bundle. */
export const WORKER_SOURCE = "src/index.ts";

/** Throws esbuild's error for an import that leads nowhere. */
export async function moduleGraph(root: string): Promise<ModuleGraph> {
  for (let programs = PROGRAMS; ; ) {
    const graph = await graphOf(root, programs);
    const threads = graph.modules.flatMap((path) => threadsOf(root, path)).filter((path) => !programs.includes(path));
    if (threads.length === 0) return graph;
    programs = [...programs, ...new Set(threads)];
  }
}

/** Finds the modules that a module opens as `new URL("….ts", import.meta.url)`. */
function threadsOf(root: string, path: string): string[] {
  const opened = openedFiles(readFileSync(join(root, path), "utf8")).filter((name) => name.endsWith(".ts"));
  return opened.map((name) => posix.join(posix.dirname(path), name)).filter((target) => target !== WORKER_SOURCE);
}

async function graphOf(root: string, programs: readonly string[]): Promise<ModuleGraph> {
  const { metafile } = await build({
    absWorkingDir: root,
    // One entry imports all of them, so that a fault of a shared module is printed once.
    stdin: { contents: programs.map((path) => `import "./${path}";`).join("\n"), resolveDir: root, sourcefile: ENTRY },
    bundle: true,
    write: false,
    metafile: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  const outside = imported.filter(({ path, external }) => external === true && !path.startsWith("node:"));
  const packages = new Set(outside.map(({ path }) => packageName(path)));
  return {
    modules: Object.keys(metafile.inputs)
      .filter((path) => path !== ENTRY)
      .sort(),
    packages: [...packages].sort(),
  };
}

/** `hyparquet-writer/src/metadata.js` belongs to `hyparquet-writer`. */
export function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Contents by path relative to the root. Throws Node's error for a missing file. */
export function dataFiles(root: string): Map<string, Uint8Array> {
  const paths = DATA.flatMap((entry) => filesBelow(root, entry)).filter((path) => !LEFT_OUT.test(path));
  return new Map(paths.map((path) => [path, readFileSync(join(root, path))]));
}

function filesBelow(root: string, path: string): string[] {
  try {
    return readdirSync(join(root, path))
      .sort()
      .flatMap((name) => filesBelow(root, `${path}/${name}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return [path];
    throw error;
  }
}
