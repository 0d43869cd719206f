import process from "node:process";
import { defineConfig } from "vitest/config";
import { COMPILE_CACHE_FOLDER } from "./cli/compile-cache.ts";
import { patience } from "./test/support/patience.ts";

/** Threads and processes that tests start compile nothing that was compiled before: for some files that is half of their time. */
process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE_FOLDER;

/** Counts assertions in every kind. */
const COUNT = "test/support/count-assertions.ts";
/** Kinds with real processes. */
const PROCESSES = { setupFiles: [COUNT], hookTimeout: patience(300_000), testTimeout: patience(300_000) };

/**
 * The kinds of `make test`: `unit` (beside the code, plus golden files, kept bytes), `worker` (inside workerd), `simulation` (registry and
 * nodes under a simulated network), `e2e` (real processes), `chaos`, `load` and `browser` (headless Chromium). Timeouts end
 * what hangs, and assert nothing.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles: [COUNT, "test/support/property-seed.ts"],
          include: [
            "{protocol,results,telemetry,client,control-plane,compute-node,cli,durable-objects,deploy,bench,src}/**/*.test.ts",
            "test/{cases,golden,house,mutants,support}/**/*.test.ts",
            "test/*.test.ts",
          ],
          maxWorkers: 2,
          testTimeout: patience(180_000),
          hookTimeout: patience(180_000),
        },
      },
      "./test/worker/vitest.config.ts",
      {
        test: {
          name: "simulation",
          setupFiles: [COUNT],
          include: ["test/simulation/**/*.test.ts"],
          testTimeout: patience(600_000),
        },
      },
      {
        test: {
          ...PROCESSES,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...PROCESSES,
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          fileParallelism: false,
        },
      },
      {
        test: {
          ...PROCESSES,
          name: "load",
          testTimeout: patience(600_000),
          include: ["test/load/**/*.test.ts"],
          fileParallelism: false,
        },
      },
      {
        test: {
          ...PROCESSES,
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          fileParallelism: false,
        },
      },
    ],
  },
});
