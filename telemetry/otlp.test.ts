import { describe, expect, it } from "vitest";
import { encodeSpans, rejectedSpans, type Span } from "./otlp.ts";

const span: Span = {
  traceId: "5b8efff798038103d269b633813fc60c",
  spanId: "eee19b7ec3c1b174",
  parentSpanId: "eee19b7ec3c1b173",
  name: "I'm a server span",
  kind: "server",
  startMs: 1544712660000.125,
  endMs: 1544712661000,
  attributes: { "my.span.attr": "some value" },
  events: [{ name: "phase", atMs: 1544712660500, attributes: { "ktrdr.phase": "epoch" } }],
  error: null,
};

const only = (changes: Partial<Span>) =>
  JSON.parse(encodeSpans({}, [{ ...span, ...changes }])).resourceSpans[0].scopeSpans[0].spans[0];

describe("spans as OTLP's JSON", () => {
  // https://github.com/open-telemetry/opentelemetry-proto/blob/v1.3.2/examples/trace.json, with an event and our scope.
  it("are as in the specification's example", () => {
    expect(JSON.parse(encodeSpans({ "service.name": "my.service" }, [span]))).toEqual({
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "my.service" } }] },
          scopeSpans: [
            {
              scope: { name: "ktrdr" },
              spans: [
                {
                  traceId: "5b8efff798038103d269b633813fc60c",
                  spanId: "eee19b7ec3c1b174",
                  parentSpanId: "eee19b7ec3c1b173",
                  startTimeUnixNano: "1544712660000125000",
                  endTimeUnixNano: "1544712661000000000",
                  name: "I'm a server span",
                  kind: 2,
                  attributes: [{ key: "my.span.attr", value: { stringValue: "some value" } }],
                  events: [
                    {
                      timeUnixNano: "1544712660500000000",
                      name: "phase",
                      attributes: [{ key: "ktrdr.phase", value: { stringValue: "epoch" } }],
                    },
                  ],
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it("have numbers, texts and truths as their own types, and 64-bit integers as texts", () => {
    const { attributes } = only({ attributes: { whole: 42, part: 0.5, large: 1e300, yes: true, text: "42" } });
    expect(attributes).toEqual([
      { key: "whole", value: { intValue: "42" } },
      { key: "part", value: { doubleValue: 0.5 } },
      { key: "large", value: { doubleValue: 1e300 } },
      { key: "yes", value: { boolValue: true } },
      { key: "text", value: { stringValue: "42" } },
    ]);
  });

  it("number the kinds as the protocol's enumeration does", () => {
    const kinds = ["internal", "server", "client", "producer", "consumer"] as const;
    expect(kinds.map((kind) => only({ kind }).kind)).toEqual([1, 2, 3, 4, 5]);
  });

  it("have no parent at the root, a status where something went wrong, and no end before their start", () => {
    expect(only({ parentSpanId: null })).not.toHaveProperty("parentSpanId");
    expect(only({})).not.toHaveProperty("status");
    expect(only({ error: "lost" }).status).toEqual({ code: 2, message: "lost" });
    expect(only({ startMs: 2000, endMs: 1000 })).toMatchObject({
      ...{ startTimeUnixNano: "2000000000", endTimeUnixNano: "2000000000" },
    });
  });
});

describe("the count of spans that a collector rejects", () => {
  it.each([
    ['{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}', 3, "too old"],
    ['{"partialSuccess":{}}', 0, ""],
    ["{}", 0, ""],
    ["", 0, ""],
    ["<html>", 0, ""],
    ["null", 0, ""],
  ])("is read from %s", (answer, count, reason) => {
    expect(rejectedSpans(answer)).toEqual({ count, reason });
  });
});
