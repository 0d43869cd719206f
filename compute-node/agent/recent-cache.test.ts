import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecentCache } from "./recent-cache.ts";

const LIMIT_BYTES = 10;

describe("a cache of what was used recently", () => {
  it("keeps the values that were used last, as many as fit", () => {
    const uses = fc.array(
      fc.record({ key: fc.constantFrom("a", "b", "c", "d"), bytes: fc.nat(12), isPut: fc.boolean() }),
    );
    fc.assert(
      fc.property(uses, (steps) => {
        const cache = new RecentCache<{ bytes: number }>(LIMIT_BYTES, ({ bytes }) => bytes);
        // The slow truth: pairs in order of use.
        let kept: { key: string; bytes: number }[] = [];
        for (const { key, bytes, isPut } of steps) {
          const before = kept.find((other) => other.key === key);
          if (!isPut) expect(cache.get(key)?.bytes).toBe(before?.bytes);
          else cache.put(key, { bytes });
          if (isPut || before !== undefined) {
            kept = [...kept.filter((other) => other.key !== key), { key, bytes: isPut ? bytes : (before?.bytes ?? 0) }];
          }
          while (kept.reduce((sum, other) => sum + other.bytes, 0) > LIMIT_BYTES) kept.shift();
          expect(cache.bytes).toBe(kept.reduce((sum, other) => sum + other.bytes, 0));
        }
      }),
    );
  });
});
