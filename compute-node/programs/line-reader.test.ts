import fc from "fast-check";
import { expect, it } from "vitest";
import { LineReader } from "./line-reader.ts";

it("gives the same lines however the stream is cut into chunks", () => {
  const line = fc.string({ unit: fc.constantFrom("a", "é", "€", " ", "{") });
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(20)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const reader = new LineReader(1_000);
      const read: string[] = [];
      let at = 0;
      for (const cut of cuts) {
        read.push(...reader.take(bytes.subarray(at, at + cut)));
        at = Math.min(bytes.length, at + cut);
      }
      read.push(...reader.take(bytes.subarray(at)), ...reader.rest());
      expect(read).toEqual(lines);
    }),
  );
});

it("cuts a long line at the limit, however it comes, and the next one is whole", () => {
  for (const size of [1, 3, 7, 100]) {
    const reader = new LineReader(5);
    const bytes = Buffer.from(`${"x".repeat(12)}\nnext\nlast`);
    const read: string[] = [];
    for (let at = 0; at < bytes.length; at += size) read.push(...reader.take(bytes.subarray(at, at + size)));
    expect([...read, ...reader.rest()]).toEqual(["xxxxx… (7 bytes more)", "next", "last"]);
  }
});

it("takes the last drawing of a progress bar, and Windows' ends of lines", () => {
  const reader = new LineReader(100);
  expect(reader.take(Buffer.from("10 %\r50 %\r100 %\nplain\r\n\r\n"))).toEqual(["100 %", "plain", ""]);
});
