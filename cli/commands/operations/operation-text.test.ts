import { expect, it } from "vitest";
import { sampleOperation } from "../../../client/testing/sample-operation.ts";
import { operationFacts } from "./operation-text.ts";

it("says which trace an operation has, where it has one", () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  expect(operationFacts(sampleOperation({ traceId }))).toMatch(new RegExp(`^trace +${traceId}$`, "m"));
  expect(operationFacts(sampleOperation())).not.toContain("trace");
});
