import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Checksum } from "./checksum.ts";

const words = fc.array(fc.integer(), { minLength: 2, maxLength: 64 }).map((list) => {
  return new Uint8Array(Int32Array.from(list.slice(0, list.length & ~1)).buffer);
});

describe("Checksum", () => {
  it("changes with any one byte, and with any two high bits", () => {
    fc.assert(
      fc.property(words, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, first, second, flip) => {
        const before = new Checksum().add(bytes).value;
        const changed = bytes.slice();
        changed[first % bytes.length] ^= flip;
        expect(new Checksum().add(changed).value).not.toBe(before);
        const signs = bytes.slice();
        const [one, two] = [first, second].map((at) => (at % (bytes.length >>> 2)) * 4 + 3);
        signs[one] ^= 0x80;
        if (two !== one) signs[two] ^= 0x80;
        expect(new Checksum().add(signs).value).not.toBe(before);
      }),
    );
  });

  it("does not depend on where the bytes are cut", () => {
    fc.assert(
      fc.property(words, fc.nat(), (bytes, at) => {
        const cut = (at * 8) % bytes.length;
        const parts = new Checksum().add(bytes.subarray(0, cut)).add(bytes.subarray(cut));
        expect(parts.value).toBe(new Checksum().add(bytes).value);
      }),
    );
  });
});
