/** Writes a first strategy: one of the examples, named after its file. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { Problem } from "../../protocol/problem.ts";
import { isScriptFile } from "./strategy-bundle.ts";
import { compilerOptions } from "./strategy-types.ts";

const TEMPLATE_KINDS = ["rules", "neural"] as const;
export type TemplateKind = (typeof TEMPLATE_KINDS)[number];

const EXAMPLES = join(import.meta.dirname, "..", "..", "examples", "strategies");
const PROJECT_FOLDER = join(import.meta.dirname, "..", "..");

/**
 * Writes a working strategy to `file`, and for code a `tsconfig.json` beside it where no folder above has one.
 * Returns the files that it wrote.
 *
 * @throws Problem `conflict` where the file is there already, `invalid-request` for an ending that no strategy has
 */
export async function writeTemplate(file: string, kind: TemplateKind | undefined): Promise<string[]> {
  const source = templateFor(file, kind);
  const name = basename(file).replace(/\.[^.]+$/, "");
  const text = await readFile(join(EXAMPLES, source), "utf8");
  const own = isScriptFile(file)
    ? text.replaceAll("sma-cross.ts", basename(file))
    : text.replace(/^name: .*$/m, `name: ${name}`);
  await writeNew(file, own);
  if (!isScriptFile(file) || !needsCompilerOptions(file)) return [file];
  const config = join(dirname(file), "tsconfig.json");
  const document = { compilerOptions: compilerOptions(), include: ["."] };
  await writeNew(config, `${JSON.stringify(document, null, 2)}\n`);
  return [file, config];
}

function templateFor(file: string, kind: TemplateKind | undefined): string {
  if (isScriptFile(file)) {
    if (kind === undefined) return "sma-cross.ts";
    throw new Problem("invalid-request", `${file} is code, not ${kind}.`, {
      cure: "Leave --kind out, or give a .yaml file.",
    });
  }
  if (/\.ya?ml$/i.test(file)) return kind === "neural" ? "neural-daily-trend.yaml" : "sma-cross.yaml";
  throw new Problem("invalid-request", `${file} has the ending of no strategy.`, {
    cure: "End it in .ts (code), or .yaml (rules; a fuzzy-neural strategy with --kind neural).",
  });
}

/** True when no folder above has a `tsconfig.json`, by which an editor finds the types. ktrdr's own folder has one. */
function needsCompilerOptions(file: string): boolean {
  let folder = dirname(resolve(file));
  if (!relative(PROJECT_FOLDER, folder).startsWith("..")) return false;
  for (;;) {
    if (existsSync(join(folder, "tsconfig.json"))) return false;
    const above = dirname(folder);
    if (above === folder) return true;
    folder = above;
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === "EEXIST" ? "it is there already" : (code ?? String(error));
    throw new Problem("conflict", `${file} cannot be written: ${why}`, { cure: "Give another name.", cause: error });
  }
}
