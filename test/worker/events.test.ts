import { SELF } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ADMIN_TOKEN, api, NodeStandIn } from "./support.ts";

const authorization = `Bearer ${ADMIN_TOKEN}`;

async function submitFor(worker: string, extra: Record<string, unknown> = {}): Promise<string> {
  const request = { spec: { kind: "sleep", duration_ms: 1 }, requirements: { labels: { name: worker } }, ...extra };
  const { body } = await api("POST", "/operations", request);
  return body.operation_id as string;
}

interface StreamedEvent {
  id: string | null;
  type: string;
  data: Record<string, unknown>;
}

/** Reads server-sent events until the stream ends, or until `count` have come. */
async function readEvents(response: Response, count = Number.POSITIVE_INFINITY): Promise<StreamedEvent[]> {
  const events: StreamedEvent[] = [];
  let text = "";
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  while (events.length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string): string | null => block.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1] ?? null;
      const data = field("data");
      if (data !== null) events.push({ id: field("id"), type: field("event")!, data: JSON.parse(data) });
    }
  }
  await reader.cancel();
  return events;
}

function follow(id: string, headers: Record<string, string> = {}): Promise<Response> {
  return SELF.fetch(`http://plane/api/v1/operations/${id}/events`, { headers: { authorization, ...headers } });
}

describe("events of an operation", () => {
  it("show its whole life over SSE, live, and end with it", async () => {
    const node = await NodeStandIn.connect("teller");
    const id = await submitFor("teller");
    const stream = follow(id).then((response) => readEvents(response));
    const { attempt } = await node.next("assign");
    const lease = { operation_id: id, attempt };
    node.send({ type: "accept", ...lease });
    node.send({ type: "progress", ...lease, progress: { phase: "running", fraction: 0.5 } });
    node.send({ type: "log", ...lease, lines: ["hello"] });
    await new Promise((resolve) => setTimeout(resolve, 50));
    node.send({
      type: "complete",
      ...lease,
      result: { sha256: null, bytes: 0, media_type: "text/plain", summary: {} },
    });
    const events = await stream;
    const types = events.map((event) => event.type);
    expect(types.filter((type) => type !== "progress" && type !== "log")).toEqual([
      "queued",
      "assigned",
      "accepted",
      "completed",
    ]);
    expect(events.find((event) => event.type === "assigned")!.data).toMatchObject({
      data: { worker_id: "teller", attempt: 1 },
    });
    node.close();
  });

  it("resume after the event that the follower had last", async () => {
    const id = await submitFor("nobody-here");
    const all = await readEvents(await follow(id), 1);
    await api("POST", `/operations/${id}/cancel`);
    const rest = await readEvents(await follow(id, { "last-event-id": all[0]!.id! }));
    expect(rest.map((event) => event.type)).toEqual(["cancelled"]);
  });

  it("come over a WebSocket too, and over the stream of all operations", async () => {
    const id = await submitFor("nobody-either");
    const response = await SELF.fetch("http://plane/api/v1/events", {
      headers: { authorization, upgrade: "websocket" },
    });
    expect(response.status).toBe(101);
    const socket = response.webSocket!;
    const seen = new Promise<unknown>((resolve) => {
      socket.addEventListener("message", (event) => {
        const message = JSON.parse(event.data as string);
        if (message.operation_id === id && message.type === "cancelled") resolve(message);
      });
    });
    socket.accept();
    await api("POST", `/operations/${id}/cancel`);
    expect(await seen).toMatchObject({ type: "cancelled", operation_id: id });
    socket.close();
  });

  it("are refused without a token, for an unknown operation, and for an event id that is none", async () => {
    expect((await SELF.fetch(`http://plane/api/v1/operations/op_${"0".repeat(20)}/events`)).status).toBe(401);
    expect((await follow(`op_${"0".repeat(20)}`)).status).toBe(404);
    const id = await submitFor("nobody-at-all");
    expect((await follow(id, { "last-event-id": "yesterday" })).status).toBe(400);
  });
});

describe("logs", () => {
  it("keep the newest thousand lines and count the rest", async () => {
    const node = await NodeStandIn.connect("logger");
    const id = await submitFor("logger");
    const { attempt } = await node.next("assign");
    for (let i = 0; i < 12; i++) {
      node.send({
        type: "log",
        operation_id: id,
        attempt,
        lines: Array.from({ length: 100 }, (_, k) => `line ${i * 100 + k}`),
      });
    }
    node.send({
      type: "complete",
      operation_id: id,
      attempt,
      result: { sha256: null, bytes: 0, media_type: "text/plain", summary: {} },
    });
    await node.next("acknowledge");
    const { body } = await api("GET", `/operations/${id}/logs`);
    const lines = body.lines as { text: string; line_id: number }[];
    expect([lines.length, lines[0]!.text, lines.at(-1)!.text, body.dropped]).toEqual([
      1000,
      "line 200",
      "line 1199",
      200,
    ]);
    const rest = await api("GET", `/operations/${id}/logs?after=${lines.at(-2)!.line_id}`);
    expect((rest.body.lines as unknown[]).length).toBe(1);
    node.close();
  });
});

describe("batches", () => {
  it("are accepted whole, in one write", async () => {
    const operations = Array.from({ length: 1000 }, (_, i) => ({
      spec: { kind: "sleep", duration_ms: i },
      requirements: { labels: { name: "batch-nobody" } },
    }));
    const answer = await api("POST", "/operations:batch", { operations });
    expect(answer.status).toBe(202);
    const ids = (answer.body.operations as { operation_id: string }[]).map((item) => item.operation_id);
    expect(new Set(ids).size).toBe(1000);
    const page = await api("GET", "/operations?status=queued&limit=500");
    expect((page.body.operations as unknown[]).length).toBe(500);
    expect(page.body.next_cursor).not.toBeNull();
  });

  it("are refused whole when one of them is not valid, and above a thousand", async () => {
    const good = { spec: { kind: "sleep", duration_ms: 1 } };
    const before = (await api("GET", "/operations?limit=1")).body.total;
    const mixed = await api("POST", "/operations:batch", { operations: [good, { spec: { kind: "sleep" } }] });
    expect([mixed.status, mixed.body.detail]).toEqual([400, expect.stringContaining("operations.1.spec.duration_ms")]);
    expect((await api("POST", "/operations:batch", { operations: Array(1001).fill(good) })).status).toBe(400);
    expect((await api("GET", "/operations?limit=1")).body.total).toBe(before);
  });

  it("are submitted once under one Idempotency-Key", async () => {
    const operations = [1, 2].map((ms) => ({
      spec: { kind: "sleep", duration_ms: ms },
      requirements: { labels: { name: "x" } },
    }));
    const submit = () =>
      api("POST", "/operations:batch", { operations }, ADMIN_TOKEN, { "idempotency-key": "batch-1" });
    expect((await submit()).body).toEqual((await submit()).body);
  });
});

describe("workspaces", () => {
  it("see nothing of each other", async () => {
    const made = await api("POST", "/workspaces", { name: "desk-two" });
    expect(made.status).toBe(201);
    const other = made.body.token as string;
    expect(other).toMatch(/^ktrdr\.desk-two\./);
    const id = await submitFor("nobody-in-default");
    expect((await api("GET", `/operations/${id}`, undefined, other)).status).toBe(404);
    expect((await api("GET", "/workers", undefined, other)).body).toEqual({ total: 0, workers: [] });
    expect((await api("GET", "/operations", undefined, other)).body.total).toBe(0);
    expect((await api("POST", "/workspaces", { name: "desk-three" }, other)).status).toBe(403);
    expect((await api("GET", "/workers", undefined, other.replace("desk-two", "default"))).status).toBe(401);
  });
});

describe("the fleet in numbers", () => {
  it("has the seed's shape for people and for Prometheus, and counts refused messages", async () => {
    const node = await NodeStandIn.connect("measured");
    node.sendText("nonsense");
    await node.next("refused");
    const people = await api("GET", "/metrics/workers");
    expect(people.body).toMatchObject({
      total_workers: expect.any(Number),
      by_status: expect.any(Object),
      by_type: { backtesting: expect.any(Number) },
    });
    const text = await (
      await SELF.fetch("http://plane/api/v1/metrics/prometheus", { headers: { authorization } })
    ).text();
    expect(text).toMatch(/^ktrdr_workers_available \d+$/m);
    expect(text).toMatch(/^ktrdr_messages_refused_total [1-9]\d*$/m);
    node.close();
  });

  it("remembers a worker's history, also after it was removed", async () => {
    const node = await NodeStandIn.connect("remembered");
    node.close();
    await api("DELETE", "/workers/remembered");
    const { body } = await api("GET", "/workers/remembered/history");
    const types = (body.entries as { type: string }[]).map((entry) => entry.type);
    expect(types.slice(0, 2)).toEqual(["registered", "connected"]);
    expect(types.at(-1)).toBe("removed");
  });
});
