import { expect, it } from "vitest";
import { PrometheusText } from "./prometheus-text.ts";

it("a metric has its help, its type and its samples, and ends with an empty line", () => {
  const text = new PrometheusText();
  text.gauge("depth", "How deep", [[{ kind: "train" }, 7]]);
  text.counter("ends_total", "How many ended", 3);
  expect(text.toString()).toBe(
    '# HELP depth How deep\n# TYPE depth gauge\ndepth{kind="train"} 7\n\n' +
      "# HELP ends_total How many ended\n# TYPE ends_total counter\nends_total 3\n",
  );
});

it("a histogram's buckets are cumulative and end with all observations", () => {
  const text = new PrometheusText();
  text.histogram("wait_seconds", "How long", [0.5, 1], [3, 2, 1], 4.25);
  expect(text.toString().split("\n").slice(2, 7)).toEqual([
    'wait_seconds_bucket{le="0.5"} 3',
    'wait_seconds_bucket{le="1"} 5',
    'wait_seconds_bucket{le="+Inf"} 6',
    "wait_seconds_sum 4.25",
    "wait_seconds_count 6",
  ]);
});

it("a label's value is escaped where the format asks for it", () => {
  const text = new PrometheusText();
  text.gauge("odd", "Odd", [[{ name: 'a"b\\c\nd' }, 1]]);
  expect(text.toString()).toContain('odd{name="a\\"b\\\\c\\nd"} 1');
});
