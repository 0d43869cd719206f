import { describe, expect, it } from "vitest";
import { LIMITS } from "./limits.ts";
import { scriptStrategy } from "./strategy-script.ts";

const script = (source: string) => scriptStrategy.safeParse({ kind: "script", name: "wide", source });

describe("a bundle", () => {
  it("is taken at its greatest length, in letters of one byte and of three", () => {
    expect(script("x".repeat(LIMITS.operationSpecBytes)).success).toBe(true);
    expect(script("界".repeat(Math.floor(LIMITS.operationSpecBytes / 3))).success).toBe(true);
  });

  it("is refused when its bytes are too many, however few its letters are", () => {
    const { error } = script("界".repeat(Math.floor(LIMITS.operationSpecBytes / 3) + 1));
    expect(error?.issues).toMatchObject([
      { path: ["source"], message: `a bundle of at most ${LIMITS.operationSpecBytes} bytes` },
    ]);
  });
});
