import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { probePort } from "../cli/local/free-port.ts";
import { LIMITS } from "../protocol/limits.ts";
import { submitRequest } from "../protocol/operation.ts";
import { Problem, type ProblemKind } from "../protocol/problem.ts";
import { SubmissionLine, type SubmissionLineOptions } from "./submission-line.ts";
import { type FakeSubmissionServer, fakeSubmissionServer, KeepingRegistry } from "./testing/fake-submission-server.ts";

const NAP = { spec: { kind: "sleep", durationMs: 5 } } as const;
const QUICK: SubmissionLineOptions = { backoff: { firstMs: 2, longestMs: 8 } };

const lineTo = (server: Pick<FakeSubmissionServer, "url">, options: SubmissionLineOptions = QUICK) =>
  new SubmissionLine({ url: server.url, token: "ktrdr.default.secret", tokenSource: "KTRDR_TOKEN" }, options);

const refusedBy = (kind: ProblemKind, message: string) => new Problem(kind, message, { cure: "Mend it." }).toDetails();

async function problemFrom(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Problem)) throw new Error(`expected a Problem, got ${String(error)}`);
  return error;
}

describe("a submission line", () => {
  it("connects with its first submission, and asks over that one connection from then on", async () => {
    const registry = new KeepingRegistry();
    await using server = await fakeSubmissionServer((frame) => registry.answer(frame));
    await using line = lineTo(server, { ...QUICK, traceparent: "00-4bf9-00f0-01" });
    expect(server.handshakes).toEqual([]);
    const first = await line.submit(NAP);
    const second = await line.submit(NAP);
    const batch = await line.submitBatch([submitRequest.parse(NAP), submitRequest.parse(NAP)]);
    const ids = [first, second, ...batch].map(({ operationId }) => operationId);
    expect(ids).toEqual([...registry.operations.values()]);
    expect(new Set(server.frames.map((frame) => frame.idempotency_key)).size).toBe(3);
    expect(server.frames[0]).toMatchObject({
      type: "submit",
      operations: [{ spec: { kind: "sleep", duration_ms: 5 } }],
      traceparent: "00-4bf9-00f0-01",
    });
    expect(server.handshakes.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ["/api/v1/submissions", "Bearer ktrdr.default.secret"],
    ]);
  });

  it("sends only unanswered submissions again under the same key when the line was cut", async () => {
    const registry = new KeepingRegistry();
    await using server = await fakeSubmissionServer((frame, count) => {
      const answer = registry.answer(frame);
      return count === 2 || count === 3 ? "cut" : answer;
    });
    await using line = lineTo(server);
    await line.submit(NAP, "first");
    expect(await line.submit(NAP, "second")).toEqual({ operationId: `op_${"0".repeat(19)}1`, status: "queued" });
    expect(server.frames.map((frame) => frame.idempotency_key)).toEqual(["first", "second", "second", "second"]);
    expect(registry.operations.size).toBe(2);
    expect(server.handshakes).toHaveLength(3);
  });

  it("takes answers in whatever order they come", async () => {
    const registry = new KeepingRegistry();
    const kept: Record<string, unknown>[] = [];
    await using server = await fakeSubmissionServer((frame) => {
      kept.unshift(registry.answer(frame));
      if (kept.length === 3) for (const answer of kept) server.send(JSON.stringify(answer));
      return "nothing";
    });
    await using line = lineTo(server);
    const all = await Promise.all(["a", "b", "c"].map((key) => line.submit(NAP, key)));
    expect(all.map(({ operationId }) => operationId)).toEqual(
      ["a#0", "b#0", "c#0"].map((key) => registry.operations.get(key)),
    );
  });

  it("notices a line that is dead though nobody said so", async () => {
    const registry = new KeepingRegistry();
    await using server = await fakeSubmissionServer((frame, count) => {
      server.isAlive = count > 1;
      return count === 1 ? "nothing" : registry.answer(frame);
    });
    await using line = lineTo(server, { ...QUICK, heartbeatMs: 20 });
    expect(await line.submit(NAP)).toMatchObject({ status: "queued" });
    expect(server.handshakes).toHaveLength(2);
  });

  it("is not confused by heartbeats, and connects anew after a stop of the control plane", async () => {
    const registry = new KeepingRegistry();
    await using server = await fakeSubmissionServer((frame) => registry.answer(frame));
    await using line = lineTo(server, { ...QUICK, heartbeatMs: 5 });
    await line.submit(NAP);
    await new Promise((resolve) => setTimeout(resolve, 40));
    server.close(1001, "the control plane stops");
    await line.submit(NAP);
    expect([registry.operations.size, server.handshakes.length]).toEqual([2, 2]);
  });

  it("submits each once and answers each, however often the line is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("answer", "cut before", "cut after", "refuse"), { maxLength: 25 }),
        fc.integer({ min: 1, max: 12 }),
        async (fates, count) => {
          const registry = new KeepingRegistry();
          await using server = await fakeSubmissionServer((frame, frames) => {
            const fate = fates[frames - 1] ?? "answer";
            server.refusing = fate === "refuse" ? { status: 503, body: "" } : null;
            if (fate === "refuse") setTimeout(() => (server.refusing = null), 3);
            if (fate === "cut before") return "cut";
            const answer = registry.answer(frame);
            return fate === "answer" ? answer : "cut";
          });
          await using line = lineTo(server, { backoff: { firstMs: 1, longestMs: 2 } });
          const all = await Promise.all(Array.from({ length: count }, (_, index) => line.submit(NAP, `k${index}`)));
          expect(all.map(({ operationId }) => operationId)).toEqual(
            all.map((_, index) => registry.operations.get(`k${index}#0`)),
          );
          expect(registry.operations.size).toBe(count);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("a refusal on a submission line", () => {
  it("is the registry's problem, for that submission alone", async () => {
    const registry = new KeepingRegistry();
    const problem = refusedBy("conflict", "The key was used for another submission.");
    await using server = await fakeSubmissionServer((frame) =>
      frame.idempotency_key === "taken"
        ? { type: "refused", request_id: frame.request_id, problem }
        : registry.answer(frame),
    );
    await using line = lineTo(server);
    const [refused, accepted] = await Promise.all([problemFrom(line.submit(NAP, "taken")), line.submit(NAP)]);
    expect(refused).toMatchObject({ kind: "conflict", message: problem.detail, cure: "Mend it." });
    expect(accepted.status).toBe("queued");
  });

  it("names where the token came from, and is not tried again", async () => {
    await using server = await fakeSubmissionServer(() => "nothing");
    server.refusing = { status: 401, body: JSON.stringify(refusedBy("unauthenticated", "The token has expired.")) };
    await using line = lineTo(server);
    const problem = await problemFrom(line.submit(NAP));
    expect([problem.kind, problem.message, problem.cure]).toEqual([
      "unauthenticated",
      "The token has expired.",
      expect.stringContaining("KTRDR_TOKEN"),
    ]);
    server.refusing = { status: 403, body: JSON.stringify(refusedBy("forbidden", "This needs the role researcher.")) };
    expect((await problemFrom(line.submit(NAP))).kind).toBe("forbidden");
    expect(server.handshakes).toHaveLength(2);
  });

  it("ends waiting submissions when the token is revoked", async () => {
    await using server = await fakeSubmissionServer(() => {
      server.close(4003, "The token is unknown, expired or revoked.");
      return "nothing";
    });
    await using line = lineTo(server);
    expect(await problemFrom(line.submit(NAP))).toMatchObject({ kind: "unauthenticated" });
  });

  it("refuses all waiting submissions where it cannot say which one it means", async () => {
    const problem = refusedBy("invalid-request", "The frame is not valid: type.");
    await using server = await fakeSubmissionServer(() => ({ type: "refused", request_id: null, problem }));
    await using line = lineTo(server);
    const both = await Promise.all([problemFrom(line.submit(NAP)), problemFrom(line.submit(NAP))]);
    expect(both.map(({ kind }) => kind)).toEqual(["invalid-request", "invalid-request"]);
  });

  it("follows an answer that this version does not understand", async () => {
    await using server = await fakeSubmissionServer(() => "hello?");
    await using line = lineTo(server);
    expect((await problemFrom(line.submit(NAP))).message).toContain("does not speak this version");
  });
});

describe("a submission line that cannot submit", () => {
  it("says at once that nobody listens, and what to do", async () => {
    const url = `http://127.0.0.1:${await probePort(0)}`;
    await using line = lineTo({ url });
    expect(await problemFrom(line.submit(NAP))).toMatchObject({
      kind: "unavailable",
      message: `No control plane answers at ${url}`,
    });
  });

  it("gives up when its patience is over", async () => {
    await using server = await fakeSubmissionServer(() => "cut");
    await using line = lineTo(server, { ...QUICK, patienceMs: 60 });
    const problem = await problemFrom(line.submit(NAP));
    expect(problem.kind).toBe("unavailable");
    expect(server.frames.length).toBeGreaterThan(1);
  });

  it("refuses a faulty or too large submission before it is sent, and more than can wait", async () => {
    await using server = await fakeSubmissionServer(() => "nothing");
    const line = lineTo(server);
    expect((await problemFrom(line.submit({ spec: { kind: "sleep", durationMs: -1 } }))).message).toContain(
      "duration_ms",
    );
    const text = "x".repeat(LIMITS.requestBodyBytes);
    const large = submitRequest.parse({ spec: { kind: "command", program: "p", input: { text } } });
    expect((await problemFrom(line.submitBatch([large]))).kind).toBe("too-large");
    expect(server.handshakes).toEqual([]);
    const waiting = Array.from({ length: 1_000 }, () => problemFrom(line.submit(NAP)));
    expect((await problemFrom(line.submit(NAP))).kind).toBe("too-many-requests");
    await line.close();
    expect(new Set((await Promise.all(waiting)).map(({ kind }) => kind))).toEqual(new Set(["unavailable"]));
  });

  it("rejects waiting submissions when it is closed, says goodbye, and takes nothing more", async () => {
    await using server = await fakeSubmissionServer(() => "nothing");
    const line = lineTo(server);
    const waiting = problemFrom(line.submit(NAP));
    await expect.poll(() => server.frames.length).toBe(1);
    await line.close();
    expect((await waiting).message).toBe("The line was closed before the answer came.");
    await expect.poll(() => server.closed).toEqual([1000]);
    expect((await problemFrom(line.submit(NAP))).message).toBe("The line is closed.");
    await line.close();
  });
});
