import { SELF } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { sha256Hex } from "../../protocol/token.ts";
import { ADMIN_TOKEN, api, NodeStandIn } from "./support.ts";

let node: NodeStandIn;
let lease: { operation_id: string; attempt: number };
beforeAll(async () => {
  node = await NodeStandIn.connect("sender");
  const request = { spec: { kind: "sleep", duration_ms: 1 }, requirements: { labels: { name: "sender" } } };
  await api("POST", "/operations", request);
  const { operation_id, attempt } = await node.next("assign");
  lease = { operation_id: operation_id as string, attempt: attempt as number };
});

function asNode(
  method: string,
  path: string,
  body?: Uint8Array<ArrayBuffer> | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return SELF.fetch(`http://plane/api/v1/artefacts/${path}`, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: {
      authorization: `Bearer ${node.credential}`,
      "x-ktrdr-operation": lease.operation_id,
      "x-ktrdr-attempt": String(lease.attempt),
      ...headers,
    },
  });
}

const bytes = new Uint8Array(LIMITS.uploadPartBytes + 1000).map((_, i) => (i * 31) & 255);

describe("an artefact in parts", () => {
  it("arrives whole, resumes where it was, and can be read in ranges", async () => {
    const hash = await sha256Hex(bytes);
    const open = async () =>
      (await (await asNode("POST", `${hash}/uploads`, JSON.stringify({ bytes: bytes.length }))).json()) as object;
    expect(await open()).toEqual({ stored: false, part_bytes: LIMITS.uploadPartBytes, parts: [] });
    const parts = [bytes.slice(0, LIMITS.uploadPartBytes), bytes.slice(LIMITS.uploadPartBytes)];
    const put = async (number: number, part: Uint8Array<ArrayBuffer>, name?: string) => {
      const response = await asNode("PUT", `${hash}/uploads/${number}`, part, {
        "x-ktrdr-part-sha256": name ?? (await sha256Hex(part)),
      });
      await response.body?.cancel();
      return response.status;
    };
    expect(await put(1, parts[0]!)).toBe(201);
    expect(await open()).toMatchObject({ parts: [1] });
    expect((await asNode("POST", `${hash}/uploads/complete`)).status).toBe(409);
    expect(await put(2, parts[1]!, "0".repeat(64))).toBe(400);
    expect(await put(2, parts[1]!.slice(1))).toBe(400);
    expect(await put(2, parts[1]!)).toBe(201);
    expect((await asNode("POST", `${hash}/uploads/complete`)).status).toBe(201);
    expect(await open()).toMatchObject({ stored: true });

    const whole = await SELF.fetch(`http://plane/api/v1/artefacts/${hash}`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(await sha256Hex(new Uint8Array(await whole.arrayBuffer()))).toBe(hash);
    const range = await asNode("GET", hash, undefined, { range: "bytes=1000-1999" });
    expect([range.status, range.headers.get("content-range")]).toEqual([206, `bytes 1000-1999/${bytes.length}`]);
    expect(new Uint8Array(await range.arrayBuffer())).toEqual(bytes.slice(1000, 2000));
  });

  it("does not count when the whole does not match its name", async () => {
    const small = new TextEncoder().encode("not that") as Uint8Array<ArrayBuffer>;
    const name = "a".repeat(64);
    await asNode("POST", `${name}/uploads`, JSON.stringify({ bytes: small.length }));
    await asNode("PUT", `${name}/uploads/1`, small, { "x-ktrdr-part-sha256": await sha256Hex(small) });
    const joined = await asNode("POST", `${name}/uploads/complete`);
    expect([joined.status, ((await joined.json()) as { detail: string }).detail]).toEqual([
      400,
      expect.stringContaining(name),
    ]);
    expect((await asNode("GET", name)).status).toBe(404);
  });

  it("may be open at most a few at a time for one worker", async () => {
    const statuses: number[] = [];
    for (let i = 0; i <= LIMITS.openUploads; i++) {
      const name = String(i).repeat(64).slice(0, 64);
      statuses.push((await asNode("POST", `${name}/uploads`, JSON.stringify({ bytes: 10 }))).status);
    }
    expect(statuses).toEqual([...Array(LIMITS.openUploads).fill(201), 429]);
  });
});

describe("an upload in one request", () => {
  it("is refused where its bytes do not match its name, in a way that makes a node repeat it", async () => {
    const answer = await asNode("PUT", "a".repeat(64), "not that");
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ type: "urn:ktrdr:problem:damaged-bytes", retryable: true });
    expect((await asNode("GET", "a".repeat(64))).status).toBe(404);
  });
});
