import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTraceparent, Problem, parseTraceparent } from "../protocol/index.ts";
import { makeSpanId, makeTraceId } from "./trace-ids.ts";
import { isSampled, type TraceEnvironment, traceSettings } from "./trace-settings.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

function problemOf(environment: TraceEnvironment): Problem {
  try {
    traceSettings(environment);
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error("it was taken");
}

describe("the URL for traces", () => {
  it.each<TraceEnvironment>([
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    { ...ENDPOINT, OTEL_SDK_DISABLED: "true" },
    { ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" },
    { OTEL_SERVICE_NAME: "ktrdr", OTEL_TRACES_SAMPLER: "always_on" },
  ])("is nowhere with %j", (environment) => {
    expect(traceSettings(environment)).toBeNull();
  });

  it("is the endpoint's path for traces, or the traces' own endpoint as it is", () => {
    expect(traceSettings(ENDPOINT)?.url).toBe("http://127.0.0.1:4318/v1/traces");
    expect(traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example/otlp/" })?.url).toBe(
      "https://otel.example/otlp/v1/traces",
    );
    const own = { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://tempo:4318/traces" };
    expect(traceSettings(own)?.url).toBe("http://tempo:4318/traces");
  });

  it("takes headers and attributes in percent-encoding, and the other standard variables", () => {
    const settings = traceSettings({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Basic%20YTpi==, x-scope=quants",
      OTEL_EXPORTER_OTLP_TIMEOUT: "2500",
      OTEL_SERVICE_NAME: "desk",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=prod",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    });
    expect(settings).toEqual({
      url: "http://127.0.0.1:4318/v1/traces",
      headers: { authorization: "Basic YTpi==", "x-scope": "quants" },
      timeoutMs: 2500,
      serviceName: "desk",
      resource: { "deployment.environment.name": "prod" },
      sampler: { isParentBased: true, ratio: 0.25 },
    });
    expect(traceSettings(ENDPOINT)?.sampler).toEqual({ isParentBased: true, ratio: 1 });
  });

  it.each<[TraceEnvironment, string]>([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, "collector:4318"],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "grpc"],
    [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "zipkin" }, "zipkin"],
    [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: "sometimes" }, "sometimes"],
    [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "1.5" }, "1.5"],
    [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "often" }, "often"],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TIMEOUT: "10s" }, "10s"],
  ])("is said to be unusable, with the value and a cure: %j", (environment, value) => {
    const problem = problemOf(environment);
    expect(problem.kind).toBe("invalid-request");
    expect(problem.message).toContain(value);
    expect(problem.cure).toBeDefined();
  });

  it("never repeats a value that may be a secret", () => {
    const headers = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret%2" };
    expect(problemOf(headers).message).not.toContain("secret");
    expect(problemOf({ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "secret" }).message).not.toContain("secret");
  });
});

describe("the set of recorded traces", () => {
  const parentOf = (isSampled: boolean) =>
    parseTraceparent(formatTraceparent({ traceId: makeTraceId(), spanId: makeSpanId(), isSampled }));
  const ratios = fc.double({ min: 0, max: 1, noNaN: true });

  it("is the caller's choice where it is based on the parent", () => {
    fc.assert(
      fc.property(ratios, fc.boolean(), (ratio, chosen) => {
        const parent = parentOf(chosen);
        expect(isSampled({ isParentBased: true, ratio }, parent, parent?.traceId ?? "")).toBe(chosen);
      }),
    );
  });

  it("is all with ratio 1, none with 0, whatever the caller chose where it is not based on it", () => {
    fc.assert(
      fc.property(fc.constant(null).map(makeTraceId), fc.boolean(), (traceId, chosen) => {
        expect(isSampled({ isParentBased: false, ratio: 1 }, parentOf(chosen), traceId)).toBe(true);
        expect(isSampled({ isParentBased: false, ratio: 0 }, parentOf(chosen), traceId)).toBe(false);
      }),
    );
  });

  it("grows with the ratio: a larger one records every trace of a smaller one", () => {
    fc.assert(
      fc.property(ratios, ratios, fc.constant(null).map(makeTraceId), (one, other, traceId) => {
        const [smaller, larger] = [Math.min(one, other), Math.max(one, other)];
        const at = (ratio: number) => isSampled({ isParentBased: true, ratio }, null, traceId);
        expect(!at(smaller) || at(larger)).toBe(true);
      }),
    );
  });

  it("is about the share that was asked for", () => {
    const sampler = { isParentBased: true, ratio: 0.3 };
    const count = Array.from({ length: 10_000 }, makeTraceId).filter((id) => isSampled(sampler, null, id)).length;
    // Five standard deviations of a binomial: 5 · √(10,000 · 0.3 · 0.7) = 229.
    expect(Math.abs(count - 3_000)).toBeLessThan(229);
  });
});
