/**
 * Reads a fleet's configuration: the file that KTRDR_ENV picks, then overrides from the environment and `--set`.
 * Every value keeps its source, so that `ktrdr config show` can print it and a fault can name it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { isMap, isScalar, LineCounter, parse, parseDocument } from "yaml";
import { suggestion } from "../../compute-node/strategy/closest-name.ts";
import { Problem, type ProblemIssue } from "../../protocol/problem.ts";
import { FLEET_FIELDS, FLEET_OBJECTS, type FleetConfig, fleetConfigJson, parseFleetConfig } from "./fleet-config.ts";

const CONFIG_FOLDER = join(import.meta.dirname, "..", "..", "deploy", "config");
const DEFAULT_ENVIRONMENT = "dev";
/** Variables with this prefix are fields, so an unknown one is a mistake. */
const FIELD_VARIABLES = /^KTRDR_(HEALTH_CHECK|DEPLOYMENT|WORKERS)_/;

export interface FleetConfigRequest {
  /** A file instead of the one that KTRDR_ENV picks. */
  readonly file?: string | undefined;
  /** `path=value`, such as `health_check.interval_seconds=5`. */
  readonly assignments: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

interface FleetField {
  /** Such as `workers.backtesting.count`. */
  readonly path: string;
  readonly value: unknown;
  /** Such as `deploy/config/workers.prod.yaml:3`, `environment KTRDR_BACKEND_URL`, `flag --set` or `default`. */
  readonly source: string;
}

export interface ResolvedFleet {
  readonly config: FleetConfig;
  readonly file: string;
  /** In the schema's order. */
  readonly fields: readonly FleetField[];
}

/** The environment variable of a field: `health_check.interval_seconds` is KTRDR_HEALTH_CHECK_INTERVAL_SECONDS. */
export function fieldVariable(path: string): string {
  return `KTRDR_${path.replaceAll(".", "_").toUpperCase()}`;
}

/**
 * Throws `not-found` for an environment without a file, and `invalid-request` for a file that is not YAML, an unknown key
 * (with the closest name), a value that does not fit (with where it came from), and workers outside their network.
 */
export function resolveFleetConfig(request: FleetConfigRequest): ResolvedFleet {
  const file = request.file === undefined ? environmentFile(request.environment.KTRDR_ENV) : resolve(request.file);
  const given = readFields(file);
  const json = given.json;
  const sources = given.sources;
  for (const { path, value, source } of [...fromEnvironment(request.environment), ...fromFlags(request.assignments)]) {
    put(json, path.split("."), value);
    sources.set(path, source);
  }
  const config = checked(json, sources, file);
  const values = flatten(fleetConfigJson(config));
  const fields = [...FLEET_FIELDS.keys()]
    .filter((path) => values.has(path))
    .map((path) => ({ path, value: values.get(path), source: sources.get(path) ?? "default" }));
  return { config, file, fields };
}

function environmentFile(asked: string | undefined): string {
  const environment = asked || DEFAULT_ENVIRONMENT;
  const known = readdirSync(CONFIG_FOLDER).flatMap((name) => /^workers\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
  if (known.includes(environment)) return join(CONFIG_FOLDER, `workers.${environment}.yaml`);
  throw new Problem(
    "not-found",
    `KTRDR_ENV is ${environment}, but there is no workers.${environment}.yaml in ${CONFIG_FOLDER}`,
    {
      cure: suggestion(environment, known, "environments"),
    },
  );
}

interface GivenFields {
  json: Record<string, unknown>;
  sources: Map<string, string>;
}

function readFields(file: string): GivenFields {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new Problem("invalid-request", `${file} is not YAML: ${error.message}`, {
      cure: "Correct it at the place that the message names.",
    });
  }
  if (document.contents !== null && !isMap(document.contents)) {
    throw new Problem("invalid-request", `${file} holds no fields`, {
      cure: "Write one field a line, such as backend_url: http://127.0.0.1:8787",
    });
  }
  const sources = new Map<string, string>();
  const issues: ProblemIssue[] = [];
  const visit = (node: unknown, path: string): void => {
    const keys = FLEET_OBJECTS.get(path);
    if (keys === undefined || !isMap(node)) return;
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const below = path === "" ? name : `${path}.${name}`;
      const { line, col } = lines.linePos((isScalar(key) && key.range?.[0]) || 0);
      if (keys.includes(name)) {
        sources.set(below, `${shortPath(file)}:${line}`);
        visit(value, below);
      } else {
        issues.push({
          file,
          line,
          column: col,
          path: below,
          message: `unknown key. ${suggestion(name, keys, "keys")}`,
        });
      }
    }
  };
  visit(document.contents, "");
  if (issues.length > 0) throw unknownKeys(`${file} has an unknown key`, issues);
  const json: unknown = document.toJS() ?? {};
  return { json: json as Record<string, unknown>, sources };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Problem("not-found", `The configuration ${file} cannot be read: ${(error as Error).message}`, {
      cure: "Correct the path after --file, or leave it out and set KTRDR_ENV.",
      cause: error,
    });
  }
}

function fromEnvironment(environment: NodeJS.ProcessEnv): FleetField[] {
  const variables = new Map([...FLEET_FIELDS.keys()].map((path) => [fieldVariable(path), path]));
  const unknown = Object.keys(environment).filter((name) => FIELD_VARIABLES.test(name) && !variables.has(name));
  if (unknown.length > 0) {
    const names = [...variables.keys()];
    const issues = unknown.map((name) => ({
      message: `unknown variable. ${suggestion(name, names, "variables")}`,
      path: name,
    }));
    throw unknownKeys("The environment has an unknown variable", issues);
  }
  return [...variables].flatMap(([name, path]) => {
    const text = environment[name];
    return text === undefined || text === "" ? [] : [{ path, value: parse(text), source: `environment ${name}` }];
  });
}

function fromFlags(assignments: readonly string[]): FleetField[] {
  return assignments.map((assignment) => {
    const at = assignment.indexOf("=");
    const path = at < 0 ? assignment : assignment.slice(0, at);
    if (!FLEET_FIELDS.has(path)) {
      throw new Problem("invalid-request", `--set names an unknown field: ${path}`, {
        cure: suggestion(path, [...FLEET_FIELDS.keys()], "fields"),
      });
    }
    if (at < 0) {
      throw new Problem("invalid-request", `--set ${assignment} has no value`, {
        cure: `Write --set ${path}=<value>.`,
      });
    }
    return { path, value: parse(assignment.slice(at + 1)) as unknown, source: "flag --set" };
  });
}

function unknownKeys(message: string, issues: ProblemIssue[]): Problem {
  return new Problem("invalid-request", `${message}: ${issues[0]?.path}`, {
    issues,
    cure: "Correct or remove it; nothing unknown is passed over.",
  });
}

function checked(json: unknown, sources: ReadonlyMap<string, string>, file: string): FleetConfig {
  try {
    return parseFleetConfig(json);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const issues = error.issues.map((issue) => {
      const source = sources.get(issue.path ?? "");
      return source === undefined ? issue : { ...issue, message: `${issue.message} (from ${source})` };
    });
    throw new Problem("invalid-request", `The fleet of ${file} does not fit`, {
      issues,
      cure: "Correct the values at the places named above; `ktrdr config show --help` tells how each can be set.",
      cause: error,
    });
  }
}

/** Sets the value at `names` and makes missing objects on the way. Stops at a value that is no object; the schema refuses that. */
function put(object: Record<string, unknown>, [name, ...rest]: string[], value: unknown): void {
  if (name === undefined) return;
  if (rest.length === 0) {
    object[name] = value;
    return;
  }
  object[name] ??= {};
  const next = object[name];
  if (typeof next === "object" && next !== null) put(next as Record<string, unknown>, rest, value);
}

function flatten(value: unknown, path = "", into = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== "object" || value === null) return into.set(path, value);
  for (const [name, inner] of Object.entries(value)) flatten(inner, path === "" ? name : `${path}.${name}`, into);
  return into;
}

/** Relative to the working folder where that is shorter. */
function shortPath(file: string): string {
  const near = relative(process.cwd(), file);
  return near.startsWith("..") ? file : near;
}
