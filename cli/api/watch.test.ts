import { describe, expect, it } from "vitest";
import { OPERATION_ID, sampleOperation } from "../../client/testing/sample-operation.ts";
import { Problem } from "../../protocol/problem.ts";
import { createProgressView } from "../terminal/progress.ts";
import { collector } from "../testing/collector.ts";
import { problemOf, watchOperation } from "./watch.ts";

const away = (): Promise<never> => Promise.reject(new Problem("unavailable", "No control plane answers"));

function clientThatAnswers(answers: (() => Promise<ReturnType<typeof sampleOperation>>)[]) {
  let calls = 0;
  return { url: "http://127.0.0.1:1", showOperation: () => answers[Math.min(calls++, answers.length - 1)]() };
}

describe("watching an operation", () => {
  it("ends with the first terminal status and shows each state on the way", async () => {
    const stream = collector();
    const client = clientThatAnswers([
      async () => sampleOperation(),
      async () => sampleOperation({ status: "running", attempt: 1, workerId: "w" }),
      async () => sampleOperation({ status: "completed", attempt: 1, workerId: "w" }),
    ]);
    const ended = await watchOperation({ client, operationId: OPERATION_ID, view: createProgressView(stream) });
    expect(ended.status).toBe("completed");
    expect(stream.lines()).toEqual(["queued", "running on w", "completed"]);
  });

  it("survives a control plane that restarts, and says when it goes and when it is back", async () => {
    const stream = collector();
    const client = clientThatAnswers([away, away, async () => sampleOperation({ status: "completed" })]);
    await watchOperation({ client, operationId: OPERATION_ID, view: createProgressView(stream) });
    expect(stream.text()).toContain("does not answer; trying on");
    expect(stream.text()).toContain("is back");
  });

  it("gives up when the control plane stays away too long", async () => {
    const options = {
      client: clientThatAnswers([away]),
      operationId: OPERATION_ID,
      view: createProgressView(collector()),
    };
    await expect(watchOperation({ ...options, patienceMs: 0 })).rejects.toThrow("No control plane answers");
  });

  it("does not try again what cannot succeed", async () => {
    const refused = () => Promise.reject(new Problem("not-found", "no such operation"));
    const options = {
      client: clientThatAnswers([refused]),
      operationId: OPERATION_ID,
      view: createProgressView(collector()),
    };
    await expect(watchOperation(options)).rejects.toThrow("no such operation");
  });

  it("stops at once when it is aborted", async () => {
    const controller = new AbortController();
    const client = clientThatAnswers([async () => sampleOperation()]);
    const watching = watchOperation({
      ...{ client, operationId: OPERATION_ID, view: createProgressView(collector()) },
      signal: controller.signal,
    });
    controller.abort(new Error("interrupted"));
    await expect(watching).rejects.toThrow("interrupted");
  });

  it("turns a failed operation into its own problem, and a cancelled one into a sentence", () => {
    const error = new Problem("data-not-found", "no MSFT", { cure: "Load it." }).toDetails();
    expect(problemOf(sampleOperation({ status: "failed", error }))).toMatchObject({
      kind: "data-not-found",
      cure: "Load it.",
    });
    expect(problemOf(sampleOperation({ status: "cancelled" })).message).toBe(`${OPERATION_ID} was cancelled`);
  });
});
