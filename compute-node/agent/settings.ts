/** A node's settings: flags before environment before file before defaults, each checked, each with where it came from. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import type { z } from "zod";
import { Problem, type ProblemIssue } from "../../protocol/index.ts";
import { suggestion } from "../strategy/closest-name.ts";
import { type KnownSettings, type NodeSettings, SETTINGS, type SettingName } from "./settings-table.ts";

const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

export interface ResolvedSettings {
  readonly settings: NodeSettings;
  /** Such as `flag --url`, `environment BACKEND_URL`, `file /home/kim/.ktrdr/node.yaml` or `default`. */
  readonly sources: Readonly<Record<SettingName, string>>;
}

interface SettingsInput {
  /** By setting name, as commander gives them; `health: false` for `--no-health`, `config` for the file's path. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Settles every setting. Without `--config`, `<home>/node.yaml` is read where it exists.
 * Throws `invalid-request` for a value that does not fit (naming where it stands), an unknown key in the file (naming
 * the nearest one), and a `--config` file that cannot be read.
 */
export function resolveSettings({ flags, environment }: SettingsInput): ResolvedSettings {
  const given: Given = { flags: { ...flags }, environment, file: {}, fileName: "" };
  if (flags.health === false) given.flags.healthPort = false;
  const home = resolve(pick("home", given)?.value?.toString() ?? join(homedir(), ".ktrdr"));
  Object.assign(given, readSettingsFile(flags.config?.toString(), join(home, "node.yaml")));
  const issues: ProblemIssue[] = [];
  const values: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  for (const name of SETTING_NAMES) {
    const found = pick(name, given);
    sources[name] = found?.source ?? "default";
    if (found === undefined) continue;
    const parsed = SETTINGS[name].type.schema.safeParse(found.value);
    if (parsed.success) values[name] = parsed.data;
    else issues.push({ path: found.source, message: describeFault(parsed.error, found.value) });
  }
  if (issues.length > 0) throw invalidSettings(issues);
  return { settings: withFallbacks(values), sources: sources as Record<SettingName, string> };
}

interface Given {
  flags: Record<string, unknown>;
  environment: SettingsInput["environment"];
  file: Record<string, unknown>;
  fileName: string;
}

function pick(name: SettingName, given: Given): { value: unknown; source: string } | undefined {
  const { flag, environment, key } = SETTINGS[name];
  if (given.flags[name] !== undefined) {
    return { value: given.flags[name], source: `flag ${flag.split(" ")[0]}` };
  }
  const variable = given.environment[environment];
  if (variable !== undefined && variable !== "") return { value: variable, source: `environment ${environment}` };
  if (given.file[key] !== undefined) return { value: given.file[key], source: `file ${given.fileName}: ${key}` };
  return undefined;
}

/** `said` was checked, each by its own schema. */
function withFallbacks(said: Readonly<Record<string, unknown>>): NodeSettings {
  const settled: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    // A setting that another follows from stands before it in the table.
    const known = settled as unknown as KnownSettings;
    settled[name] = Object.hasOwn(said, name) ? said[name] : SETTINGS[name].fallback(known);
  }
  return settled as unknown as NodeSettings;
}

function readSettingsFile(asked: string | undefined, usual: string): Pick<Given, "file" | "fileName"> {
  const fileName = asked === undefined ? usual : resolve(asked);
  let text: string;
  try {
    text = readFileSync(fileName, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (asked === undefined && missing) return { file: {}, fileName };
    throw new Problem("invalid-request", `The settings file ${fileName} cannot be read: ${(error as Error).message}`, {
      cure: "Correct the path after --config.",
      cause: error,
    });
  }
  return { file: settingsOf(text, fileName), fileName };
}

/** YAML, and with it JSON. */
function settingsOf(text: string, fileName: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (error) {
    throw new Problem("invalid-request", `The settings file ${fileName} is not YAML: ${(error as Error).message}`, {
      cure: "Correct it at the place that the message names.",
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem("invalid-request", `The settings file ${fileName} holds no settings.`, {
      cure: "Write one setting a line, such as url: http://127.0.0.1:8787",
    });
  }
  const keys: string[] = Object.values(SETTINGS).map(({ key }) => key);
  const unknown = Object.keys(value).filter((key) => !keys.includes(key));
  const [first] = unknown;
  if (first !== undefined) {
    throw new Problem("invalid-request", `The settings file ${fileName} has an unknown setting: ${first}.`, {
      cure: suggestion(first, keys, "settings"),
      issues: unknown.map((key) => ({ file: fileName, path: key, message: "unknown setting" })),
    });
  }
  return value as Record<string, unknown>;
}

function invalidSettings(issues: readonly ProblemIssue[]): Problem {
  const [first = ""] = issues.map(({ path, message }) => `: ${path}: ${message}`);
  return new Problem("invalid-request", `A setting does not fit${first}`, {
    issues: [...issues],
    cure: "Correct it there; --help lists every setting.",
  });
}

function describeFault(error: z.ZodError, value: unknown): string {
  return `${JSON.stringify(value)}: ${error.issues.map(({ message }) => message).join("; ")}`;
}
