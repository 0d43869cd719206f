/** The fleet in numbers. */
import { API_PREFIX } from "../api.ts";
import { workerMetrics } from "../metrics.ts";
import { jsonAnswer, type Routes } from "./route.ts";

export const metricsRoutes = {
  workerMetrics: {
    method: "GET",
    path: `${API_PREFIX}/metrics/workers`,
    role: "viewer",
    summary: "Counts the workers by status and by type.",
    answer: jsonAnswer(workerMetrics),
    example: {
      answer: {
        total_workers: 1,
        by_status: { available: 1 },
        by_type: { backtesting: 1 },
        workers: [
          { id: "desk-1", type: "backtesting", status: "available", current_operation: null, health_failures: 0 },
        ],
      },
    },
  },
  prometheusMetrics: {
    method: "GET",
    path: `${API_PREFIX}/metrics/prometheus`,
    role: "viewer",
    summary: "Prints the registry's metrics for Prometheus.",
    answer: { type: "text", status: 200, mediaType: "text/plain; version=0.0.4; charset=utf-8" },
  },
} as const satisfies Routes;
