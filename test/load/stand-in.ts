/** A worker that is only its socket: it takes what it is handed and ends it when told. A thousand fit into one process. */
import WebSocket from "ws";
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
  readonly #socket: WebSocket;
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
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}${socketPath}`, SUBPROTOCOL, {
      headers: { authorization: `Bearer ${credential}` },
      perMessageDeflate: false,
    });
    const standIn = new StandIn(workerId, socket);
    await standIn.#greet({
      type: "hello",
      protocolVersion: PROTOCOL_VERSION,
      epoch: epoch + 1,
      softwareVersion: "stand-in",
      capabilities,
      leases: [],
      draining: false,
    });
    return standIn;
  }

  private constructor(workerId: string, socket: WebSocket) {
    this.workerId = workerId;
    this.#socket = socket;
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

  /** From now on whatever comes is ended at once. */
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

  #greet(hello: NodeMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.on("open", () => this.#send(hello));
      this.#socket.on("error", reject);
      this.#socket.on("close", (code, reason) => reject(new Error(`closed with ${code}: ${reason.toString()}`)));
      this.#socket.on("message", (data: Buffer) => {
        const frame: unknown = JSON.parse(data.toString());
        for (const item of Array.isArray(frame) ? frame : [frame]) {
          const message = registryWire.parse(item, "message of the registry");
          if (message.type === "welcome") resolve();
          else this.#take(message);
        }
      });
    });
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
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(nodeWire.encode(message)));
  }
}
