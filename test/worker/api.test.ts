import { SELF } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ADMIN_TOKEN, api, enrol, NodeStandIn, settled } from "./support.ts";

describe("the edge API in workerd", () => {
  it("answers /health to everyone, and nothing else without a token", async () => {
    const health = await SELF.fetch("http://plane/health");
    expect(await health.json()).toMatchObject({ status: "ok" });
    for (const path of ["/api/v1/workers", "/api/v1/operations", "/api/v1/tokens"]) {
      const refused = await SELF.fetch(`http://plane${path}`);
      expect([path, refused.status, refused.headers.get("content-type")]).toEqual([
        path,
        401,
        "application/problem+json",
      ]);
    }
  });

  it("refuses a token of the right form that nobody issued", async () => {
    const answer = await api("GET", "/workers", undefined, `ktrdr.default.${"x".repeat(43)}`);
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ type: "urn:ktrdr:problem:unauthenticated", cure: expect.any(String) });
  });

  it("keeps each role to its rights", async () => {
    const viewer = (await api("POST", "/tokens", { role: "viewer", name: "reader" })).body.token as string;
    expect((await api("GET", "/operations", undefined, viewer)).status).toBe(200);
    expect((await api("POST", "/operations", { spec: { kind: "sleep", duration_ms: 1 } }, viewer)).status).toBe(403);
    expect((await api("GET", "/tokens", undefined, viewer)).status).toBe(403);
  });

  it("lets an enrolment token be used as often as it says, and for enrolling alone", async () => {
    const token = (await api("POST", "/enrolments", { max_uses: 1 })).body.token as string;
    const request = { worker_id: "one-use", worker_type: "backtesting" };
    expect((await api("POST", "/workers/register", request, token)).status).toBe(201);
    expect((await api("POST", "/workers/register", { ...request, worker_id: "second" }, token)).status).toBe(401);
    expect((await api("GET", "/workers", undefined, token)).status).toBe(401);
  });

  it("lists a registered worker in the shape of the seed", async () => {
    await enrol("listed");
    const { body } = await api("GET", "/workers");
    const found = (body.workers as Record<string, unknown>[]).find((worker) => worker.worker_id === "listed");
    expect(body.total).toBe((body.workers as unknown[]).length);
    expect(found).toMatchObject({
      worker_type: "backtesting",
      status: "temporarily_unavailable",
      current_operation_id: null,
      health_check_failures: 0,
    });
  });

  it("answers bad input with problem details that name the field", async () => {
    const cases: [string, string, unknown, number, RegExp][] = [
      ["POST", "/operations", { spec: { kind: "nonsense" } }, 400, /spec/],
      ["POST", "/operations", { spec: { kind: "sleep" } }, 400, /spec.duration_ms/],
      ["GET", "/operations/op_short", undefined, 400, /operation id/],
      ["GET", `/operations/op_${"0".repeat(20)}`, undefined, 404, /no operation/],
      ["GET", "/operations?limit=0", undefined, 400, /limit/],
      ["GET", "/workers/..%2f..%2fetc", undefined, 400, /worker id/],
      ["GET", "/nowhere", undefined, 404, /no GET/],
      ["DELETE", "/workers/unknown", undefined, 404, /no worker/],
      ["POST", "/workers/register", { worker_id: "a b", worker_type: "backtesting" }, 400, /worker_id/],
    ];
    for (const [method, path, body, status, detail] of cases) {
      const answer = await api(method, path, body);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.body.detail).toMatch(detail);
    }
  });

  it("answers a body that is not JSON with the parser's message", async () => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const answer = await SELF.fetch("http://plane/api/v1/operations", { method: "POST", body: "{oops", headers });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ detail: expect.stringContaining("not JSON") });
  });

  it("submits the same Idempotency-Key once", async () => {
    const submit = () =>
      api(
        "POST",
        "/operations",
        { spec: { kind: "sleep", duration_ms: 1 }, requirements: { labels: { name: "nobody" } } },
        ADMIN_TOKEN,
        { "idempotency-key": "k1" },
      );
    const [first, second] = [await submit(), await submit()];
    expect(first.status).toBe(202);
    expect(second.body.operation_id).toBe(first.body.operation_id);
  });
});

describe("a node's socket", () => {
  it("is refused without the worker's own credential, and without the subprotocol", async () => {
    const { credential } = await enrol("guarded");
    const open = (token: string, protocol: string) =>
      SELF.fetch("http://plane/api/v1/workers/guarded/socket", {
        headers: { upgrade: "websocket", authorization: `Bearer ${token}`, "sec-websocket-protocol": protocol },
      });
    expect((await open(ADMIN_TOKEN, "ktrdr.v1")).status).toBe(401);
    expect((await open(credential, "ktrdr.v0")).status).toBe(400);
    const accepted = await open(credential, "ktrdr.v1");
    expect(accepted.status).toBe(101);
    accepted.webSocket!.accept();
    accepted.webSocket!.close();
  });

  it("carries an operation from submission to result, artefact included", async () => {
    const node = await NodeStandIn.connect("runner");
    const { body } = await api("POST", "/operations", {
      spec: { kind: "sleep", duration_ms: 1 },
      requirements: { labels: { name: "runner" } },
    });
    const assigned = await node.next("assign");
    expect(assigned).toMatchObject({ operation_id: body.operation_id, attempt: 1 });
    const lease = { operation_id: assigned.operation_id, attempt: assigned.attempt };
    node.send({ type: "accept", ...lease });
    node.send({ type: "progress", ...lease, progress: { phase: "running", fraction: 0.5 } });
    await settled(async () => (await api("GET", `/operations/${body.operation_id}`)).body.progress !== null);

    const artefact = await node.upload("the result", lease);
    expect(artefact.status).toBe(201);
    node.send({
      type: "complete",
      ...lease,
      result: { ...artefact.reference, media_type: "text/plain", summary: { answer: 42 } },
    });
    expect(await node.next("acknowledge")).toMatchObject(lease);

    const shown = await api("GET", `/operations/${body.operation_id}`);
    expect(shown.body).toMatchObject({ status: "completed", result: { summary: { answer: 42 } }, worker_id: "runner" });
    const bytes = await SELF.fetch(`http://plane/api/v1/operations/${body.operation_id}/result`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect([bytes.headers.get("content-type"), await bytes.text()]).toEqual(["text/plain", "the result"]);
    node.close();
  });

  it("refuses uploads without the lease, and bytes that do not match their name", async () => {
    const node = await NodeStandIn.connect("uploader");
    const stranger = { operation_id: `op_${"0".repeat(20)}`, attempt: 1 };
    expect((await node.upload("x", stranger)).status).toBe(409);
    await api("POST", "/operations", {
      spec: { kind: "sleep", duration_ms: 1 },
      requirements: { labels: { name: "uploader" } },
    });
    const { operation_id, attempt } = await node.next("assign");
    const wrong = await node.upload("x", { operation_id, attempt } as typeof stranger, "f".repeat(64));
    expect(wrong.status).toBe(400);
    node.close();
  });

  it("answers messages that it does not understand, counts them, and goes on", async () => {
    const node = await NodeStandIn.connect("babbler");
    node.sendText("not json");
    expect(await node.next("refused")).toMatchObject({ reason: "The frame is not JSON." });
    node.send({ type: "unheard-of" });
    expect(await node.next("refused")).toMatchObject({ reason: expect.stringContaining("message") });
    node.send({
      type: "progress",
      operation_id: `op_${"1".repeat(20)}`,
      attempt: 1,
      progress: { phase: "p", fraction: 0 },
    });
    expect(await node.next("stale")).toMatchObject({ attempt: 1 });
    expect((await api("GET", "/workers/babbler")).body.connected).toBe(true);
    node.close();
  });

  it("closes the older of two connections with the reason", async () => {
    const first = await NodeStandIn.connect("twice");
    const second = await NodeStandIn.connect("twice", first);
    expect(await first.closed).toMatchObject({ code: 4001, reason: expect.stringContaining("newer") });
    expect((await api("GET", "/workers/twice")).body.connected).toBe(true);
    second.close();
  });
});
