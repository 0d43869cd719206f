import fc from "fast-check";
import { expect, it } from "vitest";
import { compareVersions } from "./version-order.ts";

it("versions are ordered like the example of the semver specification", () => {
  // https://semver.org/spec/v2.0.0.html, 11.2 and 11.4.4
  const inOrder = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"];
  inOrder.push("1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "2.1.10");
  for (const [index, earlier] of inOrder.entries()) {
    expect(compareVersions(earlier, earlier)).toBe(0);
    for (const later of inOrder.slice(index + 1)) {
      expect([earlier, later, Math.sign(compareVersions(earlier, later))]).toEqual([earlier, later, -1]);
      expect([later, earlier, Math.sign(compareVersions(later, earlier))]).toEqual([later, earlier, 1]);
    }
  }
  expect(compareVersions("1.0.0+a", "1.0.0+b")).toBe(0);
});

it("the order of versions is antisymmetric and transitive", () => {
  const number = fc.nat(20);
  const word = fc.oneof(number.map(String), fc.constantFrom("a", "b", "rc", "x-1"));
  const version = fc
    .tuple(fc.tuple(number, number, number), fc.array(word, { maxLength: 3 }))
    .map(([numbers, words]) => numbers.join(".") + (words.length === 0 ? "" : `-${words.join(".")}`));
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
    }),
  );
});
