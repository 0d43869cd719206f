/** Tests nodes of other protocol versions by the frames that they send. No frame goes through today's schemas. */
import { evictDurableObject, SELF } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { api, NodeStandIn, registry, settled } from "./support.ts";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** The keys of each message that a node of version 1 knows: its schemas were strict. */
const VERSION_1_KEYS: Readonly<Record<string, readonly string[]>> = {
  welcome: ["type", "epoch", "leases", "heartbeat_interval_ms"],
  assign: ["type", "operation_id", "attempt", "spec", "checkpoint", "dataset", "datasets"],
  cancel: ["type", "operation_id", "attempt"],
  acknowledge: ["type", "operation_id", "attempt"],
};

/** The next message of this type; fails for a key that version 1 does not know. */
async function understood(node: NodeStandIn, type: string) {
  const message = await node.next(type);
  const unknown = Object.keys(message).filter((key) => VERSION_1_KEYS[type]?.includes(key) !== true);
  expect(unknown, type).toEqual([]);
  return message;
}

async function submitTo(label: string): Promise<string> {
  const request = { spec: { kind: "sleep", duration_ms: 1 }, requirements: { labels: { name: label } } };
  const { body } = await api("POST", "/operations", request, undefined, { traceparent: TRACEPARENT });
  return body.operation_id as string;
}

describe("a node of protocol version 1", () => {
  it("is served with frames that it understands, from hello to acknowledge", async () => {
    const node = await NodeStandIn.open("old");
    node.sendText(
      `{"type":"hello","protocol_version":1,"epoch":${node.epoch},"software_version":"0.1.0","capabilities":{"slots":2,"kinds":["sleep"],"labels":{"name":"old"},"datasets":[]},"leases":[],"draining":false}`,
    );
    await understood(node, "welcome");
    expect((await api("GET", "/workers/old")).body).toMatchObject({ protocol_version: 1, refusal: null });

    const done = await submitTo("old");
    expect((await understood(node, "assign")).operation_id).toBe(done);
    node.sendText(
      `[{"type":"accept","operation_id":"${done}","attempt":1},{"type":"progress","operation_id":"${done}","attempt":1,"progress":{"phase":"sleep","fraction":0.5,"rates":{}}},{"type":"log","operation_id":"${done}","attempt":1,"lines":["half"]}]`,
    );
    node.sendText(
      `{"type":"complete","operation_id":"${done}","attempt":1,"result":{"sha256":null,"bytes":0,"media_type":"application/json","summary":{}}}`,
    );
    await understood(node, "acknowledge");
    expect((await api("GET", `/operations/${done}`)).body.status).toBe("completed");

    const stopped = await submitTo("old");
    await understood(node, "assign");
    await api("POST", `/operations/${stopped}/cancel`);
    await understood(node, "cancel");
    node.sendText(`{"type":"stopped","operation_id":"${stopped}","attempt":1,"reason":"cancelled"}`);
    await understood(node, "acknowledge");
    node.close();
  });

  it("still gets messages of its version after the registry was woken from hibernation", async () => {
    const node = await NodeStandIn.connect("old-sleeper", undefined, [], 1);
    await evictDurableObject(registry());
    await submitTo("old-sleeper");
    await understood(node, "assign");
    node.close();
  });
});

describe("a node of version 2", () => {
  it("is handed the trace of the operation, with the span of the attempt", async () => {
    const node = await NodeStandIn.connect("new");
    await submitTo("new");
    const { traceparent } = await node.next("assign");
    expect(traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
    node.close();
  });
});

describe("a node whose version is not served", () => {
  it.each([
    ["which says hello in a way that nobody knows any more", { capabilities: { cores: 4 }, jobs: [] }],
    ["which says nothing else", {}],
  ])("is told so, %s", async (_, rest) => {
    const name = `ancient-${Object.keys(rest).length}`;
    const node = await NodeStandIn.open(name);
    node.sendText(JSON.stringify({ type: "hello", protocol_version: 0, ...rest }));
    const { code, reason } = await node.closed;
    expect(code).toBe(4010);
    expect(reason).toMatch(/version 0 is older than 1, .*ktrdr node update/);
    const { body } = await api("GET", `/workers/${name}`);
    expect(body).toMatchObject({ status: "temporarily_unavailable", connected: false, protocol_version: 0 });
    expect(body.refusal).toBe(reason);
    const history = (await api("GET", `/workers/${name}/history`)).body.entries as { type: string; detail: string }[];
    expect(history.filter((entry) => entry.type === "refused")).toEqual([expect.objectContaining({ detail: reason })]);
  });

  it("is told that the control plane is the older one, with words that it does not know", async () => {
    const node = await NodeStandIn.open("next");
    const hello = {
      type: "hello",
      protocol_version: 3,
      epoch: node.epoch,
      jobs: [],
      capabilities: { accelerators: 8 },
    };
    node.sendText(JSON.stringify([hello, { type: "telemetry" }]));
    expect(await node.closed).toMatchObject({
      code: 4010,
      reason: expect.stringMatching(/version 3 is newer than .* 2$/),
    });
    expect((await api("GET", "/workers/next")).body).toMatchObject({ connected: false, protocol_version: 3 });
  });

  it("is refused message by message where its version is served, and its words are not", async () => {
    const node = await NodeStandIn.open("garbled");
    node.sendText(JSON.stringify({ type: "hello", protocol_version: 2, epoch: node.epoch, nonsense: true }));
    expect(await node.next("refused")).toMatchObject({ reason: expect.stringContaining("not valid") });
    expect((await api("GET", "/workers/garbled")).body).toMatchObject({ refusal: null });
    node.close();
  });

  it("gives up what it held at once, and is as any other again after an update", async () => {
    const node = await NodeStandIn.connect("downgraded");
    const other = await NodeStandIn.connect("keeper");
    const id = await submitTo("downgraded");
    await node.next("assign");
    const older = await NodeStandIn.open("downgraded", node);
    older.sendText(JSON.stringify({ type: "hello", protocol_version: 0, epoch: older.epoch }));
    expect(await older.closed).toMatchObject({ code: 4010 });
    expect((await node.closed).code).toBe(4001);
    await settled(async () => (await api("GET", `/operations/${id}`)).body.status === "queued");
    const updated = await NodeStandIn.connect("downgraded", older);
    expect(await updated.next("assign")).toMatchObject({ operation_id: id, attempt: 2 });
    expect((await api("GET", "/workers/downgraded")).body).toMatchObject({ refusal: null, status: "busy" });
    updated.close();
    other.close();
  });

  it("cannot push the connection in use aside with a late hello", async () => {
    const node = await NodeStandIn.connect("steady");
    const late = await NodeStandIn.open("steady", { credential: node.credential, epoch: node.epoch - 1 });
    late.sendText(JSON.stringify({ type: "hello", protocol_version: 0 }));
    expect(await late.closed).toMatchObject({ code: 4010 });
    expect((await api("GET", "/workers/steady")).body).toMatchObject({ connected: true, refusal: null });
    node.close();
  });
});

it("says which versions are served, to anybody who asks", async () => {
  const response = await SELF.fetch("http://plane/health");
  expect(await response.json()).toMatchObject({ protocol_version: 2, oldest_protocol_version: 1 });
});
