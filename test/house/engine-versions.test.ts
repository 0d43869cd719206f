/** The engine's version and its results change together, so that a kept result is never taken for another engine's. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ENGINE_VERSION } from "../../compute-node/backtest/index.ts";
import { engineResultsSha256 } from "./engine-results.ts";

const VERSIONS = JSON.parse(
  readFileSync(new URL("../../compute-node/backtest/engine-versions.json", import.meta.url), "utf8"),
) as Readonly<Record<string, string>>;

describe("the version of the engine", () => {
  it("stands last in engine-versions.json, beside the SHA-256 of fifty results that this engine gives", async () => {
    const [version, sha256] = Object.entries(VERSIONS).at(-1) ?? [];
    expect(version).toBe(ENGINE_VERSION);
    // Figures changed: raise ENGINE_VERSION, and add a line with the new hash. Lines of older versions stay.
    expect(await engineResultsSha256()).toBe(sha256);
  });

  it("is a new one for new results: no two versions share a hash", () => {
    const hashes = Object.values(VERSIONS);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
