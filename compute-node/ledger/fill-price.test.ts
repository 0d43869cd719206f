import { describe, expect, it } from "vitest";
import { stopFillPrice, targetFillPrice } from "./fill-price.ts";

describe("a stop", () => {
  it("on a long position fills at its price when the bar reaches it, touching included", () => {
    expect(stopFillPrice(1, 100, 104, 95, 97)).toBe(97);
    expect(stopFillPrice(1, 100, 104, 97, 97)).toBe(97);
    expect(stopFillPrice(1, 100, 104, 97.01, 97)).toBeNaN();
  });
  it("on a long position fills at the open when the open has passed it", () => {
    expect(stopFillPrice(1, 94, 96, 93, 97)).toBe(94);
  });
  it("of a short is the mirror image", () => {
    expect(stopFillPrice(-1, 100, 105, 95, 103)).toBe(103);
    expect(stopFillPrice(-1, 100, 103, 95, 103)).toBe(103);
    expect(stopFillPrice(-1, 106, 107, 104, 103)).toBe(106);
    expect(stopFillPrice(-1, 100, 102.9, 95, 103)).toBeNaN();
  });
});

describe("a target", () => {
  it("on a long position fills at its price, and at a better open", () => {
    expect(targetFillPrice(1, 100, 106, 99, 105)).toBe(105);
    expect(targetFillPrice(1, 108, 109, 107, 105)).toBe(108);
    expect(targetFillPrice(1, 100, 104.9, 99, 105)).toBeNaN();
  });
  it("of a short is the mirror image", () => {
    expect(targetFillPrice(-1, 100, 101, 94, 95)).toBe(95);
    expect(targetFillPrice(-1, 92, 94, 91, 95)).toBe(92);
    expect(targetFillPrice(-1, 100, 101, 95.1, 95)).toBeNaN();
  });
  it("at infinity is never reached", () => {
    expect(targetFillPrice(1, 100, 1e308, 1, Number.POSITIVE_INFINITY)).toBeNaN();
    expect(stopFillPrice(1, 100, 1e308, 1, Number.NEGATIVE_INFINITY)).toBeNaN();
  });
});
