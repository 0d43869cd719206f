import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { framesOf } from "./frames.ts";
import { LIMITS } from "./limits.ts";

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

function messagesIn(frame: string): unknown[] {
  const json: unknown = JSON.parse(frame);
  return Array.isArray(json) ? json : [json];
}

describe("the frames of messages", () => {
  const message = fc.record({ text: fc.string({ unit: fc.constantFrom("a", "é", "界", "𝄞", '"'), maxLength: 60 }) });

  it("carry all of them in order, each within the limit in bytes, whatever characters they have", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), fc.integer({ min: 50, max: 400 }), (messages, limitBytes) => {
        const frames = framesOf(
          messages.map((each) => JSON.stringify(each)),
          limitBytes,
        );
        expect(frames.flatMap(messagesIn)).toEqual(messages);
        for (const frame of frames)
          if (messagesIn(frame).length > 1) expect(bytesOf(frame)).toBeLessThanOrEqual(limitBytes);
      }),
      { numRuns: 500 },
    );
  });

  it("leave no room for the first message of the next frame", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), fc.integer({ min: 50, max: 400 }), (messages, limitBytes) => {
        const frames = framesOf(
          messages.map((each) => JSON.stringify(each)),
          limitBytes,
        );
        for (const [index, frame] of frames.slice(1).entries()) {
          const joined = [...messagesIn(frames[index] ?? ""), messagesIn(frame)[0]];
          // One byte is kept back: a comma is counted for the last message too.
          expect(bytesOf(JSON.stringify(joined)) + 1).toBeGreaterThan(limitBytes);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("are bare for one message, an array for several, and none for none", () => {
    expect(framesOf([])).toEqual([]);
    expect(framesOf(['{"a":1}'])).toEqual(['{"a":1}']);
    expect(framesOf(['{"a":1}', '{"b":2}'])).toEqual(['[{"a":1},{"b":2}]']);
  });

  it("count characters outside of ASCII at their size: three reasons of 12,000 each need three frames", () => {
    const refused = JSON.stringify({ type: "refused", reason: "界".repeat(12_000) });
    const frames = framesOf([refused, refused, refused]);
    expect(frames.map((frame) => messagesIn(frame).length)).toEqual([1, 1, 1]);
    expect(Math.max(...frames.map(bytesOf))).toBeLessThan(LIMITS.socketMessageBytes);
  });
});
