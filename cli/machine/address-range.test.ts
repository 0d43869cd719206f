import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressNumber, addressText, isHostOf, parseAddressRange, parseNetwork } from "./address-range.ts";

describe("addresses", () => {
  it("are the same after a trip through their number", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(addressText(addressNumber(text)!)).toBe(text);
      }),
    );
  });

  it.each(["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "a.b.c.d"])("%j is none", (text) => {
    expect(addressNumber(text)).toBeNull();
  });

  it("belong to a network unless they are its own or its broadcast address", () => {
    const network = parseNetwork("192.168.1.0/24")!;
    const isHost = (text: string): boolean => isHostOf(network, addressNumber(text)!);
    expect(["192.168.1.1", "192.168.1.254"].map(isHost)).toEqual([true, true]);
    expect(["192.168.1.0", "192.168.1.255", "192.168.2.1", "10.0.0.1"].map(isHost)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it.each(["192.168.1.7/24", "192.168.1.0", "192.168.1.0/31", "192.168.1.0/24/1", "x/24"])(
    "%j is no network",
    (text) => {
      expect(parseNetwork(text)).toBeNull();
    },
  );

  it("come as ranges of the last number", () => {
    expect(parseAddressRange("192.168.1.201-203")!.map(addressText)).toEqual([
      "192.168.1.201",
      "192.168.1.202",
      "192.168.1.203",
    ]);
    expect(parseAddressRange("10.0.0.9")!.map(addressText)).toEqual(["10.0.0.9"]);
  });

  it.each(["192.168.1.5-4", "192.168.1.5-256", "192.168.1.5-", "192.168.1.5-6-7", "5-6"])("%j is no range", (text) => {
    expect(parseAddressRange(text)).toBeNull();
  });
});
