/** Waits for a while and does nothing else. */
import { z } from "zod";
import { DAY_MS } from "../durations.ts";
import type { OperationDeclaration } from "./declaration.ts";

/** Holds a slot for a while and does nothing. It probes a fleet, and serves tests. */
export const sleepSpec = z.strictObject({
  kind: z.literal("sleep"),
  durationMs: z.int().min(0).max(DAY_MS),
  /** Burns the CPU instead of waiting. */
  busy: z.boolean().default(false),
});
export type SleepSpec = z.infer<typeof sleepSpec>;

export const sleepOperation = {
  spec: sleepSpec,
  datasets: () => [],
  allowance: ({ kind }) => kind,
  isAllowedByName: true,
  isCheckpointed: false,
  workerTypes: ["backtesting", "cpu_training", "gpu_host"],
} satisfies OperationDeclaration<SleepSpec>;
