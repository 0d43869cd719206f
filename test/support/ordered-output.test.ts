import { expect, it } from "vitest";
import { OrderedOutput } from "./ordered-output.ts";

function shownBy(use: (output: OrderedOutput<"first" | "second" | "third">) => void): string {
  let text = "";
  use(new OrderedOutput(["first", "second", "third"], (part) => (text += part)));
  return text;
}

it("ordered output shows the first program as it writes, and another whole when its turn has come", () => {
  const text = shownBy((output) => {
    output.write("second", "b1 ");
    output.write("first", "a1 ");
    output.write("second", "b2 ");
    output.write("first", "a2 ");
    output.end("first", "a-end ");
    output.write("second", "b3 ");
    output.end("second", "b-end ");
  });
  expect(text).toBe("a1 a2 a-end b1 b2 b3 b-end ");
});

it("ordered output says at once that a later program has ended, and again below its output", () => {
  const text = shownBy((output) => {
    output.write("second", "b1 ");
    output.end("second", "b-end ");
    output.end("third", "c-end ");
    output.end("first", "a-end ");
  });
  expect(text).toBe("b-end c-end a-end b1 b-end c-end ");
});
