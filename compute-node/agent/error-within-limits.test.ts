import { describe, expect, it } from "vitest";
import { byteLength, LIMITS } from "../../protocol/index.ts";
import { errorWithinLimits } from "./error-within-limits.ts";

const ERROR = { type: "urn:ktrdr:problem:invalid-strategy", title: "The strategy is not valid", status: 422 };

describe("the error of a job", () => {
  it("stays as it is where it fits, with all that it says", () => {
    const error = { ...ERROR, detail: "x".repeat(20_000), stack: "at a", issues: [{ message: "m", line: 3 }] };
    expect(errorWithinLimits(error)).toBe(error);
  });

  it.each([
    ["letters", "x"],
    ["characters of three bytes", "界"],
    ["characters that JSON escapes", "\u0001"],
  ])("fits a frame also where its texts are long: %s", (_, character) => {
    const long = character.repeat(100_000);
    const issues = Array.from({ length: 50 }, () => ({ message: long, path: long, file: long, line: 7 }));
    const short = errorWithinLimits({ ...ERROR, detail: long, cure: long, retryable: false, stack: long, issues });
    expect(byteLength(JSON.stringify(short))).toBeLessThanOrEqual(LIMITS.socketMessageBytes / 2);
    expect(short).toMatchObject({ ...ERROR, retryable: false, issues: [{ line: 7 }] });
    expect(short.detail).toMatch(new RegExp(`^${character}{300,}…$`));
  });
});
