/**
 * Reads where spans go and which traces are recorded, from OpenTelemetry's own variables
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/), on nodes and in the control plane.
 */
import { Problem, type TraceContext } from "../protocol/index.ts";
import type { Attributes } from "./otlp.ts";

/** The variables that are read. An empty one counts as not set, by the specification. */
export const TRACE_VARIABLES = [
  "OTEL_SDK_DISABLED",
  "OTEL_TRACES_EXPORTER",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_SERVICE_NAME",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG",
] as const;
type TraceVariable = (typeof TRACE_VARIABLES)[number];
export type TraceEnvironment = Readonly<Partial<Record<TraceVariable, string>>>;

export interface TraceSettings {
  /** The URL to which spans are posted. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly serviceName: string | null;
  readonly resource: Attributes;
  readonly sampler: Sampler;
}

interface Sampler {
  /** A trace that came with a traceparent is recorded as its caller decided. */
  readonly isParentBased: boolean;
  /** Share of the traces that begin here (or of all), 0 to 1. */
  readonly ratio: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const SAMPLER = /^(parentbased_)?(always_on|always_off|traceidratio)$/;

/** Returns null where nothing is to be sent. Throws a `Problem` for a value that cannot be used here. */
export function traceSettings(environment: TraceEnvironment): TraceSettings | null {
  const exporter = environment.OTEL_TRACES_EXPORTER || "otlp";
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === "true" || exporter === "none") return null;
  const base = environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  const url = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || (base ? `${base.replace(/\/+$/, "")}/v1/traces` : "");
  if (url === "") return null;
  if (exporter !== "otlp") throw unusable("OTEL_TRACES_EXPORTER", exporter, "otlp or none");
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    throw unusable("OTEL_EXPORTER_OTLP_ENDPOINT", url, "a URL such as http://127.0.0.1:4318");
  }
  const protocol = environment.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || environment.OTEL_EXPORTER_OTLP_PROTOCOL;
  if (protocol && protocol !== "http/json") {
    throw unusable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "http/json, for a collector's HTTP port (usually 4318)");
  }
  const headers = environment.OTEL_EXPORTER_OTLP_TRACES_HEADERS || environment.OTEL_EXPORTER_OTLP_HEADERS || "";
  const timeout = environment.OTEL_EXPORTER_OTLP_TIMEOUT || String(DEFAULT_TIMEOUT_MS);
  if (!/^[1-9]\d{0,8}$/.test(timeout)) throw unusable("OTEL_EXPORTER_OTLP_TIMEOUT", timeout, "milliseconds");
  return {
    url,
    headers: pairsOf("OTEL_EXPORTER_OTLP_HEADERS", headers),
    timeoutMs: Number(timeout),
    serviceName: environment.OTEL_SERVICE_NAME || null,
    resource: pairsOf("OTEL_RESOURCE_ATTRIBUTES", environment.OTEL_RESOURCE_ATTRIBUTES || ""),
    sampler: samplerOf(environment),
  };
}

/**
 * Says whether a trace is recorded. The trace's id decides: everyone with the same ratio decides the same, and a larger ratio
 * records every trace of a smaller one (the rightmost bits against a threshold, as in OpenTelemetry's consistent sampling).
 */
export function isSampled({ isParentBased, ratio }: Sampler, parent: TraceContext | null, traceId: string): boolean {
  if (isParentBased && parent !== null) return parent.isSampled;
  return Number.parseInt(traceId.slice(-RATIO_DIGITS), 16) >= (1 - ratio) * 16 ** RATIO_DIGITS;
}

/** 52 bits: as many as a double holds. */
const RATIO_DIGITS = 13;

function samplerOf(environment: TraceEnvironment): Sampler {
  const name = environment.OTEL_TRACES_SAMPLER || "parentbased_always_on";
  const match = SAMPLER.exec(name);
  if (match === null) {
    throw unusable("OTEL_TRACES_SAMPLER", name, "always_on, always_off or traceidratio, alone or behind parentbased_");
  }
  const isParentBased = match[1] !== undefined;
  if (match[2] !== "traceidratio") return { isParentBased, ratio: match[2] === "always_on" ? 1 : 0 };
  const text = environment.OTEL_TRACES_SAMPLER_ARG || "1";
  const ratio = Number(text);
  if (!(ratio >= 0 && ratio <= 1)) throw unusable("OTEL_TRACES_SAMPLER_ARG", text, "a ratio from 0 to 1");
  return { isParentBased, ratio };
}

/** `a=1,b=two%20words`, as W3C Baggage writes them. */
function pairsOf(variable: TraceVariable, text: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const part of text.split(",").filter((item) => item.trim() !== "")) {
    const [name, value] = [part.slice(0, part.indexOf("=")).trim(), part.slice(part.indexOf("=") + 1).trim()];
    // The value may be a secret: it is not repeated.
    if (!part.includes("=") || name === "") throw unusable(variable, name || "…", "name=value,name=value");
    try {
      pairs[name] = decodeURIComponent(value);
    } catch {
      throw unusable(variable, `${name}=…`, "values in percent-encoding");
    }
  }
  return pairs;
}

function unusable(variable: TraceVariable, value: string, usable: string): Problem {
  return new Problem("invalid-request", `${variable} is ${value}, which cannot be used here.`, {
    cure: `Set it to ${usable}, or unset OTEL_EXPORTER_OTLP_ENDPOINT to trace nothing.`,
  });
}
