import { expect, it } from "vitest";
import { OPERATION_KINDS, operationSpec } from "../../../protocol/operations/index.ts";
import { COMMANDS } from "../../program.ts";
import { asksFor, KIND_TEXTS } from "./kinds.ts";

it.each(OPERATION_KINDS)("the command that submits an operation of kind %s is in cli/program.ts", (kind) => {
  expect([null, ...COMMANDS.map(({ name }) => name)]).toContain(KIND_TEXTS[kind].command);
});

it("a command's facts name the program, its prices and its input", () => {
  const data = [{ symbol: "SP500", timeframe: "1d" }];
  const spec = operationSpec.parse({ kind: "command", program: "trend", input: { epochs: 3 }, data });
  expect(asksFor(spec)).toEqual([
    ["asks for", "program trend on SP500 1d"],
    ["  input", '{"epochs":3}'],
  ]);
});

it("the facts of a model's backtest name the model, with its version where there is one", () => {
  const data = [{ symbol: "SP500", timeframe: "1d" }];
  const model = { sha256: "0".repeat(64), name: "trend", version: 3 };
  expect(asksFor(operationSpec.parse({ kind: "model_backtest", model, data }))).toEqual([
    ["asks for", "model trend@3 on SP500"],
  ]);
});
