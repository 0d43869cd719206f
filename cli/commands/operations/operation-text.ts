/** Describes one operation in full, for people. */
import type { OperationDetail } from "../../../protocol/operation.ts";
import { Problem } from "../../../protocol/problem.ts";
import { durationText, momentText } from "../../terminal/duration.ts";
import { problemText } from "../../terminal/problem-text.ts";
import { progressText } from "../../terminal/progress.ts";
import { factsText } from "../../terminal/table.ts";
import { asksFor, type Fact } from "./kinds.ts";

export function operationFacts(operation: OperationDetail): string {
  const facts: Fact[] = [
    ["operation", operation.operationId],
    ["kind", operation.kind],
    ["name", operation.name ?? "-"],
    ["status", operation.cancelRequested ? `${operation.status}, to be cancelled` : operation.status],
  ];
  if (operation.status === "queued" || operation.status === "running") facts.push(["now", progressText(operation)]);
  facts.push(
    ["worker", operation.workerId ?? "-"],
    ["attempt", `${operation.attempt} of at most ${operation.maxAttempts}`],
  );
  facts.push(["created", momentText(operation.createdAt)]);
  if (operation.traceId !== null) facts.push(["trace", operation.traceId]);
  if (operation.startedAt !== null) facts.push(["started", momentText(operation.startedAt)]);
  if (operation.finishedAt !== null) facts.push(["finished", `${momentText(operation.finishedAt)}${spent(operation)}`]);
  facts.push(...asksFor(operation.spec));
  if (operation.result !== null) {
    facts.push(["result", `${operation.result.bytes} bytes, sha256 ${operation.result.sha256}`]);
    for (const [name, value] of Object.entries(operation.result.summary)) facts.push([`  ${name}`, plain(value)]);
  }
  const text = factsText(facts);
  return operation.error === null ? text : `${text}\n${problemText(Problem.fromDetails(operation.error))}`;
}

function spent(operation: OperationDetail): string {
  if (operation.startedAt === null || operation.finishedAt === null) return "";
  return `, after ${durationText(operation.finishedAt - operation.startedAt)}`;
}

function plain(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(8)));
  return typeof value === "string" ? value : JSON.stringify(value);
}
