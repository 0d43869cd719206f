import { SELF } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { sha256Hex } from "../../protocol/token.ts";
import { MODEL_MEDIA_TYPE } from "../../protocol/training.ts";
import { ADMIN_TOKEN, api, enrol, NodeStandIn } from "./support.ts";

async function upload(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
  const sha256 = await sha256Hex(bytes);
  const response = await SELF.fetch(`http://plane/api/v1/artefacts/${sha256}`, {
    method: "PUT",
    body: bytes,
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      "content-type": MODEL_MEDIA_TYPE,
      "content-length": String(bytes.length),
    },
  });
  await response.body?.cancel();
  return sha256;
}

const STRATEGY = {
  name: "trend",
  version: "3.0",
  training_data: {
    symbols: { mode: "single", symbol: "MODEL" },
    timeframes: { mode: "single", timeframe: "1d" },
  },
  indicators: {},
  fuzzy_sets: {},
  nn_inputs: [{ fuzzy_set: "x", timeframes: "all" }],
  model: {},
  decisions: {},
  training: {},
};

describe("models", () => {
  it("count their versions, and the same bytes keep theirs", async () => {
    const [first, second] = [await upload("first"), await upload("second")];
    expect(await api("PUT", "/models/alpha", { sha256: first, summary: { accuracy: 0.5 } })).toMatchObject({
      status: 201,
      body: { name: "alpha", version: 1, sha256: first, bytes: 5, operation_id: null, summary: { accuracy: 0.5 } },
    });
    expect(await api("PUT", "/models/alpha", { sha256: second })).toMatchObject({ body: { version: 2 } });
    expect(await api("PUT", "/models/alpha", { sha256: first })).toMatchObject({ body: { version: 1 } });
    expect(await api("GET", "/models/alpha")).toMatchObject({ body: { version: 2, sha256: second } });
    expect(await api("GET", "/models/alpha?version=1")).toMatchObject({ body: { version: 1, sha256: first } });
    const list = await api("GET", "/models?name=alpha");
    expect((list.body.models as { version: number }[]).map(({ version }) => version)).toEqual([2, 1]);
  });

  it("never use a version twice, also after its removal", async () => {
    const [one, two] = [await upload("one"), await upload("two")];
    await api("PUT", "/models/beta", { sha256: one });
    await api("PUT", "/models/beta", { sha256: two });
    expect(await api("DELETE", "/models/beta?version=2")).toMatchObject({ status: 204 });
    expect(await api("PUT", "/models/beta", { sha256: two })).toMatchObject({ body: { version: 3 } });
    expect(await api("DELETE", "/models/beta")).toMatchObject({ status: 204 });
    expect(await api("GET", "/models/beta")).toMatchObject({ status: 404 });
  });

  it("name the missing part: the bytes, the name, the version", async () => {
    const nowhere = "0".repeat(64);
    expect(await api("PUT", "/models/gamma", { sha256: nowhere })).toMatchObject({ status: 409 });
    expect(await api("DELETE", "/models/gamma")).toMatchObject({ status: 404 });
    expect(await api("PUT", "/models/bad%20name", { sha256: nowhere })).toMatchObject({ status: 400 });
    expect(await api("GET", "/models/gamma?version=none")).toMatchObject({ status: 400 });
    await api("PUT", "/models/gamma", { sha256: await upload("gamma") });
    const missing = await api("GET", "/models/gamma?version=7");
    expect(missing.body.detail).toBe("Model gamma has no version 7; it has 1.");
  });
});

describe("a training run", () => {
  let node: NodeStandIn;
  beforeAll(async () => {
    node = await NodeStandIn.open("trainer", await enrol("trainer", "cpu_training"));
    const datasets = [{ symbol: "MODEL", timeframe: "1d", sha256: "1".repeat(64) }];
    node.send({
      type: "hello",
      protocol_version: 1,
      epoch: node.epoch,
      software_version: "0.0.0",
      capabilities: { slots: 1, kinds: ["train"], datasets },
      leases: [],
    });
    await node.next("welcome");
  });

  it("goes to a training node, and its model is the next version of the name that was asked for", async () => {
    const spec = { kind: "train", model: "delta", strategy: STRATEGY, data: [{ symbol: "MODEL", timeframe: "1d" }] };
    const submitted = await api("POST", "/operations", { spec });
    expect(submitted.status).toBe(202);
    const { operation_id, attempt } = await node.next("assign");
    expect(operation_id).toBe(submitted.body.operation_id);
    const lease = { operation_id, attempt };
    const { reference } = await node.upload("weights", lease);
    const summary = { accuracy: 0.6 };
    node.send({ type: "complete", ...lease, result: { ...reference, media_type: MODEL_MEDIA_TYPE, summary } });
    await node.next("acknowledge");
    expect(await api("GET", "/models/delta")).toMatchObject({
      body: { name: "delta", version: 1, sha256: reference.sha256, operation_id, summary },
    });
  });
});
