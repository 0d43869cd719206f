/** A caller and a stand-in for a node, for tests inside workerd. */
import { env, SELF } from "cloudflare:test";
import type { Environment, WorkerRegistry } from "../../durable-objects/index.ts";
import { PROTOCOL_VERSION } from "../../protocol/socket.ts";
import { sha256Hex } from "../../protocol/token.ts";

/** Its SHA-256 is bound in vitest.config.ts. */
export const ADMIN_TOKEN = `ktrdr.default.${"test".repeat(11)}`;

/** The namespace with the class's own methods; the edge sees only its calls. */
export const REGISTRIES = (env as unknown as Environment).REGISTRY as DurableObjectNamespace<WorkerRegistry>;

export function registry(): DurableObjectStub<WorkerRegistry> {
  return REGISTRIES.get(REGISTRIES.idFromName("default"));
}

interface ApiAnswer {
  status: number;
  body: Record<string, unknown>;
}

export async function api(
  method: string,
  path: string,
  body?: unknown,
  token = ADMIN_TOKEN,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const response = await SELF.fetch(`http://plane/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}

export async function enrol(
  workerId: string,
  workerType = "backtesting",
): Promise<{ credential: string; epoch: number }> {
  const enrolment = await api("POST", "/enrolments", {});
  const registered = await api(
    "POST",
    "/workers/register",
    { worker_id: workerId, worker_type: workerType },
    enrolment.body.token as string,
  );
  if (registered.status !== 201) throw new Error(`enrolment failed: ${JSON.stringify(registered.body)}`);
  return { credential: registered.body.credential as string, epoch: registered.body.epoch as number };
}

/** Asks again until the answer is true; workerd has no hook for "the registry has seen this message". */
export async function settled(answer: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    if (await answer()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it did not come about within fifteen seconds");
}

type Message = Record<string, unknown> & { type: string };

/** Speaks the node's side of the protocol, one message at a time. */
export class NodeStandIn {
  readonly workerId: string;
  readonly credential: string;
  readonly epoch: number;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #received: Message[] = [];
  #wake: () => void = () => {};

  private constructor(workerId: string, credential: string, epoch: number, socket: WebSocket) {
    this.workerId = workerId;
    this.credential = credential;
    this.epoch = epoch;
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", (event) => resolve({ code: event.code, reason: event.reason }));
    });
    socket.addEventListener("message", (event) => {
      if (event.data === "pong") return;
      const frame = JSON.parse(event.data as string) as Message | Message[];
      this.#received.push(...(Array.isArray(frame) ? frame : [frame]));
      this.#wake();
    });
    socket.accept();
  }

  /** Enrols (or goes on as `before` with the next epoch) and opens a socket, without a word. */
  static async open(workerId: string, before?: Pick<NodeStandIn, "credential" | "epoch">): Promise<NodeStandIn> {
    const { credential, epoch } = before ?? (await enrol(workerId));
    const response = await SELF.fetch(`http://plane/api/v1/workers/${workerId}/socket`, {
      headers: { upgrade: "websocket", authorization: `Bearer ${credential}`, "sec-websocket-protocol": "ktrdr.v1" },
    });
    if (response.webSocket === null) throw new Error(`no socket: ${response.status}`);
    return new NodeStandIn(workerId, credential, epoch + 1, response.webSocket);
  }

  /** Opens, says hello and is welcomed. It offers one slot and the label `name`. */
  static async connect(
    workerId: string,
    before?: NodeStandIn,
    leases: unknown[] = [],
    protocolVersion = PROTOCOL_VERSION,
  ): Promise<NodeStandIn> {
    const node = await NodeStandIn.open(workerId, before);
    node.send({
      type: "hello",
      protocol_version: protocolVersion,
      epoch: node.epoch,
      software_version: "0.0.0",
      capabilities: { slots: 1, kinds: ["sleep", "backtest"], labels: { name: workerId } },
      leases,
    });
    await node.next("welcome");
    return node;
  }

  send(message: Message): void {
    this.#socket.send(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** The next message of this type; others before it are dropped. */
  async next(type: string): Promise<Message> {
    for (;;) {
      for (let message = this.#received.shift(); message !== undefined; message = this.#received.shift()) {
        if (message.type === type) return message;
      }
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${type} came within 15 s`)), 15_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async upload(
    text: string,
    lease: { operation_id: unknown; attempt: unknown },
    name?: string,
  ): Promise<{ status: number; reference: { sha256: string; bytes: number } }> {
    const bytes = new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
    const sha256 = name ?? (await sha256Hex(bytes));
    const response = await SELF.fetch(`http://plane/api/v1/artefacts/${sha256}`, {
      method: "PUT",
      body: bytes,
      headers: {
        authorization: `Bearer ${this.credential}`,
        "content-type": "text/plain",
        "content-length": String(bytes.byteLength),
        "x-ktrdr-operation": String(lease.operation_id),
        "x-ktrdr-attempt": String(lease.attempt),
      },
    });
    await response.body?.cancel();
    return { status: response.status, reference: { sha256, bytes: bytes.byteLength } };
  }

  close(): void {
    this.#socket.close(1000, "done");
  }
}
