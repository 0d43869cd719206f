import { describe, expect, it } from "vitest";
import { agoText, durationText, momentText } from "./duration.ts";
import { factsText, tableText } from "./table.ts";

describe("tables", () => {
  it("align each column to its widest cell and leave no blanks at the end", () => {
    const text = tableText<{ name: string; count: number }>(
      [
        { heading: "NAME", text: (row) => row.name },
        { heading: "COUNT", align: "right", text: (row) => String(row.count) },
        { heading: "NOTE", text: () => "" },
      ],
      [
        { name: "a", count: 1 },
        { name: "longer", count: 1000 },
      ],
    );
    expect(text).toBe("NAME    COUNT  NOTE\na           1\nlonger   1000");
  });

  it("pad the names of facts", () => {
    expect(
      factsText([
        ["a", "1"],
        ["long", "2"],
      ]),
    ).toBe("a     1\nlong  2");
  });
});

describe("durations", () => {
  it.each([
    [0, "0 ms"],
    [850, "850 ms"],
    [4240, "4.2 s"],
    [200_000, "3 min 20 s"],
    [7_200_000, "2 h"],
    [90_000_000, "1 d 1 h"],
  ])("%d ms is %s", (durationMs, text) => {
    expect(durationText(durationMs)).toBe(text);
  });

  it("tell never from just now", () => {
    expect(agoText(null, 5000)).toBe("-");
    expect(agoText(6000, 5000)).toBe("0 ms ago");
  });

  it("write moments in UTC", () => {
    expect(momentText(0)).toBe("1970-01-01 00:00:00Z");
  });
});
