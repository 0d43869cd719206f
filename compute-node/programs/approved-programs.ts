/** The programs that an operator approves: by name, each an executable file and the arguments that always come first. */
import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { LIMITS, Problem, programName } from "../../protocol/index.ts";

/** By name; the first of each list is the executable, with its whole path. */
export type ApprovedPrograms = Readonly<Record<string, readonly string[]>>;

/**
 * A mapping of names to a path, or to a list of a path and arguments, in the file; elsewhere `name=/path` once or several
 * times, with commas in the environment.
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
  return isAbsolute(path) ? [] : [`${name} needs its whole path, such as /opt/trainers/${name}, and not ${path}`];
}

/** Throws a `Problem` (`invalid-request`) for a program that cannot be run here: better now than when the first job comes. */
export function requirePrograms(programs: ApprovedPrograms): void {
  for (const [name, [path]] of Object.entries(programs)) {
    const fault = missingOf(path ?? "");
    if (fault === null) continue;
    throw new Problem("invalid-request", `The program ${name} cannot be run: ${fault}.`, {
      cure: "Correct its path after --program, or leave it out.",
    });
  }
}

function missingOf(path: string): string | null {
  if (process.platform === "win32") return "programs need process groups, which Windows does not have";
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile() ? null : `${path} is no file`;
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EACCES";
    return isThere ? `${path} is not executable by this user; \`chmod +x\` may make it so` : `${path} is not there`;
  }
}
