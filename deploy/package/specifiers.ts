/**
 * References from one file of ktrdr to another, in JavaScript that Node stripped of its types: `./socket.ts` becomes
 * `./socket.js`. The forms are those that the sources use; whatever else names a `.ts` file is found by `typescriptNames`.
 */
import { posix } from "node:path";
import { transform } from "esbuild";

/** Each has what stands before the name, the name without its ending, and what stands after it. */
const REFERENCES: readonly RegExp[] = [
  /(\b(?:from|import) ")(\.{1,2}\/[^"\n]+)\.ts(")/g,
  /(\bimport\(\s*")(\.{1,2}\/[^"\n]+)\.ts("\s*\))/g,
  /(\bnew URL\(")([^"\n]+)\.ts(", import\.meta\.url\))/g,
  /(\bjoin\([^()\n]*")([^"\n]+)\.ts("\))/g,
];

/** Lengths stay, so that lines and columns do. A file that is none of `modules`, by its last name, keeps its name. */
export function withJavaScriptNames(code: string, modules: ReadonlySet<string>): string {
  return REFERENCES.reduce(
    (text, reference) =>
      text.replace(reference, (whole: string, before: string, name: string, after: string) =>
        modules.has(`${posix.basename(name)}.ts`) ? `${before}${name}.js${after}` : whole,
      ),
    code,
  );
}

/** Files that a module opens at run time, as paths relative to it; one that ends in a slash is a folder, and none of them. */
export function openedFiles(code: string): string[] {
  return [...code.matchAll(/\bnew URL\("([^"\n]*[^"\n/])", import\.meta\.url\)/g)].map(([, path = ""]) => path);
}

interface NamedFile {
  readonly name: string;
  /** From 1. */
  readonly line: number;
}

/** String literals that are the name of a TypeScript source; comments and longer texts may mention them. */
export async function typescriptNames(code: string): Promise<NamedFile[]> {
  // esbuild reads the language as Node does and leaves comments out, which a search in the text could not.
  const { code: bare } = await transform(code, { minifyWhitespace: true, charset: "utf8", legalComments: "none" });
  const names = new Set(
    [...bare.matchAll(/["'`]((?!\.\w)[^"'`\s]+(?<!\.d)\.[cm]?ts)["'`]/g)].map(([, name = ""]) => name),
  );
  return [...names].map((name) => ({ name, line: code.slice(0, code.indexOf(name)).split("\n").length }));
}
