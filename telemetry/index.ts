/** Traces and metrics of nodes and control plane: OpenTelemetry's settings, ids and OTLP export, and Prometheus' text. */
export type { Attributes, AttributeValue, Span, SpanEvent, SpanKind } from "./otlp.ts";
export { type MetricSample, PROMETHEUS_MEDIA_TYPE, PrometheusText } from "./prometheus-text.ts";
export { SpanExporter } from "./span-exporter.ts";
export { attemptTraceparent, derivedSpanId, makeSpanId, makeTraceId, sampledTraceId } from "./trace-ids.ts";
export {
  isSampled,
  TRACE_VARIABLES,
  type TraceEnvironment,
  type TraceSettings,
  traceSettings,
} from "./trace-settings.ts";
