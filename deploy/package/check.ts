/** Checks that a package is whole: nothing in it may refer to a file or package that it lacks. */
import { posix } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Files } from "./archive.ts";
import { WORKER_SOURCE } from "./contents.ts";
import { openedFiles, typescriptNames } from "./specifiers.ts";

/** Returns one line for each fault, with the file and the place in it; none for a package that is whole. */
export async function faultsOf(files: Files, modules: readonly string[]): Promise<string[]> {
  const texts = new Map(modules.map((path) => [path, Buffer.from(files.get(path) ?? []).toString("utf8")]));
  const named = [...texts].map(async ([path, code]) => await namesLeft(path, code, files));
  return [
    ...(await importsLeadNowhere(files, modules)),
    ...(await Promise.all(named)).flat(),
    ...notOpened(texts, files),
  ];
}

/** Finds broken imports, as esbuild reads the modules. */
async function importsLeadNowhere(files: Files, modules: readonly string[]): Promise<string[]> {
  const result = await build({
    // One entry imports all of them, so that a fault of a shared module is printed once.
    stdin: { contents: modules.map((path) => `import "./${path}";`).join("\n"), sourcefile: "modules" },
    bundle: true,
    write: false,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "silent",
    plugins: [inMemory(files)],
  }).catch((failure: { errors: { text: string; location: { file: string; line: number } | null }[] }) => failure);
  return result.errors.map(({ text, location }) => {
    const place = location === null ? "" : `${location.file.replace(/^package:/, "")}:${location.line}: `;
    return `${place}${text}`;
  });
}

function inMemory(files: Files): Plugin {
  return {
    name: "package",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, importer }) => {
        if (!path.startsWith(".")) return { external: true };
        const target = posix.join(posix.dirname(importer), path);
        if (files.has(target)) return { path: target, namespace: "package" };
        return { errors: [{ text: `"${path}" is not in the package` }] };
      });
      onLoad({ filter: /./, namespace: "package" }, ({ path }) => ({ contents: files.get(path)!, loader: "js" }));
    },
  };
}

/** Finds names of TypeScript files that the package lacks. It may name a file that it has, such as an example. */
async function namesLeft(path: string, code: string, files: Files): Promise<string[]> {
  const shipped = new Set([...files.keys()].map((file) => posix.basename(file)));
  const names = (await typescriptNames(code)).filter(
    ({ name }) => !shipped.has(posix.basename(name)) && !name.endsWith(WORKER_SOURCE),
  );
  return names.map(
    ({ name, line }) => `${path}:${line}: "${name}" is the name of a source, which is not in the package`,
  );
}

function notOpened(texts: ReadonlyMap<string, string>, files: Files): string[] {
  return [...texts].flatMap(([path, code]) =>
    openedFiles(code)
      .map((relative) => posix.join(posix.dirname(path), relative))
      .filter((target) => !files.has(target) && target.replace(/js$/, "ts") !== WORKER_SOURCE)
      .map((target) => `${path}: it opens ${target}, which is not in the package`),
  );
}
