import { defineConfig } from "vitest/config";

/**
 * The runners of `make test`: `unit` (beside the code, plus golden files, kept bytes), `worker` (inside workerd),
 * `simulation` (registry and nodes under a simulated network), `e2e` (real processes), `chaos`, `load` and `browser` (headless Chromium).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles: ["test/support/property-seed.ts"],
          include: [
            "{protocol,telemetry,client,control-plane,compute-node,cli,durable-objects,deploy,bench,src}/**/*.test.ts",
            "test/{golden,house}/**/*.test.ts",
            "test/*.test.ts",
          ],
          // Property tests share the machine with others; a hang is found all the same.
          testTimeout: 30_000,
        },
      },
      "./test/worker/vitest.config.ts",
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          testTimeout: 600_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "load",
          include: ["test/load/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
