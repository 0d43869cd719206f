/** Whether a package is whole: nothing in it may refer to what it does not have. */
import { posix } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Files } from "./archive.ts";
import { WORKER_SOURCE } from "./contents.ts";
import { openedFiles, typescriptNames } from "./specifiers.ts";

/** Answers what is wrong, a line each with the file and where in it; nothing for a package that is whole. */
export async function faultsOf(files: Files, modules: readonly string[]): Promise<string[]> {
  const texts = new Map(modules.map((path) => [path, Buffer.from(files.get(path) ?? []).toString("utf8")]));
  const named = [...texts].map(async ([path, code]) => await namesLeft(path, code, files));
  return [
    ...(await importsLeadNowhere(files, modules)),
    ...(await Promise.all(named)).flat(),
    ...notOpened(texts, files),
  ];
}

/** What the modules import, as esbuild reads it. */
async function importsLeadNowhere(files: Files, modules: readonly string[]): Promise<string[]> {
  const result = await build({
    // One entry for all of them: what many share would be printed once for each.
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

/** A name of a TypeScript file that is in the package as it is, such as an example, is none of ours. */
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
