/** A worker that is only its socket: it takes what it is handed and ends it when told. A thousand fit into one process. */
import { type OutboundSocket, openOutboundSocket } from "../../client/outbound-socket.ts";
import {
  type Lease,
  type NodeMessage,
  nodeMessage,
  PROTOCOL_VERSION,
  pathOf,
  type RegistryMessage,
  ROUTES,
  registerRequest,
  registerResponse,
  registryMessage,
  SUBPROTOCOL,
  wire,
} from "../../protocol/index.ts";

const nodeWire = wire(nodeMessage);
const registryWire = wire(registryMessage);
const requestWire = wire(registerRequest);
const responseWire = wire(registerResponse);

const COMPLETED = { sha256: null, bytes: 0, mediaType: "application/json", summary: {} };

export class StandIn {
  readonly workerId: string;
  readonly #socket: OutboundSocket;
  /** By the handlers of the socket, which the constructor makes. */
  readonly #welcome = Promise.withResolvers<void>();
  /** The operation that it holds, and when it came by `performance.now()`. */
  held: (Lease & { at: number }) | null = null;
  /** All that it was handed. */
  readonly operationIds: string[] = [];
  #onAssign: (() => void) | null = null;

  /** Enrols, connects and says hello; resolves when it is welcome. */
  static async connect(url: string, enrolmentToken: string, workerId: string): Promise<StandIn> {
    const capabilities = { slots: 1, kinds: ["sleep"], labels: {}, datasets: [] };
    const body = requestWire.encode(registerRequest.parse({ workerId, workerType: "backtesting", capabilities }));
    const response = await fetch(`${url}${pathOf(ROUTES.registerWorker)}`, {
      method: "POST",
      headers: { authorization: `Bearer ${enrolmentToken}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${workerId} was not registered: ${await response.text()}`);
    const { credential, socketPath, epoch } = responseWire.parse(await response.json());
    if (credential === undefined) throw new Error(`${workerId} got no credential: it is registered already`);
    const hello = nodeMessage.parse({
      type: "hello",
      protocolVersion: PROTOCOL_VERSION,
      epoch: epoch + 1,
      softwareVersion: "stand-in",
      capabilities,
      leases: [],
    });
    const standIn = new StandIn(workerId, `${url}${socketPath}`, credential, hello);
    await standIn.#welcome.promise;
    return standIn;
  }

  private constructor(workerId: string, url: string, bearer: string, hello: NodeMessage) {
    this.workerId = workerId;
    this.#socket = openOutboundSocket(
      { url, bearer, subprotocols: [SUBPROTOCOL] },
      {
        opened: () => this.#send(hello),
        frame: (content) => this.#hear(JSON.parse(content.toString())),
        ended: (end) => this.#welcome.reject(new Error(`the socket of ${workerId} ended: ${JSON.stringify(end)}`)),
      },
    );
  }

  /** Ends what it holds; resolves with the milliseconds until the next one came. */
  completeAndWait(): Promise<number> {
    const { held } = this;
    if (held === null) throw new Error(`${this.workerId} holds nothing`);
    const startedAt = performance.now();
    return new Promise((resolve) => {
      this.#onAssign = () => {
        this.#onAssign = null;
        resolve(this.held!.at - startedAt);
        this.#accept();
      };
      this.#complete(held);
    });
  }

  /** From now on every operation is ended at once. */
  workOn(): void {
    this.#onAssign = () => {
      if (this.held !== null) this.#complete(this.held);
    };
    this.#onAssign();
  }

  close(): void {
    this.#socket.terminate();
  }

  #accept(): void {
    if (this.held === null) return;
    const { operationId, attempt } = this.held;
    this.#send({ type: "accept", operationId, attempt });
  }

  #complete({ operationId, attempt }: Lease): void {
    this.held = null;
    this.#send({ type: "complete", operationId, attempt, result: COMPLETED });
  }

  #hear(frame: unknown): void {
    for (const item of Array.isArray(frame) ? frame : [frame]) {
      const message = registryWire.parse(item, "message of the registry");
      if (message.type === "welcome") this.#welcome.resolve();
      else this.#take(message);
    }
  }

  #take(message: RegistryMessage): void {
    if (message.type !== "assign") return;
    const { operationId, attempt } = message;
    this.held = { operationId, attempt, at: performance.now() };
    this.operationIds.push(operationId);
    if (this.#onAssign === null) this.#accept();
    else this.#onAssign();
  }

  #send(message: NodeMessage): void {
    this.#socket.send(JSON.stringify(nodeWire.encode(message)));
  }
}
