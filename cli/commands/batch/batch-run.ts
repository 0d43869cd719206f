/** Runs `ktrdr batch`: reads the file, checks everything first, submits in writes of a thousand. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import {
  LIMITS,
  Problem,
  type ProblemIssue,
  type SubmitRequest,
  submitRequest,
  wire,
} from "../../../protocol/index.ts";
import type { Context } from "../../terminal/context.ts";

const requestWire = wire(submitRequest);

export async function submitBatch(context: Context, file: string, key: string = randomUUID()): Promise<void> {
  const requests = parseRequests(await read(file), file);
  const client = await context.client();
  const operations: { operation_id: string; status: string }[] = [];
  for (let from = 0; from < requests.length; from += LIMITS.batchOperations) {
    const chunk = requests.slice(from, from + LIMITS.batchOperations);
    const accepted = await client.submitBatch(chunk, `${key}/${from}`);
    for (const { operationId, status } of accepted.operations) operations.push({ operation_id: operationId, status });
    context.note(`Submitted ${operations.length} of ${requests.length}.`);
  }
  context.answer({ operations }, () => `${operations.map((item) => item.operation_id).join("\n")}`);
}

async function read(file: string): Promise<string> {
  if (file === "-") return text(process.stdin);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Problem("not-found", `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads a JSON array or JSON Lines. Throws a `Problem` that lists every faulty document with its line or index. */
export function parseRequests(content: string, file: string): SubmitRequest[] {
  const isArray = content.trimStart().startsWith("[");
  const documents = isArray ? arrayOf(content, file) : linesOf(content);
  if (documents.length === 0) throw new Problem("invalid-request", `${file} has no operations.`);
  const issues: ProblemIssue[] = [];
  const requests: SubmitRequest[] = [];
  for (const { json, line, fault } of documents) {
    try {
      if (fault !== undefined) throw new Problem("invalid-request", fault);
      requests.push(requestWire.parse(json, "operation"));
    } catch (error) {
      issues.push({ message: Problem.from(error).message, file, ...(line === undefined ? {} : { line }) });
    }
  }
  if (issues.length === 0) return requests;
  throw new Problem("invalid-request", `${issues.length} of ${documents.length} operations in ${file} are not valid.`, {
    issues: issues.slice(0, 20),
    cure: "Correct them; nothing was submitted.",
  });
}

interface Document {
  json?: unknown;
  line?: number;
  fault?: string;
}

function arrayOf(content: string, file: string): Document[] {
  try {
    return (JSON.parse(content) as unknown[]).map((json) => ({ json }));
  } catch (error) {
    throw new Problem("invalid-request", `${file} is not JSON: ${(error as Error).message}`);
  }
}

function linesOf(content: string): Document[] {
  return content.split("\n").flatMap((text, index): Document[] => {
    if (text.trim() === "") return [];
    try {
      return [{ json: JSON.parse(text), line: index + 1 }];
    } catch (error) {
      return [{ fault: `it is not JSON: ${(error as Error).message}`, line: index + 1 }];
    }
  });
}
