import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { patience } from "../support/patience.ts";

export default defineConfig({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "../../wrangler.toml" },
      miniflare: {
        bindings: {
          // SHA-256 of `ADMIN_TOKEN` in support.ts.
          ADMIN_TOKEN_SHA256: "90a46a6f41838764b5402887156feb13ff5abb284707c536268c9a031ba946c8",
        },
      },
    }),
  ],
  test: {
    name: "worker",
    setupFiles: ["../support/count-assertions.ts"],
    include: ["**/*.test.ts"],
    testTimeout: patience(30_000),
  },
});
