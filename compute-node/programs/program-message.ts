/** What a program says on its standard output: one JSON object a line. Everything else that it prints is its log. */
import { z } from "zod";
import { issuesOf, progress } from "../../protocol/index.ts";

const file = z.string().min(1).max(500);
const programMessage = z.union([
  z.strictObject({ progress: progress.extend({ phase: progress.shape.phase.default("run") }) }),
  z.strictObject({ log: z.string() }),
  /** A file of the work folder, which is taken out of it. Each has a new name. */
  z.strictObject({ checkpoint: file }),
  /** `file` is read once the program has ended. */
  z.strictObject({
    result: z.strictObject({ file: file.optional(), summary: z.record(z.string(), z.unknown()).default({}) }),
  }),
]);
export type ProgramMessage = z.infer<typeof programMessage>;

const KEYS = ["progress", "log", "checkpoint", "result"] as const;
const LOOKS_LIKE_ONE = new RegExp(`^\\s*\\{\\s*"(${KEYS.join("|")})"\\s*:`);

/** A text is for the log: the line itself, or what is wrong with one that was meant as a message. */
export function parseProgramLine(line: string): ProgramMessage | string {
  if (!LOOKS_LIKE_ONE.test(line)) return line;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `warning: not understood, since it is not JSON (${(error as Error).message}): ${line}`;
  }
  const parsed = programMessage.safeParse(value);
  return parsed.success ? parsed.data : `warning: not understood, since ${faultOf(value)}: ${line}`;
}

/** The fault within the message that was meant; a union's own says nothing. */
function faultOf(value: unknown): string {
  const meant = programMessage.options.find(
    (option) => Object.keys(option.shape)[0] === Object.keys(value as object)[0],
  );
  const error = meant?.safeParse(value).error;
  const [first] = error === undefined ? [] : issuesOf(error);
  return first === undefined ? "it does not fit" : `${first.path}: ${first.message}`;
}
