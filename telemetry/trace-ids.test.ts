import { describe, expect, it } from "vitest";
import { parseTraceparent } from "../protocol/index.ts";
import { attemptTraceparent, derivedSpanId, makeSpanId, makeTraceId, sampledTraceId } from "./trace-ids.ts";

/** The specification's own example (https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers). */
const EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = "00f067aa0ba902b7";

describe("an id", () => {
  it("is random, in the form of the specification", () => {
    const ids = new Set(Array.from({ length: 100 }, makeTraceId));
    expect(ids.size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(makeSpanId()).toMatch(/^[0-9a-f]{16}$/);
  });

  it("is the same for everybody for one attempt, and another for each operation, attempt and trace", () => {
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

  it("never changes where it is derived: registries of different releases make the same", () => {
    // As this code made it when it was new (2026-11-24).
    expect(derivedSpanId(SPAN_ID, "op_1 attempt 1")).toBe("197c096c7f0b6a81");
  });

  it("is shown only for traces that are recorded", () => {
    expect(sampledTraceId(EXAMPLE)).toBe(TRACE_ID);
    expect(sampledTraceId(EXAMPLE.replace(/01$/, "00"))).toBeNull();
    expect(sampledTraceId(null)).toBeNull();
  });
});
