import { describe, expect, it } from "vitest";
import { sampleOperation } from "../../../client/testing/sample-operation.ts";
import type { OperationDetail } from "../../../protocol/operation.ts";
import { commandSpec } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import { operationFacts } from "./operation-text.ts";

/** The facts that have this name, in their order. */
function factsNamed(name: string, changes: Partial<OperationDetail>): string[] {
  const lines = operationFacts(sampleOperation(changes)).split("\n");
  const said = lines.map((line) => /^( *\S+(?: \S+)*) {2,}(.*)$/.exec(line));
  return said.filter((match) => match?.[1] === name).map((match) => match?.[2] ?? "");
}

it("an operation's facts name its trace, where it has one", () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  expect(operationFacts(sampleOperation({ traceId }))).toMatch(new RegExp(`^trace +${traceId}$`, "m"));
  expect(operationFacts(sampleOperation())).not.toContain("trace");
});

describe("the facts of an operation", () => {
  it("name the reason for waiting while it is queued, and drop it once it has ended", () => {
    expect(factsNamed("now", { waitingReason: "all busy" })).toEqual([expect.stringContaining("all busy")]);
    expect(factsNamed("now", { status: "completed" })).toEqual([]);
  });

  it("say that a cancellation was requested", () => {
    expect(factsNamed("status", { status: "running", cancelRequested: true })).toEqual(["running, to be cancelled"]);
  });

  it("name the attempt, its node, and how long it took", () => {
    const [createdAt, startedAt, finishedAt] = [1_700_000_000_000, 1_700_000_001_000, 1_700_000_066_000];
    const ended: Partial<OperationDetail> = {
      status: "completed",
      attempt: 2,
      workerId: "desk",
      createdAt,
      startedAt,
      finishedAt,
    };
    expect(factsNamed("attempt", ended)).toEqual(["2 of at most 3"]);
    expect(factsNamed("worker", ended)).toEqual(["desk"]);
    expect(factsNamed("finished", ended)).toEqual(["2023-11-14 22:14:26Z, after 1 min 5 s"]);
    expect(factsNamed("started", {})).toEqual([]);
  });

  it("describe the request of a command", () => {
    const data = [
      { symbol: "AAPL", timeframe: "1d" },
      { symbol: "MSFT", timeframe: "1h" },
    ];
    const spec = commandSpec.parse({ kind: "command", program: "fit", input: { seed: 7 }, data });
    expect(factsNamed("asks for", { kind: "command", spec })).toEqual(["program fit on AAPL 1d, on MSFT 1h"]);
    expect(factsNamed("  input", { kind: "command", spec })).toEqual(['{"seed":7}']);
    expect(factsNamed("asks for", {})).toEqual([]);
  });

  it("list the summary of a result, numbers to eight digits", () => {
    const summary = { trades: 12, sharpe: 1.2345678912, best: null, note: "short" };
    const result = { sha256: "a".repeat(64), bytes: 70, mediaType: "application/json", summary };
    const ended: Partial<OperationDetail> = { status: "completed", result };
    expect(factsNamed("result", ended)).toEqual([`70 bytes, sha256 ${"a".repeat(64)}`]);
    expect(Object.keys(summary).flatMap((name) => factsNamed(`  ${name}`, ended))).toEqual([
      ...["12", "1.2345679", "null", "short"],
    ]);
  });

  it("end with the error and its cure", () => {
    const error = new Problem("data-not-found", "AAPL is not here.", { cure: "Load it." }).toDetails();
    const text = operationFacts(sampleOperation({ status: "failed", error }));
    expect(text).toMatch(/AAPL is not here\.\n.*Load it\.$/);
  });
});
