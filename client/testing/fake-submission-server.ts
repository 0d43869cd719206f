/** The registry's end of submitters' lines. It answers as a test tells it to. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import WebSocket, { WebSocketServer } from "ws";

interface SubmitFrame {
  type: "submit";
  request_id: string;
  operations: Record<string, unknown>[];
  idempotency_key: string;
  traceparent?: string;
}

/** `cut` resets the connection, `nothing` is no answer; anything else is sent as JSON, a text as it is. */
type FrameAnswer = Record<string, unknown> | string | "cut" | "nothing";

export interface FakeSubmissionServer {
  url: string;
  frames: SubmitFrame[];
  /** The handshakes so far. */
  handshakes: IncomingMessage[];
  /** The close codes of connections that ended. */
  closed: number[];
  /** While set, handshakes get this answer instead of a connection. */
  refusing: { status: number; body: string } | null;
  /** True while heartbeats are answered. */
  isAlive: boolean;
  send(text: string): void;
  close(code: number, reason: string): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function fakeSubmissionServer(
  answer: (frame: SubmitFrame, count: number) => FrameAnswer,
): Promise<FakeSubmissionServer> {
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer();
  const fake: FakeSubmissionServer = {
    url: "",
    frames: [],
    handshakes: [],
    closed: [],
    refusing: null,
    isAlive: true,
    send(text) {
      for (const socket of sockets.clients) socket.send(text);
    },
    close(code, reason) {
      for (const socket of sockets.clients) socket.close(code, reason);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const hear = (socket: WebSocket, text: string): void => {
    if (text === "ping") {
      if (fake.isAlive) socket.send("pong");
      return;
    }
    const frame = JSON.parse(text) as SubmitFrame;
    fake.frames.push(frame);
    const reply = answer(frame, fake.frames.length);
    if (reply === "cut") socket.terminate();
    else if (reply !== "nothing" && socket.readyState === WebSocket.OPEN)
      socket.send(typeof reply === "string" ? reply : JSON.stringify(reply));
  };
  server.on("upgrade", (request, stream, head) => {
    fake.handshakes.push(request);
    if (fake.refusing !== null) {
      const { status, body } = fake.refusing;
      stream.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      socket.on("message", (data) => hear(socket, data.toString()));
      socket.on("close", (code) => fake.closed.push(code));
      socket.on("error", () => {}); // A reset, as tests make them.
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

/** A registry that keeps its word: an operation for each key and place, the same one again for the same key. */
export class KeepingRegistry {
  readonly operations = new Map<string, string>();

  answer({ request_id, operations, idempotency_key }: SubmitFrame): Record<string, unknown> {
    const accepted = operations.map((_, index) => {
      const key = `${idempotency_key}#${index}`;
      const id = this.operations.get(key) ?? `op_${String(this.operations.size).padStart(20, "0")}`;
      this.operations.set(key, id);
      return { operation_id: id, status: "queued" };
    });
    return { type: "submitted", request_id, operations: accepted };
  }
}
