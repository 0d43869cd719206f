/**
 * Reads a Dockerfile as data, for tests that carry it out. Knows the instructions of ktrdr's own and refuses all others, so that
 * no step is passed over.
 */

type Step =
  | { readonly does: "run"; readonly command: string }
  | {
      readonly does: "copy";
      readonly from: string | null;
      readonly sources: readonly string[];
      readonly target: string;
    }
  | { readonly does: "workdir"; readonly folder: string }
  | { readonly does: "environment"; readonly values: Readonly<Record<string, string>> }
  | { readonly does: "argument"; readonly name: string; readonly value: string }
  | { readonly does: "user"; readonly name: string };

export interface Stage {
  readonly name: string;
  /** An earlier stage, or an image. */
  readonly base: string;
  readonly steps: readonly Step[];
  readonly command: readonly string[] | null;
  readonly healthCheck: readonly string[] | null;
  readonly volumes: readonly string[];
  readonly ports: readonly number[];
}

interface OpenStage extends Stage {
  readonly steps: Step[];
  command: string[] | null;
  healthCheck: string[] | null;
  readonly volumes: string[];
  readonly ports: number[];
}

/** Returns its stages in order. Throws for an unknown instruction or option, with its line. */
export function parseDockerfile(text: string): Stage[] {
  const globals = new Map<string, string>();
  const stages: OpenStage[] = [];
  for (const { line, words: instruction } of instructions(text)) {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/s.exec(instruction) ?? [];
    const refuse = (why: string): never => {
      throw new Error(`Dockerfile, line ${line}: ${why}: ${instruction}`);
    };
    if (name === "FROM") {
      const [, base, stage] = /^(\S+) AS ([a-z-]+)$/.exec(rest) ?? refuse("a stage has a base and a name");
      stages.push(stageOf(filledIn(base!, globals), stage!));
      continue;
    }
    const stage = stages.at(-1);
    if (name === "ARG" && stage === undefined) {
      const [key, value = ""] = rest.split("=");
      globals.set(key!, unquoted(value));
    } else if (stage === undefined || !readInto(stage, name, rest)) refuse("it is not known to the tests");
  }
  return stages;
}

/** Returns a stage with the steps and settings of its base stages, theirs first. */
export function wholeStage(stages: readonly Stage[], name: string): Stage {
  const stage = stages.find((each) => each.name === name);
  if (stage === undefined) throw new Error(`there is no stage ${name}`);
  const base = stages.find((each) => each.name === stage.base);
  if (base === undefined) return stage;
  const below = wholeStage(stages, base.name);
  return {
    ...stage,
    base: below.base,
    steps: [...below.steps, ...stage.steps],
    command: stage.command ?? below.command,
    healthCheck: stage.healthCheck ?? below.healthCheck,
    volumes: [...below.volumes, ...stage.volumes],
    ports: [...below.ports, ...stage.ports],
  };
}

/** Returns a test for paths that the build sees. The last pattern that matches the path or a folder above it decides. */
export function contextFilter(ignoreFile: string): (path: string) => boolean {
  const rules = ignoreFile
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const pattern = line.replace(/^!/, "").split("/");
      const parts = pattern.map((part) =>
        part === "**" ? "(?:.*/)?" : `${part.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]*")}/`,
      );
      return { isKept: line.startsWith("!"), matches: new RegExp(`^${parts.join("").slice(0, -1)}(/|$)`) };
    });
  return (path) => rules.findLast((rule) => rule.matches.test(path))?.isKept ?? true;
}

function stageOf(base: string, name: string): OpenStage {
  return { name, base, steps: [], command: null, healthCheck: null, volumes: [], ports: [] };
}

/** Returns false for an unknown instruction. */
function readInto(stage: OpenStage, name: string, rest: string): boolean {
  const { steps } = stage;
  switch (name) {
    case "RUN":
      if (rest.startsWith("--") || rest.startsWith("[")) return false;
      return steps.push({ does: "run", command: rest }) > 0;
    case "COPY": {
      const [, from = null, paths = ""] = /^(?:--from=(\S+) )?([^-].*)$/.exec(rest) ?? [];
      const words = paths.split(/\s+/);
      if (words.length < 2) return false;
      return steps.push({ does: "copy", from, sources: words.slice(0, -1), target: words.at(-1)! }) > 0;
    }
    case "WORKDIR":
      return steps.push({ does: "workdir", folder: rest }) > 0;
    case "USER":
      return steps.push({ does: "user", name: rest }) > 0;
    case "ARG": {
      const [key = "", value = ""] = rest.split("=");
      return steps.push({ does: "argument", name: key, value: unquoted(value) }) > 0;
    }
    case "ENV": {
      const pairs = rest.split(/\s+/).map((pair) => pair.split("=", 2) as [string, string]);
      if (pairs.some((pair) => pair.length < 2)) return false;
      return steps.push({ does: "environment", values: Object.fromEntries(pairs) }) > 0;
    }
    case "VOLUME":
      return stage.volumes.push(rest) > 0;
    case "EXPOSE":
      return stage.ports.push(Number(rest)) > 0;
    case "CMD":
      stage.command = JSON.parse(rest);
      return true;
    case "HEALTHCHECK":
      stage.healthCheck = JSON.parse(/ CMD (\[.*\])$/.exec(rest)?.[1] ?? "null");
      return stage.healthCheck !== null;
    default:
      return false;
  }
}

/** Returns instructions without comments, continued lines joined, each with its first line's number. */
function instructions(text: string): { line: number; words: string }[] {
  const found: { line: number; words: string }[] = [];
  let isContinued = false;
  for (const [index, raw] of text.split("\n").entries()) {
    if (raw.trim() === "" || raw.trimStart().startsWith("#")) continue;
    const part = raw.replace(/\\$/, "").trim();
    const last = found.at(-1);
    if (isContinued && last !== undefined) last.words += ` ${part}`;
    else found.push({ line: index + 1, words: part });
    isContinued = raw.endsWith("\\");
  }
  return found;
}

function filledIn(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => values.get(name) ?? "");
}

function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/, "$1");
}
