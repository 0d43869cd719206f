import { evictDurableObject, runInDurableObject, SELF } from "cloudflare:test";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { SubmitterStandIn, upgrade } from "./submitter.ts";
import { ADMIN_TOKEN, api, NodeStandIn, registry } from "./support.ts";

/** Waits in the queue for a worker that does not exist. */
const nap = (name: string) => ({
  name,
  spec: { kind: "sleep", duration_ms: 1 },
  requirements: { labels: { name: "nobody" } },
});

async function tokenOf(role: string): Promise<{ token_id: string; token: string }> {
  return (await api("POST", "/tokens", { role, name: role })).body as never;
}

function idsOf(answer: Record<string, unknown>): string[] {
  return (answer.operations as { operation_id: string }[]).map(({ operation_id }) => operation_id);
}

async function total(): Promise<number> {
  return (await api("GET", "/operations?limit=1")).body.total as number;
}

async function refusedFrames(): Promise<number> {
  const response = await SELF.fetch("http://plane/api/v1/metrics/prometheus", {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  return Number(/^ktrdr_messages_refused_total (\d+)$/m.exec(await response.text())?.[1] ?? 0);
}

describe("a submitter's line", () => {
  it("accepts an operation, which is handed out and done as any other", async () => {
    const node = await NodeStandIn.connect("on-the-line");
    const line = await SubmitterStandIn.open((await tokenOf("researcher")).token);
    const request = { spec: { kind: "sleep", duration_ms: 1 }, requirements: { labels: { name: "on-the-line" } } };
    const answer = await line.submit([request]);
    expect(answer).toMatchObject({ type: "submitted", operations: [{ status: "running" }] });
    const [id] = idsOf(answer);
    expect(await node.next("assign")).toMatchObject({ operation_id: id, attempt: 1 });
    expect((await api("GET", `/operations/${id}`)).body).toMatchObject({ status: "running", kind: "sleep" });
    node.close();
    line.close();
  });

  it("accepts a batch in its order, all or none", async () => {
    const line = await SubmitterStandIn.open();
    const ids = idsOf(await line.submit([nap("a"), nap("b"), nap("c")]));
    const names = await Promise.all(ids.map(async (id) => (await api("GET", `/operations/${id}`)).body.name));
    expect(names).toEqual(["a", "b", "c"]);
    const before = await total();
    expect(await line.submit([nap("d"), { spec: { kind: "nap" } }])).toMatchObject({
      type: "refused",
      problem: { type: "urn:ktrdr:problem:invalid-request", issues: [{ path: "operations.1.spec.kind" }] },
    });
    expect(await total()).toBe(before);
    line.close();
  });

  it("keeps the trace of a submission, and ignores a malformed one", async () => {
    const line = await SubmitterStandIn.open();
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const [traced] = idsOf(await line.submit([nap("traced")], { traceparent }));
    const [untraced] = idsOf(await line.submit([nap("untraced")], { traceparent: "00-nonsense" }));
    expect((await api("GET", `/operations/${traced}`)).body.trace_id).toBe(traceparent.slice(3, 35));
    expect((await api("GET", `/operations/${untraced}`)).body.trace_id).toBeNull();
    line.close();
  });

  it("goes on after the registry hibernated, and answers heartbeats without waking it", async () => {
    const line = await SubmitterStandIn.open();
    await line.submit([nap("before")]);
    await evictDurableObject(registry());
    line.sendText("ping");
    expect(await line.submit([nap("after")])).toMatchObject({ type: "submitted" });
    line.close();
  });

  it("is nobody's worker: after hibernation the nodes are the nodes", async () => {
    const node = await NodeStandIn.connect("beside-a-line");
    const line = await SubmitterStandIn.open();
    await evictDurableObject(registry());
    expect((await api("GET", "/workers/beside-a-line")).body).toMatchObject({ connected: true });
    node.close();
    line.close();
  });
});

describe("an idempotency key", () => {
  it("gives the same operations over another socket, and over HTTPS, whichever was first", async () => {
    const first = await SubmitterStandIn.open();
    const [id] = idsOf(await first.submit([nap("once")], { idempotency_key: "socket-first" }));
    first.close();
    const second = await SubmitterStandIn.open();
    expect(idsOf(await second.submit([nap("once")], { idempotency_key: "socket-first" }))).toEqual([id]);
    const headers = { "idempotency-key": "socket-first" };
    expect((await api("POST", "/operations", nap("once"), ADMIN_TOKEN, headers)).body.operation_id).toBe(id);

    const batch = { operations: [nap("x"), nap("y")] };
    const key = { "idempotency-key": "https-first" };
    const ids = idsOf((await api("POST", "/operations:batch", batch, ADMIN_TOKEN, key)).body);
    expect(idsOf(await second.submit(batch.operations, { idempotency_key: "https-first" }))).toEqual(ids);
    second.close();
  });

  it("is a conflict for another content, and the line goes on", async () => {
    const line = await SubmitterStandIn.open();
    await line.submit([nap("one"), nap("two")], { idempotency_key: "taken" });
    for (const other of [[nap("three")], [nap("one")], [nap("one"), nap("two"), nap("three")]]) {
      expect(await line.submit(other, { idempotency_key: "taken" })).toMatchObject({
        type: "refused",
        problem: { type: "urn:ktrdr:problem:conflict", status: 409, cure: expect.any(String) },
      });
    }
    expect(await line.submit([nap("three")])).toMatchObject({ type: "submitted" });
    line.close();
  });

  it("is refused when it is malformed", async () => {
    const line = await SubmitterStandIn.open();
    expect(await line.submit([nap("spaced")], { idempotency_key: "a b" })).toMatchObject({
      type: "refused",
      problem: { detail: expect.stringContaining("idempotency_key") },
    });
    line.close();
  });
});

describe("a line's owner", () => {
  it("is a researcher or an admin, and nobody else", async () => {
    const { token: viewer } = await tokenOf("viewer");
    expect(await upgrade(viewer)).toMatchObject({
      status: 403,
      text: expect.stringContaining("This needs the role researcher; the token's role is viewer."),
    });
    expect((await upgrade("ktrdr.default.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")).status).toBe(401);
    expect((await upgrade("nonsense")).status).toBe(401);
  });

  it("learns the purpose of the path when the request asks for no WebSocket", async () => {
    expect(await api("GET", "/submissions")).toMatchObject({
      status: 400,
      body: { detail: "This path is a WebSocket.", cure: expect.stringContaining("POST /api/v1/operations") },
    });
  });

  it("loses the line when the token is revoked: the next frame is refused, and the line is closed with the reason", async () => {
    const { token, token_id } = await tokenOf("researcher");
    const line = await SubmitterStandIn.open(token);
    expect(await line.submit([nap("still")])).toMatchObject({ type: "submitted" });
    await api("DELETE", `/tokens/${token_id}`);
    const before = await total();
    expect(await line.submit([nap("no more")])).toMatchObject({
      type: "refused",
      problem: { type: "urn:ktrdr:problem:unauthenticated", status: 401 },
    });
    expect(await line.closed).toEqual({ code: 4003, reason: "The token is unknown, expired or revoked." });
    expect(await total()).toBe(before);
  });

  it("loses the line when the token expires, also when the registry slept over it", async () => {
    const { token, token_id } = await tokenOf("researcher");
    const line = await SubmitterStandIn.open(token);
    await runInDurableObject(registry(), (_, state) => {
      state.storage.sql.exec("UPDATE tokens SET expires_at = ? WHERE token_id = ?", Date.now() - 1, token_id);
    });
    await evictDurableObject(registry());
    expect(await line.submit([nap("too late")])).toMatchObject({ type: "refused", problem: { status: 401 } });
    expect(await line.closed).toMatchObject({ code: 4003 });
  });
});

describe("a frame that is no submission", () => {
  const valid = { type: "submit", request_id: "r", operations: [nap("valid")] };
  const cases: [string, string | ArrayBuffer, string][] = [
    ["no JSON", "{", "not JSON"],
    ["binary", new TextEncoder().encode(JSON.stringify(valid)).buffer as ArrayBuffer, "must be text"],
    ["an array", JSON.stringify([valid]), "expected object"],
    ["of an unknown type", JSON.stringify({ ...valid, type: "cancel" }), "type"],
    ["of a future version, with a key more", JSON.stringify({ ...valid, shape: 2 }), "shape"],
    ["in the code's spelling", JSON.stringify({ ...valid, request_id: undefined, requestId: "r" }), "request_id"],
    ["without operations", JSON.stringify({ ...valid, operations: [] }), "operations"],
    ["a number", "7", "expected object"],
    ["null", "null", "expected object"],
  ];
  it.each(cases)("(%s) is answered with the reason, counted, and nothing is submitted", async (_, frame, reason) => {
    const line = await SubmitterStandIn.open();
    const [operations, refused] = [await total(), await refusedFrames()];
    line.sendText(frame);
    const answer = await line.next();
    expect(answer).toMatchObject({ type: "refused", problem: { detail: expect.stringContaining(reason) } });
    expect([await total(), await refusedFrames()]).toEqual([operations, refused + 1]);
    expect(await line.submit([nap("the line goes on")])).toMatchObject({ type: "submitted" });
    line.close();
  });

  it("is too large where a request is too large", async () => {
    const line = await SubmitterStandIn.open();
    line.sendText(JSON.stringify({ ...valid, filler: "x".repeat(LIMITS.requestBodyBytes) }));
    expect(await line.next()).toMatchObject({ type: "refused", request_id: null, problem: { status: 413 } });
    const large = { spec: { kind: "command", program: "p", input: { text: "x".repeat(LIMITS.operationSpecBytes) } } };
    const overHttps = await api("POST", "/operations", large);
    expect((await line.submit([large])).problem).toEqual(overHttps.body);
    expect(overHttps.status).toBe(413);
    line.close();
  });

  it("counts the bytes of a specification, and not its characters", async () => {
    const line = await SubmitterStandIn.open();
    const text = "界".repeat(48_000);
    expect(text.length).toBeLessThan(LIMITS.operationSpecBytes);
    const large = { spec: { kind: "command", program: "p", input: { text } } };
    const detail = expect.stringMatching(/^The specification has 144\d{3} bytes; the limit is 49152/);
    expect((await line.submit([large])).problem).toMatchObject({ status: 413, detail });
    expect(await api("POST", "/operations", large)).toMatchObject({ status: 413, body: { detail } });
    expect(await api("POST", "/operations:batch", { operations: [large] })).toMatchObject({ status: 413 });
    line.close();
  });

  it("ends a connection that goes on like that", async () => {
    const line = await SubmitterStandIn.open();
    for (let i = 0; i < 25; i++) line.sendText("?");
    expect(await line.closed).toMatchObject({ code: 4008 });
  });

  const field = fc.oneof(fc.integer(), fc.double(), fc.string({ maxLength: 20 }), fc.constantFrom(null, [], {}, true));
  const nearlyValid = fc
    .record(
      {
        type: fc.oneof({ weight: 5, arbitrary: fc.constant("submit") }, { weight: 1, arbitrary: field }),
        request_id: fc.oneof({ weight: 3, arbitrary: fc.string({ maxLength: 140 }) }, { weight: 1, arbitrary: field }),
        operations: fc.oneof(field, fc.array(fc.oneof(field, fc.constant(nap("fuzzed"))), { maxLength: 3 })),
        idempotency_key: fc.oneof(field, fc.constantFrom("k", "l")),
        traceparent: field,
        more: field,
      },
      { requiredKeys: ["type"] },
    )
    .map((message) => JSON.stringify(message));
  const frame = fc.oneof(
    { weight: 6, arbitrary: nearlyValid },
    { weight: 2, arbitrary: fc.json({ maxDepth: 3 }) },
    { weight: 1, arbitrary: fc.string({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes).buffer) },
  );

  it("is answered exactly once, with any content, and the registry goes on serving", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 12 }), async (frames) => {
        const line = await SubmitterStandIn.open();
        const asked = frames.filter((text) => text !== "ping");
        for (const text of asked) line.sendText(text);
        for (const _ of asked) expect(["submitted", "refused"]).toContain((await line.next()).type);
        expect(await line.submit([nap("after the noise")])).toMatchObject({ type: "submitted", request_id: "r1" });
        line.close();
      }),
      { numRuns: 100 },
    );
  });
});
