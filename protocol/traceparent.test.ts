import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTraceparent, parseTraceparent, traceparent } from "./traceparent.ts";

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

  it("is read as far as it is known where its version is later", () => {
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

  it("can be handed on whenever it was read", () => {
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
