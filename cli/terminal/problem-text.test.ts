import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { issueText, problemJson, problemText } from "./problem-text.ts";

describe("errors on a terminal", () => {
  it("are the message, the faults with their places, and the cure", () => {
    const problem = new Problem("invalid-strategy", "sma.yaml has 2 faults", {
      issues: [
        { message: "no such indicator: smaa", file: "sma.yaml", line: 4, column: 9, path: "indicators.fast.type" },
        { message: "the file is empty" },
      ],
      cure: "Correct them.",
    });
    expect(problemText(problem)).toBe(
      [
        "error: sma.yaml has 2 faults",
        "  sma.yaml:4:9: indicators.fast.type: no such indicator: smaa",
        "  the file is empty",
        "  cure: Correct them.",
      ].join("\n"),
    );
  });

  it("leave out the column of an unknown line", () => {
    expect(issueText({ message: "m", file: "f.csv", column: 3 })).toBe("f.csv: m");
  });

  it("show the stack of an unexpected error, since only that helps", () => {
    const text = problemText(new TypeError("x is undefined"));
    expect(text).toContain("error: x is undefined");
    expect(text).toContain("problem-text.test.ts");
    expect(text).toContain("fault of ktrdr");
  });

  it("do not show a stack for a problem that has a cure of its own", () => {
    const problem = new Problem("unavailable", "gone", { cure: "Wait.", cause: new Error("deep") });
    expect(problemText(problem)).toBe("error: gone\n  cure: Wait.");
  });

  it("are problem details with --json", () => {
    expect(problemJson(new Problem("not-found", "no"))).toEqual({
      error: {
        type: "urn:ktrdr:problem:not-found",
        title: "There is no such thing",
        status: 404,
        detail: "no",
        retryable: false,
      },
    });
  });
});
