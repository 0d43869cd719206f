import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attemptTraceparent,
  derivedSpanId,
  formatTraceparent,
  makeSpanId,
  makeTraceId,
  parseTraceparent,
  sampledTraceId,
  traceparent,
} from "./trace.ts";

/** The specification's own example (https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers). */
const EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = "00f067aa0ba902b7";

const hex = (length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""))
    .filter((text) => /[^0]/.test(text));
const contexts = fc.record({ traceId: hex(32), spanId: hex(16), isSampled: fc.boolean() });

describe("a traceparent", () => {
  it("is read as the specification's example says", () => {
    expect(parseTraceparent(EXAMPLE)).toEqual({ traceId: TRACE_ID, spanId: SPAN_ID, isSampled: true });
    expect(parseTraceparent(EXAMPLE.replace(/01$/, "00"))).toMatchObject({ isSampled: false });
    // Flags that are not known yet are left aside; bit 0 counts.
    expect(parseTraceparent(EXAMPLE.replace(/01$/, "02"))).toMatchObject({ isSampled: false });
    expect(parseTraceparent(EXAMPLE.replace(/01$/, "03"))).toMatchObject({ isSampled: true });
  });

  it.each([
    ["absent", undefined],
    ["empty", ""],
    ["of version ff", EXAMPLE.replace(/^00/, "ff")],
    ["with a trace id of zeros", `00-${"0".repeat(32)}-${SPAN_ID}-01`],
    ["with a span id of zeros", `00-${TRACE_ID}-${"0".repeat(16)}-01`],
    ["in capitals", EXAMPLE.toUpperCase()],
    ["of version 00 with more behind the flags", `${EXAMPLE}-more`],
    ["too short", EXAMPLE.slice(0, -1)],
    ["of a later version with something stuck to the flags", `${EXAMPLE.replace(/^00/, "01")}x`],
    ["twice", `${EXAMPLE},${EXAMPLE}`],
  ])("means nothing when it is %s", (_, header) => {
    expect(parseTraceparent(header)).toBeNull();
  });

  it("of a later version is read as far as it is known", () => {
    const known = { traceId: TRACE_ID, spanId: SPAN_ID, isSampled: true };
    expect(parseTraceparent(EXAMPLE.replace(/^00/, "01"))).toEqual(known);
    expect(parseTraceparent(`${EXAMPLE.replace(/^00/, "cc")}-what-the-future-will-be-like`)).toEqual(known);
  });

  it("is the same after writing and reading", () => {
    fc.assert(
      fc.property(contexts, (context) => {
        expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
      }),
    );
  });

  it("is never taken for more than it is: whatever is read can be handed on", () => {
    const near = fc
      .tuple(contexts, fc.nat(54), fc.constantFrom("", "-", "g", "0", " ", "\n", "F"))
      .map(([context, at, text]) => {
        const header = formatTraceparent(context);
        return header.slice(0, at) + text + header.slice(at + 1);
      });
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (header) => {
        const context = parseTraceparent(header);
        if (context !== null) expect(traceparent.safeParse(formatTraceparent(context)).success).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("an id", () => {
  it("is random, in the form of the specification", () => {
    const ids = new Set(Array.from({ length: 100 }, makeTraceId));
    expect(ids.size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(makeSpanId()).toMatch(/^[0-9a-f]{16}$/);
  });

  it("of an attempt is the same for everybody, and another for each operation, attempt and trace", () => {
    const of = (parent: string, operation: string, attempt: number) => attemptTraceparent(parent, operation, attempt);
    expect(of(EXAMPLE, "op_1", 1)).toBe(of(EXAMPLE, "op_1", 1));
    const all = new Set<string | null>();
    for (let operation = 0; operation < 300; operation++) {
      for (let attempt = 1; attempt <= 20; attempt++) all.add(of(EXAMPLE, `op_${operation}`, attempt));
    }
    all.add(of(EXAMPLE.replace("b7-", "b8-"), "op_1", 1));
    expect(all.size).toBe(300 * 20 + 1);
    expect([...all].every((id) => parseTraceparent(id)?.traceId === TRACE_ID)).toBe(true);
    expect(of(EXAMPLE, "op_1", 1)).not.toContain(SPAN_ID);
    expect(attemptTraceparent(null, "op_1", 1)).toBeNull();
  });

  it("that is derived stays what it is: registries of different releases make the same", () => {
    // As this code made it when it was new (2026-11-24).
    expect(derivedSpanId(SPAN_ID, "op_1 attempt 1")).toBe("197c096c7f0b6a81");
  });

  it("is shown of traces that are recorded", () => {
    expect(sampledTraceId(EXAMPLE)).toBe(TRACE_ID);
    expect(sampledTraceId(EXAMPLE.replace(/01$/, "00"))).toBeNull();
    expect(sampledTraceId(null)).toBeNull();
  });
});
