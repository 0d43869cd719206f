import type { z } from "zod";
import { ruleStrategy, strategyParameter } from "../../protocol/strategy-rules.ts";
import { suggestion } from "./closest-name.ts";
import type { StrategyFault } from "./strategy-faults.ts";

type Issue = z.core.$ZodIssue;

/** Lists the schema's faults in `content`, with names suggested for unknown keys. */
export function shapeFaults(error: z.ZodError, content: unknown): StrategyFault[] {
  return error.issues.flatMap((issue) => faultsOf(issue, [], content));
}

function faultsOf(issue: Issue, prefix: readonly string[], content: unknown): StrategyFault[] {
  const path = [...prefix, ...issue.path.map(String)];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        message: `unknown key "${key}"`,
        cure: suggestion(key, validKeys(path), "keys"),
        path: [...path, key],
        atKey: true,
      }));
    case "invalid_key":
      return [
        {
          message: `"${path.at(-1)}" cannot be a name`,
          cure: `A name has ${issue.issues[0]?.message ?? "lower-case letters"}.`,
          path,
          atKey: true,
        },
      ];
    case "invalid_union":
      return unionFaults(issue, path, content);
    default:
      return [plainFault(issue, path, content)];
  }
}

/** The faults of the alternative that comes nearest: the one that took the value's own type. */
function unionFaults(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: readonly string[],
  content: unknown,
): StrategyFault[] {
  const isOtherType = (fault: Issue) => fault.path.length === 0 && /^invalid_(type|union)$/.test(fault.code);
  const nearest = issue.errors.find((faults) => !faults.some(isOtherType));
  if (nearest !== undefined) return nearest.flatMap((inner) => faultsOf(inner, path, content));
  const value = valueAt(content, path);
  if (value === undefined) return [missingFault(path)];
  const kind = kindOf(value);
  return [{ message: `${path.join(".")} cannot be ${kind}`, cure: expectedOfUnion(path), path }];
}

function expectedOfUnion(path: readonly string[]): string {
  if (path[0] === "parameters") return "Give a number, or { default: number, min: number, max: number }.";
  return 'Give a fraction such as 0.03, a percentage such as "3%", or the name of a parameter.';
}

function plainFault(issue: Issue, path: readonly string[], content: unknown): StrategyFault {
  const value = valueAt(content, path);
  const name = path.at(-1) ?? "the strategy";
  if (value === undefined && issue.code === "invalid_type") return missingFault(path);
  if (path[0] === "kind")
    return { message: `the kind is ${shown(value)}`, cure: 'Write "kind: rules", or leave it out.', path };
  const isIndicator = path[0] === "indicators" && path.length === 2;
  const cure = isIndicator ? "Give a mapping, such as { type: sma, period: 20 }." : sentence(issue.message);
  return { message: `${name} is ${shown(value)}`, cure, path };
}

function missingFault(path: readonly string[]): StrategyFault {
  return { message: `the key "${path.at(-1)}" is missing`, cure: missingCure(path), path };
}

function missingCure(path: readonly string[]): string {
  const key = path.join(".");
  if (key === "name") return 'Add a name, such as "name: sma-cross".';
  if (key === "entries") return 'Add entries with a condition for "long", "short" or both.';
  if (path[0] === "indicators") return 'Add its type, such as "type: sma".';
  return "Add it.";
}

/** zod's words, as a sentence. */
function sentence(message: string): string {
  return `${message.replace(/^Invalid input: e/, "E")}.`;
}

export function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return kindOf(value);
  return JSON.stringify(value)?.slice(0, 60) ?? "missing";
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? `the text ${JSON.stringify(value.slice(0, 60))}` : String(value);
}

export function valueAt(content: unknown, path: readonly string[]): unknown {
  let value = content;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function validKeys(path: readonly string[]): string[] {
  const { shape } = ruleStrategy;
  switch (path[0]) {
    case undefined:
      return Object.keys(shape);
    case "entries":
      return Object.keys(shape.entries.shape);
    case "exits":
      return Object.keys(shape.exits.unwrap().shape);
    case "parameters":
      return Object.keys(strategyParameter.options[1].shape);
    default:
      return Object.keys(shape.stop_loss.unwrap().options[1].shape);
  }
}
