import { describe, expect, it } from "vitest";
import type { Problem } from "../../../protocol/index.ts";
import { parseRequests } from "./batch-run.ts";

const good = { spec: { kind: "sleep", duration_ms: 5 }, priority: 2 };

describe("the operations of a batch file", () => {
  it("are a JSON array or one document a line, with empty lines between", () => {
    const [expected] = parseRequests(JSON.stringify([good]), "a.json");
    expect(expected).toMatchObject({ spec: { kind: "sleep", durationMs: 5 }, priority: 2, maxAttempts: 3 });
    expect(parseRequests(`${JSON.stringify(good)}\n\n${JSON.stringify(good)}\n`, "b.jsonl")).toEqual([
      expected,
      expected,
    ]);
  });

  it("are refused together, each fault with its line", () => {
    const text = [JSON.stringify(good), "{oops", '{"spec": {"kind": "sleep"}}'].join("\n");
    try {
      parseRequests(text, "c.jsonl");
      expect.unreachable();
    } catch (error) {
      const { message, issues } = error as Problem;
      expect(message).toBe("2 of 3 operations in c.jsonl are not valid.");
      expect(issues.map((issue) => issue.line)).toEqual([2, 3]);
      expect(issues[1]!.message).toContain("spec.duration_ms");
    }
  });

  it("must be there", () => {
    expect(() => parseRequests(" \n", "d.jsonl")).toThrow("d.jsonl has no operations.");
  });
});
