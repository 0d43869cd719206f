/** The programs that an operator approves: by name, each an executable file and the arguments that always come first. */
import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { LIMITS, programName } from "../../protocol/index.ts";

/** By name; the first of each list is the executable, with its whole path. */
export type Programs = Readonly<Record<string, readonly string[]>>;

/**
 * A mapping of names to a path, or to a list of a path and arguments, in the file; elsewhere `name=/path` once or several
 * times, with commas in the environment. Every program must be there when the node starts.
 */
export function programsSchema() {
  const words = z.union([z.string().transform((path) => [path]), z.array(z.string()).min(1).max(100)], {
    error: "a path, or a list of a path and arguments",
  });
  const programs = z.record(z.string(), words).check((context) => {
    const entries = Object.entries(context.value);
    const faults = entries.flatMap(([name, [path]]) => faultOf(name, path ?? ""));
    if (entries.length > LIMITS.programs) faults.push(`at most ${LIMITS.programs} programs, and not ${entries.length}`);
    for (const message of faults) context.issues.push({ code: "custom", message, input: context.value });
  });
  return z.preprocess(mappingOf, programs);
}

function mappingOf(value: unknown): unknown {
  const pairs = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(pairs)) return value;
  const split = pairs.map((pair) => /^\s*([^=]*)=(.*?)\s*$/.exec(String(pair)));
  return split.every((match) => match !== null)
    ? Object.fromEntries(split.map(([, name, path]) => [name, path]))
    : value;
}

function faultOf(name: string, path: string): string[] {
  const { error } = programName.safeParse(name);
  if (error !== undefined) return [`${name} is no name: ${error.issues[0]?.message}`];
  if (process.platform === "win32") return ["programs run in process groups, which Windows does not have"];
  if (!isAbsolute(path)) return [`${name} needs its whole path, such as /opt/trainers/${name}, and not ${path}`];
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile() ? [] : [`${path} is no file`];
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EACCES";
    return [isThere ? `${path} is not executable; \`chmod +x\` makes it so` : `${path} is not there`];
  }
}
