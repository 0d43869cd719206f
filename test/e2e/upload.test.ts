/** A large result on its way to a real control plane that is killed in the middle of it. */
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { enrol } from "../../compute-node/agent/enrolment.ts";
import { openRegistrySocket, type RegistrySocket } from "../../compute-node/agent/registry-socket.ts";
import { uploadArtefact } from "../../compute-node/agent/upload.ts";
import { type Lease, LIMITS, type RegistryMessage, registerRequest, submitRequest } from "../../protocol/index.ts";
import { Fleet, until } from "../support/fleet.ts";

const MEBIBYTE = 1024 * 1024;
const never = new AbortController().signal;

let fleet: Fleet;
let line: RegistrySocket | undefined;
beforeAll(async () => {
  // The lease outlives the outage, also on a machine that is slow to start a control plane.
  fleet = await Fleet.start({ registryConfig: { graceMs: 60_000 } });
});
afterAll(async () => {
  line?.close("the test is over");
  await fleet?.stop();
});

/** Connects in a node's place; resolves when it is welcomed, and hands over each message. */
function greet(
  node: { socketUrl: string; credential: string; epoch: number },
  leases: Lease[],
  onMessage: (message: RegistryMessage) => void = () => {},
): Promise<void> {
  const capabilities = registerRequest.parse({ workerId: "sender", workerType: "backtesting" }).capabilities;
  return new Promise((resolve, reject) => {
    const opened = openRegistrySocket(node.socketUrl, node.credential, {
      opened: () => {
        const { epoch } = node;
        const hello = { type: "hello" as const, protocolVersion: 1, epoch, softwareVersion: "test", draining: false };
        opened.send([{ ...hello, leases, capabilities: { ...capabilities, kinds: ["sleep"] } }], false);
      },
      message: (message) => {
        if (message.type === "welcome") resolve();
        onMessage(message);
      },
      pong: () => {},
      unreadable: (reason) => reject(new Error(reason)),
      closed: ({ reason }) => reject(new Error(`closed: ${reason}`)),
    });
    line = opened;
  });
}

/** The parts that the control plane has. */
async function partsOf({ url, credential, lease, sha256, bytes }: Parameters<typeof uploadArtefact>[0]) {
  const response = await fetch(`${url}/api/v1/artefacts/${sha256}/uploads`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${credential}`,
      "x-ktrdr-operation": lease?.operationId ?? "",
      "x-ktrdr-attempt": String(lease?.attempt),
    },
    body: JSON.stringify({ bytes: bytes.byteLength }),
  });
  return ((await response.json()) as { parts: number[] }).parts;
}

it("an artefact of 40 MiB arrives whole, and no part twice, though the control plane is killed between parts", async () => {
  const { token } = await fleet.client.createEnrolment({ name: "sender" });
  const describe = () => registerRequest.parse({ workerId: "sender", workerType: "backtesting" });
  const credentialFile = join(fleet.home.root, "sender.json");
  const node = await enrol({ url: fleet.url, token, credentialFile, describe }, false, never);
  const assigned = Promise.withResolvers<Lease>();
  await greet({ ...node, epoch: node.epoch + 1 }, [], (message) => {
    if (message.type === "assign") assigned.resolve({ operationId: message.operationId, attempt: message.attempt });
  });
  const { operationId } = await fleet.client.submit(submitRequest.parse({ spec: { kind: "sleep", durationMs: 1 } }));
  const lease = await assigned.promise;
  expect(lease).toEqual({ operationId, attempt: 1 });
  line?.send([{ type: "accept", ...lease }], false);

  const bytes = randomBytes(40 * MEBIBYTE);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const request = { url: fleet.url, credential: node.credential, lease, sha256, mediaType: "text/plain", bytes };
  let killed: Promise<void> | undefined;
  const cut = await uploadArtefact({ ...request, onProgress: () => (killed ??= fleet.killPlane()) }, never);
  expect(cut).toMatchObject({ type: "unreachable" });
  await killed;

  await fleet.startPlane();
  await greet({ ...node, epoch: node.epoch + 2 }, [lease]);
  expect(await partsOf(request)).toEqual([1]);
  const arrived: number[] = [];
  const rest = await uploadArtefact({ ...request, onProgress: (sent) => arrived.push(sent) }, never);
  expect(rest).toEqual({ type: "stored" });
  expect(arrived).toEqual([LIMITS.uploadPartBytes, 2 * LIMITS.uploadPartBytes, bytes.length]);

  const result = { sha256, bytes: bytes.length, mediaType: "text/plain", summary: {} };
  line?.send([{ type: "complete", ...lease, result }], false);
  await until(
    10_000,
    "it is completed",
    async () => (await fleet.client.showOperation(operationId)).status === "completed",
  );
  const got = await fleet.client.operationResult(operationId);
  expect(createHash("sha256").update(got).digest("hex")).toBe(sha256);
});
