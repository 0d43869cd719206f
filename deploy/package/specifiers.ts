/**
 * Rewrites references between files of ktrdr, in JavaScript that Node stripped of its types: `./socket.ts` becomes
 * `./socket.js`. Covers the forms that the sources use; `typescriptNames` finds any other name of a `.ts` file.
 */
import { posix } from "node:path";
import { transform } from "esbuild";

/** Each captures the text before the name, the name without its ending, and the text after it. */
const REFERENCES: readonly RegExp[] = [
  /(\b(?:from|import) ")(\.{1,2}\/[^"\n]+)\.ts(")/g,
  /(\bimport\(\s*")(\.{1,2}\/[^"\n]+)\.ts("\s*\))/g,
  /(\bnew URL\(")([^"\n]+)\.ts(", import\.meta\.url\))/g,
  /(\bjoin\([^()\n]*")([^"\n]+)\.ts("\))/g,
];

/** Keeps lengths, and so lines and columns. A file whose last name is not among `modules` keeps its name. */
export function withJavaScriptNames(code: string, modules: ReadonlySet<string>): string {
  return REFERENCES.reduce(
    (text, reference) =>
      text.replace(reference, (whole: string, before: string, name: string, after: string) =>
        modules.has(`${posix.basename(name)}.ts`) ? `${before}${name}.js${after}` : whole,
      ),
    code,
  );
}

/** Finds the files that a module opens at run time, as paths relative to it. Skips folders, which end in a slash. */
export function openedFiles(code: string): string[] {
  return [...code.matchAll(/\bnew URL\("([^"\n]*[^"\n/])", import\.meta\.url\)/g)].map(([, path = ""]) => path);
}

interface NamedFile {
  readonly name: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Finds string literals that are the name of a TypeScript source. Comments and longer texts may mention them. */
export async function typescriptNames(code: string): Promise<NamedFile[]> {
  // esbuild parses the language like Node and drops comments; a search in the text cannot.
  const { code: bare } = await transform(code, { minifyWhitespace: true, charset: "utf8", legalComments: "none" });
  const names = new Set(
    [...bare.matchAll(/["'`]((?!\.\w)[^"'`\s]+(?<!\.d)\.[cm]?ts)["'`]/g)].map(([, name = ""]) => name),
  );
  return [...names].map((name) => ({ name, line: code.slice(0, code.indexOf(name)).split("\n").length }));
}
