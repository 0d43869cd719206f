/** Writes metrics in Prometheus' text exposition format, version 0.0.4. */

export const PROMETHEUS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type MetricLabels = Readonly<Record<string, string>>;
export type MetricSample = readonly [labels: MetricLabels, value: number];

export class PrometheusText {
  readonly #lines: string[] = [];

  gauge(name: string, help: string, value: number | readonly MetricSample[]): void {
    this.#metric(name, "gauge", help, value);
  }

  /** By convention, `name` ends in `_total`. */
  counter(name: string, help: string, value: number | readonly MetricSample[]): void {
    this.#metric(name, "counter", help, value);
  }

  /** `counts` has one more than `bounds`, each observation in exactly one; the format's buckets are cumulative. */
  histogram(name: string, help: string, bounds: readonly number[], counts: readonly number[], sum: number): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`);
    let below = 0;
    for (const [index, count] of counts.entries()) {
      below += count;
      this.#lines.push(`${name}_bucket{le="${bounds[index] ?? "+Inf"}"} ${below}`);
    }
    this.#lines.push(`${name}_sum ${sum}`, `${name}_count ${below}`, "");
  }

  toString(): string {
    return this.#lines.join("\n");
  }

  #metric(name: string, type: "gauge" | "counter", help: string, value: number | readonly MetricSample[]): void {
    const samples: readonly MetricSample[] = typeof value === "number" ? [[{}, value]] : value;
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, sample] of samples) this.#lines.push(`${name}${labelText(labels)} ${sample}`);
    this.#lines.push("");
  }
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
