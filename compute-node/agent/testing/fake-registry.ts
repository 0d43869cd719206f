/** A registry for the agent's tests: real HTTP and sockets on loopback, and no mind of its own. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type WebSocket from "ws";
import { WebSocketServer } from "ws";
import {
  HEARTBEAT_REQUEST,
  HEARTBEAT_RESPONSE,
  type Lease,
  type NodeMessage,
  nodeMessage,
  Problem,
  type RegistryMessage,
  ROUTES,
  registerRequest,
  registryMessage,
  SUBPROTOCOL,
  wire,
} from "../../../protocol/index.ts";
import { FakeStore } from "./fake-store.ts";

export const TOKEN = "ktrdr.default.enrolment-token-of-the-test";

type Typed<T extends NodeMessage["type"]> = Extract<NodeMessage, { type: T }>;

interface Waiter {
  readonly isIt: (message: NodeMessage) => boolean;
  readonly take: (message: NodeMessage) => void;
}

/** Ends what hangs, and asserts nothing. */
const WAIT_MS = 30_000;

export class FakeRegistry {
  port = 0;
  heartbeatIntervalMs = 5_000;
  /** False: heartbeats are swallowed, as by a frozen server. */
  answersHeartbeats = true;
  /** False: `hello` gets no welcome by itself. */
  welcomes = true;
  credential = "credential-1";
  registrations = 0;
  /** Bearers that registered. */
  readonly bearers: string[] = [];
  readonly store = new FakeStore();
  /** Arrival of each heartbeat, by `performance.now()`. */
  readonly heartbeats: number[] = [];
  readonly closes: { code: number; reason: string }[] = [];
  #server: Server | null = null;
  #sockets: WebSocketServer | null = null;
  #current: WebSocket | null = null;
  readonly #unclaimed: NodeMessage[] = [];
  readonly #waiters: Waiter[] = [];

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens, on the same port again after `stop`. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
    server.on("upgrade", (request, socket, head) => {
      if (request.headers.authorization !== `Bearer ${this.credential}`) {
        socket.end("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      sockets.handleUpgrade(request, socket, head, (opened) => this.#take(opened));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** Dies: every connection breaks. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
    this.#sockets?.close();
    if (server === null) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  say(message: RegistryMessage): void {
    this.sayText(JSON.stringify(wire(registryMessage).encode(message)));
  }

  sayText(text: string): void {
    this.#current?.send(text);
  }

  welcome(leases: Lease[]): void {
    this.say({ type: "welcome", epoch: 1, leases, heartbeatIntervalMs: this.heartbeatIntervalMs });
  }

  close(code: number, reason: string): void {
    this.#current?.close(code, reason);
  }

  /** The next message of a type that nobody has taken yet, also one that came before. */
  next<T extends NodeMessage["type"]>(type: T, isIt: (message: Typed<T>) => boolean = () => true): Promise<Typed<T>> {
    const matches = (message: NodeMessage) => message.type === type && isIt(message as Typed<T>);
    const index = this.#unclaimed.findIndex(matches);
    if (index >= 0) return Promise.resolve(this.#unclaimed.splice(index, 1)[0] as Typed<T>);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = this.#unclaimed.map((message) => message.type).join(", ");
        reject(new Error(`no ${type} came in ${WAIT_MS} ms; unclaimed: ${seen || "nothing"}`));
      }, WAIT_MS);
      this.#waiters.push({
        isIt: matches,
        take: (message) => {
          clearTimeout(timer);
          resolve(message as Typed<T>);
        },
      });
    });
  }

  #take(socket: WebSocket): void {
    this.#current = socket;
    socket.on("close", (code, reason) => this.closes.push({ code, reason: reason.toString() }));
    socket.on("message", (data) => {
      const text = data.toString();
      if (text === HEARTBEAT_REQUEST) {
        this.heartbeats.push(performance.now());
        if (this.answersHeartbeats) socket.send(HEARTBEAT_RESPONSE);
        return;
      }
      const frame: unknown = JSON.parse(text);
      for (const item of Array.isArray(frame) ? frame : [frame]) this.#receive(wire(nodeMessage).parse(item));
    });
  }

  #receive(message: NodeMessage): void {
    if (message.type === "hello" && this.welcomes) this.welcome(message.leases);
    const at = this.#waiters.findIndex(({ isIt }) => isIt(message));
    const waiter = this.#waiters[at];
    if (waiter === undefined) {
      this.#unclaimed.push(message);
      return;
    }
    this.#waiters.splice(at, 1);
    waiter.take(message);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const bearer = request.headers.authorization?.replace("Bearer ", "") ?? "";
    if (request.method === "POST" && request.url === ROUTES.registerWorker.path) {
      this.#register(bearer, body, response);
    } else if (!this.store.handle(request, body, response)) {
      response.writeHead(404).end();
    }
  }

  #register(bearer: string, body: Buffer, response: ServerResponse): void {
    const { workerId, workerType } = wire(registerRequest).parse(JSON.parse(body.toString()));
    this.bearers.push(bearer);
    if (bearer !== TOKEN && bearer !== this.credential) {
      const problem = new Problem("unauthenticated", "No token with this hash is known.");
      response.writeHead(401).end(JSON.stringify(problem.toDetails()));
      return;
    }
    this.registrations++;
    const credential = bearer === TOKEN ? { credential: this.credential } : {};
    const answer = {
      worker_id: workerId,
      worker_type: workerType,
      status: "available",
      message: "welcome",
      ...credential,
    };
    response.writeHead(200).end(JSON.stringify({ ...answer, socket_path: "/api/v1/workers/socket", epoch: 0 }));
  }
}
