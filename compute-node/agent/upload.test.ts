import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LIMITS, Problem } from "../../protocol/index.ts";
import { FakeRegistry } from "./testing/fake-registry.ts";
import { leaseFor } from "./testing/story.ts";
import { uploadArtefact } from "./upload.ts";

const bytes = randomBytes(2 * LIMITS.uploadPartBytes + 1000);
const sha256 = createHash("sha256").update(bytes).digest("hex");
const name = sha256.slice(0, 4);
const never = new AbortController().signal;

let registry: FakeRegistry;
beforeEach(async () => {
  registry = new FakeRegistry();
  await registry.start();
});
afterEach(() => registry.stop());

function upload(content: Uint8Array = bytes, onProgress?: (sentBytes: number) => void) {
  const { url, credential } = registry;
  const request = { url, credential, lease: leaseFor(1), sha256, mediaType: "text/plain", bytes: content };
  return uploadArtefact({ ...request, ...(onProgress === undefined ? {} : { onProgress }) }, never);
}

describe("an upload in parts", () => {
  it("sends one part after another, tells how far it is, and has them joined", async () => {
    const seen: number[] = [];
    expect(await upload(bytes, (sentBytes) => seen.push(sentBytes))).toEqual({ type: "stored" });
    expect(registry.store.requests).toEqual([
      `POST ${name}/uploads`,
      ...[1, 2, 3].map((number) => `PUT ${name}/uploads/${number}`),
      `POST ${name}/uploads/complete`,
    ]);
    expect(seen).toEqual([LIMITS.uploadPartBytes, 2 * LIMITS.uploadPartBytes, bytes.length]);
    expect(registry.store.artefacts.get(sha256)?.equals(bytes)).toBe(true);
  });

  it("is cut in the middle, and goes on with the parts that are missing", async () => {
    registry.store.fault = (request) => (request.endsWith("/uploads/2") ? "cut" : null);
    expect(await upload()).toMatchObject({ type: "unreachable" });
    registry.store.fault = () => null;
    registry.store.requests.length = 0;
    expect(await upload()).toEqual({ type: "stored" });
    expect(registry.store.requests.filter((request) => request.startsWith("PUT"))).toEqual([
      `PUT ${name}/uploads/2`,
      `PUT ${name}/uploads/3`,
    ]);
    expect(registry.store.artefacts.get(sha256)?.equals(bytes)).toBe(true);
  });

  it("sends a part again that was damaged on the way, and gives up on a line that damages everything", async () => {
    let damaged = 0;
    registry.store.fault = (request) => (request.endsWith("/uploads/1") && damaged++ < 2 ? 400 : null);
    expect(await upload()).toEqual({ type: "stored" });
    registry.store.artefacts.clear();
    registry.store.fault = (request) => (request.endsWith("/uploads/1") ? 400 : null);
    expect(await upload()).toMatchObject({ cause: "part 1 was damaged on the way 3 times" });
  });

  it("begins anew when the server has forgotten it", async () => {
    let forgets = true;
    registry.store.fault = (request) => {
      if (forgets && request.endsWith("/complete")) {
        registry.store.uploads.clear();
        forgets = false;
      }
      return null;
    };
    expect(await upload()).toEqual({ type: "stored" });
    expect(registry.store.requests.filter((request) => request.endsWith("/uploads/1"))).toHaveLength(2);
  });

  it("sends no bytes that are stored already", async () => {
    registry.store.artefacts.set(sha256, bytes);
    expect(await upload()).toEqual({ type: "stored" });
    expect(registry.store.requests).toEqual([`POST ${name}/uploads`]);
  });

  it.each([
    [429, "unreachable"],
    [409, "refused"],
    [413, "refused"],
  ])("that is answered with %i at its opening is %s", async (status, type) => {
    registry.store.fault = () => status;
    expect((await upload()).type).toBe(type);
  });

  it("takes bytes in shared memory", async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    expect(await upload(shared)).toEqual({ type: "stored" });
  });
});

describe("an upload in one request", () => {
  const small = bytes.subarray(0, 1000);

  it("is sent again when its bytes were damaged on the way, and not when they are refused for good", async () => {
    registry.store.fault = () => new Problem("damaged-bytes", "they are not those");
    expect(await upload(small)).toMatchObject({ type: "unreachable", cause: expect.stringContaining("they are not") });
    registry.store.fault = () => new Problem("invalid-request", "no content-length");
    expect(await upload(small)).toMatchObject({ type: "refused", retryable: false });
  });
});

describe("an upload of an operation that is traced", () => {
  it.each([["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], [undefined]])(
    "carries the trace that it belongs to in its header: %s",
    async (traceparent) => {
      const seen: (string | string[] | undefined)[] = [];
      const server = createServer((request, response) => {
        seen.push(request.headers.traceparent);
        request.resume().on("end", () => response.writeHead(201).end());
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      try {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const small = { sha256, mediaType: "text/plain", bytes: bytes.subarray(0, 10) };
        const request = { url, credential: "secret", lease: leaseFor(1), ...small };
        const traced = traceparent === undefined ? request : { ...request, traceparent };
        expect(await uploadArtefact(traced, never)).toEqual({ type: "stored" });
        expect(seen).toEqual([traceparent]);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    },
  );
});
