import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS, nodeMessage } from "../../protocol/index.ts";
import { addLines, emptyLog, isEmptyLog, takeLines } from "./job-log.ts";
import { leaseFor } from "./testing/story.ts";

describe("a job's log", () => {
  it("hands out every line in order, in messages that the protocol and a frame take", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 3_000 }), { maxLength: 500 }), (lines) => {
        const log = emptyLog();
        addLines(log, lines, 0, 0);
        const taken: string[] = [];
        while (!isEmptyLog(log)) {
          const message = { type: "log" as const, ...leaseFor(1), lines: takeLines(log) };
          expect(nodeMessage.safeParse(message).success).toBe(true);
          expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(LIMITS.socketMessageBytes);
          taken.push(...message.lines);
        }
        expect(taken.length).toBe(lines.length);
        taken.forEach((line, index) => {
          expect(lines[index]?.startsWith(line.slice(0, 1_999))).toBe(true);
        });
      }),
      { numRuns: 50 },
    );
  });

  it("keeps the newest lines, and says in their place how many are gone", () => {
    const log = emptyLog();
    const lines = Array.from({ length: 620 }, (_, index) => `line ${index}`);
    for (const line of lines) addLines(log, [line], 0, 0);
    const first = takeLines(log);
    expect(first.slice(0, 2)).toEqual(["[120 lines were dropped here: the job wrote more than is kept]", "line 120"]);
    expect(takeLines(log)[0]).toBe("line 219");
  });

  it("waits a moment after the first line, so that a short job says everything at once", () => {
    const log = emptyLog();
    addLines(log, ["first"], 1_000, 250);
    addLines(log, ["second"], 1_200, 250);
    expect(log.sendAt).toBe(1_250);
  });
});
