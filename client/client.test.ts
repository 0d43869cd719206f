import { describe, expect, it } from "vitest";
import { probePort } from "../cli/local/free-port.ts";
import { Problem } from "../protocol/problem.ts";
import { createClient } from "./client.ts";
import { type FakeControlPlane, fakeControlPlane } from "./testing/fake-control-plane.ts";
import { OPERATION_ID, sampleOperationJson } from "./testing/sample-operation.ts";

const clientOf = (plane: Pick<FakeControlPlane, "url">) =>
  createClient({ url: plane.url, token: "ktrdr.default.secret", tokenSource: "KTRDR_TOKEN" });

async function problemFrom(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Problem)) throw new Error(`expected a Problem, got ${String(error)}`);
  return error;
}

const SLEEP = { spec: { kind: "sleep", durationMs: 5 } } as const;

describe("the API client", () => {
  it("sends the token, and reads snake_case into camelCase", async () => {
    await using plane = await fakeControlPlane(() => ({ json: sampleOperationJson() }));
    const found = await clientOf(plane).showOperation(OPERATION_ID);
    expect(found.maxAttempts).toBe(3);
    expect(found.spec).toEqual({ kind: "sleep", durationMs: 10, busy: false });
    const [request] = plane.requests;
    expect(request.path).toBe(`/api/v1/operations/${OPERATION_ID}`);
    expect(request.headers.authorization).toBe("Bearer ktrdr.default.secret");
  });

  it("puts filters into the query and leaves out absent ones", async () => {
    await using plane = await fakeControlPlane(() => ({ json: { total: 0, operations: [], next_cursor: null } }));
    await clientOf(plane).listOperations({ status: "failed", limit: 5 });
    expect(plane.requests[0].path).toBe("/api/v1/operations?status=failed&limit=5");
  });

  it("cannot be led out of its path by an id", async () => {
    await using plane = await fakeControlPlane(() => ({ status: 204, text: "" }));
    await clientOf(plane).removeWorker("../tokens/x?y");
    expect(plane.requests[0].path).toBe("/api/v1/workers/..%2Ftokens%2Fx%3Fy");
  });

  it("sends a lost submission again with the same idempotency key", async () => {
    await using plane = await fakeControlPlane((_request, count) =>
      count < 3 ? "drop" : { status: 202, json: { operation_id: OPERATION_ID, status: "queued" } },
    );
    const answer = await clientOf(plane).submit(SLEEP);
    expect(answer.operationId).toBe(OPERATION_ID);
    const keys = plane.requests.map((request) => request.headers["idempotency-key"]);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(JSON.parse(plane.requests[0].body).spec).toEqual({ kind: "sleep", duration_ms: 5, busy: false });
  });

  it("does not send a refused submission again", async () => {
    await using plane = await fakeControlPlane(() => ({
      status: 503,
      json: new Problem("unavailable", "full").toDetails(),
    }));
    expect((await problemFrom(clientOf(plane).submit(SLEEP))).message).toBe("full");
    expect(plane.requests).toHaveLength(1);
  });

  it("refuses a submission that the control plane would refuse, before anything is sent", async () => {
    await using plane = await fakeControlPlane(() => ({}));
    const problem = await problemFrom(clientOf(plane).submit({ ...SLEEP, priority: 1000 }));
    expect(problem.kind).toBe("invalid-request");
    expect(problem.message).toContain("priority");
    expect(plane.requests).toHaveLength(0);
  });

  it("throws problem details as the problem that they describe", async () => {
    const original = new Problem("conflict", "It runs already.", {
      cure: "Wait.",
      issues: [{ message: "m", line: 3 }],
    });
    await using plane = await fakeControlPlane(() => ({ status: 409, json: original.toDetails() }));
    const problem = await problemFrom(clientOf(plane).cancelOperation(OPERATION_ID));
    expect(problem.toDetails()).toEqual(original.toDetails());
  });

  it("says that no control plane answers, and how to start one", async () => {
    const port = await probePort(0);
    const problem = await problemFrom(clientOf({ url: `http://127.0.0.1:${port}` }).health());
    expect(problem.kind).toBe("unavailable");
    expect(problem.message).toBe(`No control plane answers at http://127.0.0.1:${port}`);
    expect(problem.cure).toContain("ktrdr up");
  });

  it("names where a refused token came from", async () => {
    const refusal = new Problem("unauthenticated", "This token is not known.");
    await using plane = await fakeControlPlane(() => ({ status: 401, json: refusal.toDetails() }));
    const problem = await problemFrom(clientOf(plane).listWorkers());
    expect(problem.message).toBe("This token is not known.");
    expect(problem.cure).toContain("KTRDR_TOKEN");
  });

  it.each([
    ["an HTML page", { text: "<html>hello</html>" }],
    ["JSON of another service", { json: { hello: "world" } }],
    ["an error without problem details", { status: 502, text: "Bad gateway" }],
  ])("says that %s is no control plane", async (_name, answer) => {
    await using plane = await fakeControlPlane(() => answer);
    const problem = await problemFrom(clientOf(plane).health());
    expect(problem.message).toContain("does not speak");
    expect(problem.cure).toContain("--url");
  });

  it("hands a result's bytes over unchanged", async () => {
    await using plane = await fakeControlPlane(() => ({ text: '{"a":1.10}\n' }));
    expect(new TextDecoder().decode(await clientOf(plane).operationResult(OPERATION_ID))).toBe('{"a":1.10}\n');
  });
});
