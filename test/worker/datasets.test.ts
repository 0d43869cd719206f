import { SELF } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { backtestSpec } from "../../protocol/operations/index.ts";
import { sha256Hex } from "../../protocol/token.ts";
import { wire } from "../../protocol/wire.ts";
import { ADMIN_TOKEN, api, NodeStandIn } from "./support.ts";

const BAR_BYTES = 48;

async function upload(fill: number, bars = 3, token = ADMIN_TOKEN): Promise<{ sha256: string; status: number }> {
  const bytes = new Uint8Array(bars * BAR_BYTES).fill(fill);
  const sha256 = await sha256Hex(bytes);
  const response = await SELF.fetch(`http://plane/api/v1/artefacts/${sha256}`, {
    method: "PUT",
    body: bytes,
    headers: { authorization: `Bearer ${token}`, "content-length": String(bytes.length) },
  });
  await response.body?.cancel();
  return { sha256, status: response.status };
}

function publish(sha256: string, symbol: string, rows = 3, token = ADMIN_TOKEN) {
  const details = { symbol, timeframe: "1d", rows, first_ms: 0, last_ms: 2, source: "test" };
  return api("PUT", `/datasets/${sha256}`, details, token);
}

function backtestOn(symbol: string, worker: string, sha256?: string) {
  const strategy = {
    kind: "rules",
    name: "x",
    indicators: { a: { type: "sma", period: 2 } },
    entries: { long: "a > 1" },
  };
  const data = { symbol, timeframe: "1d", ...(sha256 === undefined ? {} : { sha256 }) };
  const spec = wire(backtestSpec).encode(wire(backtestSpec).parse({ kind: "backtest", strategy, data }));
  return api("POST", "/operations", { spec, requirements: { labels: { name: worker } } });
}

let node: NodeStandIn;
beforeAll(async () => {
  node = await NodeStandIn.connect("dataless");
});

async function assigned(): Promise<Record<string, unknown>> {
  const assign = await node.next("assign");
  const lease = { operation_id: assign.operation_id, attempt: assign.attempt };
  node.send({ type: "complete", ...lease, result: { sha256: null, bytes: 0, media_type: "text/plain", summary: {} } });
  await node.next("acknowledge");
  return assign;
}

describe("a dataset in the store", () => {
  it("sends a waiting backtest to a node that does not have it, and says which bytes it means", async () => {
    const waiting = await backtestOn("PUSH", "dataless");
    const before = await api("GET", `/operations/${waiting.body.operation_id}`);
    expect(before.body.waiting_reason).toContain("give it to all with `ktrdr data push PUSH 1d`");
    const { sha256 } = await upload(1);
    expect(await publish(sha256, "PUSH")).toMatchObject({ status: 201, body: { sha256, is_newest: true } });
    expect(await assigned()).toMatchObject({ dataset: { symbol: "PUSH", timeframe: "1d", sha256 } });
  });

  it("has versions: the newest is meant unless one is pinned", async () => {
    const [first, second] = [await upload(2), await upload(3)];
    await publish(first.sha256, "VERSIONS");
    await publish(second.sha256, "VERSIONS");
    await backtestOn("VERSIONS", "dataless");
    expect((await assigned()).dataset).toMatchObject({ sha256: second.sha256 });
    await backtestOn("VERSIONS", "dataless", first.sha256);
    expect((await assigned()).dataset).toMatchObject({ sha256: first.sha256 });
    const { body } = await api("GET", "/datasets");
    const versions = (body.datasets as Record<string, unknown>[]).filter(({ symbol }) => symbol === "VERSIONS");
    expect(versions.map((version) => [version.sha256, version.is_newest])).toEqual([
      [second.sha256, true],
      [first.sha256, false],
    ]);
  });

  it("is gone for new operations once it is withdrawn", async () => {
    const { sha256 } = await upload(4);
    await publish(sha256, "GONE");
    expect((await api("DELETE", `/datasets/${sha256}`)).status).toBe(204);
    expect((await api("DELETE", `/datasets/${sha256}`)).status).toBe(404);
    const { body } = await backtestOn("GONE", "dataless");
    expect((await api("GET", `/operations/${body.operation_id}`)).body.status).toBe("queued");
  });

  it("needs its bytes first, as many as it has bars, and somebody who may", async () => {
    expect((await publish("a".repeat(64), "ABSENT")).status).toBe(409);
    const { sha256 } = await upload(5);
    expect((await publish(sha256, "WRONG", 4)).body.detail).toContain("144 bytes; 4 bars take 192");
    const viewer = await api("POST", "/tokens", { role: "viewer", name: "looks" });
    const token = viewer.body.token as string;
    expect((await upload(6, 3, token)).status).toBe(403);
    expect((await publish(sha256, "SEEN", 3, token)).status).toBe(403);
    expect((await api("GET", "/datasets", undefined, token)).status).toBe(200);
    expect((await upload(7, 3, node.credential)).status).toBe(400);
  });
});
