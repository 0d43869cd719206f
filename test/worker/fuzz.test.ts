import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { api, NodeStandIn, settled } from "./support.ts";

const operationId = fc.oneof(
  fc.constant(`op_${"0".repeat(20)}`),
  fc.string({ maxLength: 30 }),
  fc.constant("op_../../../etc/passwd"),
  fc.constant("'; DROP TABLE operations; --"),
);
const field = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string({ maxLength: 40 }),
  fc.constant(null),
  fc.constant([]),
  fc.constant({}),
);

/** Messages of the right shape with one or two fields replaced, dropped or added. */
const nearlyValid = fc
  .record(
    {
      type: fc.constantFrom(
        "hello",
        "accept",
        "reject",
        "progress",
        "log",
        "checkpoint",
        "complete",
        "fail",
        "stopped",
        "drain",
        "capabilities",
        "assign",
      ),
      operation_id: operationId,
      attempt: fc.oneof(fc.integer({ min: -2, max: 3 }), fc.constant(2 ** 53)),
      epoch: fc.integer(),
      protocol_version: fc.constantFrom(0, 1, 2, 99),
      progress: fc.oneof(field, fc.constant({ phase: "x", fraction: 0.5 })),
      result: fc.oneof(field, fc.constant({ sha256: null, bytes: 0, media_type: "", summary: {} })),
      lines: fc.oneof(field, fc.array(fc.string({ maxLength: 20 }), { maxLength: 5 })),
      capabilities: fc.oneof(field, fc.constant({ slots: 1 })),
      reason: field,
    },
    { requiredKeys: ["type"] },
  )
  .map((message) => JSON.stringify(message));

const frame = fc.oneof(
  { weight: 6, arbitrary: nearlyValid },
  { weight: 2, arbitrary: fc.json({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.array(nearlyValid, { maxLength: 4 }).map((items) => `[${items.join(",")}]`) },
);

describe("the message handler", () => {
  it("survives any frame of a connection, and goes on serving", async () => {
    let before: NodeStandIn | undefined;
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 12 }), async (frames) => {
        const node: NodeStandIn = await NodeStandIn.connect("fuzzed", before);
        before = node;
        for (const text of frames) node.sendText(text);
        expect((await api("GET", "/operations?limit=1")).status).toBe(200);
        node.close();
      }),
      { numRuns: 150 },
    );
  });

  it("refuses a frame above the limit by name, and gives up on a connection that goes on like that", async () => {
    const node = await NodeStandIn.connect("oversized");
    node.sendText("x".repeat(LIMITS.socketMessageBytes + 1));
    expect(await node.next("refused")).toMatchObject({
      reason: expect.stringContaining(String(LIMITS.socketMessageBytes)),
    });
    for (let i = 0; i < 25; i++) node.sendText("?");
    expect(await node.closed).toMatchObject({ code: 4008 });
    expect((await api("GET", "/workers")).status).toBe(200);
  });

  it("refuses a hello of a future protocol version", async () => {
    const node = await NodeStandIn.open("from-the-future");
    const hello = {
      type: "hello",
      protocol_version: 99,
      epoch: node.epoch,
      software_version: "9",
      capabilities: { slots: 1 },
      leases: [],
    };
    node.sendText(JSON.stringify(hello));
    expect(await node.closed).toMatchObject({ code: 4010, reason: expect.stringContaining("99") });
  });

  it("changes nothing for messages about somebody else's operation", async () => {
    const owner = await NodeStandIn.connect("owner");
    const stranger = await NodeStandIn.connect("stranger");
    const request = { spec: { kind: "sleep", duration_ms: 1 }, requirements: { labels: { name: "owner" } } };
    const id = (await api("POST", "/operations", request)).body.operation_id;
    const { attempt } = await owner.next("assign");
    const done = { sha256: null, bytes: 0, media_type: "text/plain", summary: { from: "stranger" } };
    stranger.send({ type: "complete", operation_id: id, attempt, result: done });
    expect(await stranger.next("stale")).toMatchObject({ operation_id: id });
    expect((await api("GET", `/operations/${id}`)).body).toMatchObject({ status: "running", worker_id: "owner" });
    owner.send({ type: "complete", operation_id: id, attempt, result: { ...done, summary: { from: "owner" } } });
    await settled(async () => (await api("GET", `/operations/${id}`)).body.status === "completed");
    expect((await api("GET", `/operations/${id}`)).body.result).toMatchObject({ summary: { from: "owner" } });
    owner.close();
    stranger.close();
  });
});
