/** What a setting's value may be: a schema that takes it from a flag, the environment or the file, and words for people. */
import { z } from "zod";
import { LIMITS } from "../../protocol/index.ts";
import { programsSchema } from "../programs/index.ts";

export interface SettingType<Value> {
  readonly schema: z.ZodType<Value>;
  /** Such as `whole number from 1 to 256`. */
  readonly text: string;
}

/** A number in the file, its digits elsewhere; nothing else counts as one. */
export function wholeNumber(least: number, most?: number): SettingType<number> {
  return {
    schema: digits(least, most),
    text: most === undefined ? `whole number from ${least}` : `whole number from ${least} to ${most}`,
  };
}

function digits(least: number, most = Number.MAX_SAFE_INTEGER) {
  const read = (value: unknown) => (typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value);
  return z.preprocess(read, z.int().min(least).max(most));
}

/** A boolean from a flag or the file; yes, true, 1 and their opposites elsewhere. */
export function yesOrNo(): SettingType<boolean> {
  const words: Readonly<Record<string, boolean>> = {
    yes: true,
    true: true,
    1: true,
    no: false,
    false: false,
    0: false,
  };
  const read = (value: unknown) => words[String(value).toLowerCase()];
  return { schema: z.preprocess(read, z.boolean({ error: "yes or no" })), text: "yes or no" };
}

export function choiceOf<Choice extends string>(choices: readonly Choice[]): SettingType<Choice> {
  return { schema: z.enum(choices), text: choices.map((choice) => `\`${choice}\``).join(", ") };
}

/** A list in the file, a text with commas elsewhere. */
export function listOf<Choice extends string>(choices: readonly Choice[]): SettingType<readonly Choice[]> {
  const read = (value: unknown) => (typeof value === "string" ? splitList(value) : value);
  return {
    schema: z.preprocess(read, z.array(z.enum(choices)).min(1).max(20)),
    text: `list of ${choices.map((choice) => `\`${choice}\``).join(", ")}`,
  };
}

export function text(schema: z.ZodType<string>, words: string): SettingType<string> {
  return { schema, text: words };
}

/** Without a slash at the end. */
export function url(): SettingType<string> {
  const error = "an http:// or https:// URL, such as http://127.0.0.1:8787";
  return {
    schema: z.url({ protocol: /^https?$/, error }).transform((written) => written.replace(/\/+$/, "")),
    text: error,
  };
}

/** Null for none. */
export function port(): SettingType<number | null> {
  const error = "a port from 0 to 65535, or false for none";
  return {
    schema: z
      .union([z.literal(false), digits(0, 65_535)], { error })
      .transform((value) => (value === false ? null : value)),
    text: error,
  };
}

/** What comes over plain http could be anybody's program. */
export function updateSource(): SettingType<string> {
  const isSafe = (written: string): boolean =>
    /^(\/|https:\/\/|http:\/\/(127\.0\.0\.1|localhost)([:/]|$))/.test(written);
  const error = "a folder such as /srv/ktrdr/releases, or a URL with https://";
  return { schema: z.string().refine(isSafe, error), text: error };
}

/** A mapping in the file, `name=value,name=value` elsewhere. */
export function labels(): SettingType<Readonly<Record<string, string>>> {
  const mapping = z.record(z.string().min(1).max(63), z.string().max(200));
  const read = (value: unknown): unknown => {
    if (typeof value !== "string") return value;
    const pairs = splitList(value).map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
    });
    return Object.fromEntries(pairs);
  };
  return { schema: z.preprocess(read, mapping), text: "names with a value each, such as `rack=3,owner=kim`" };
}

/** By name, the executable and its first arguments. */
export function programs(): SettingType<Readonly<Record<string, readonly string[]>>> {
  return { schema: programsSchema(), text: `at most ${LIMITS.programs} names with a whole path each` };
}

function splitList(written: string): string[] {
  return written
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
