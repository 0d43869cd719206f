/** A TCP relay on loopback between nodes and the control plane, whose connections can be cut or held at will. */
import { createConnection, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export class CuttableLine {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #port = 0;
  /** Count of stalls that hold it. They may overlap, and a pair that is joined twice would carry every byte twice. */
  #holders = 0;

  /** Relays to `targetPort`; while nobody listens there, connections are refused by being closed at once. */
  static async open(targetPort: number): Promise<CuttableLine> {
    const line = new CuttableLine(targetPort);
    await new Promise<void>((resolve) => line.#server.listen(0, "127.0.0.1", resolve));
    line.#port = (line.#server.address() as { port: number }).port;
    return line;
  }

  private constructor(targetPort: number) {
    this.#server = createServer((near) => {
      const far = createConnection({ port: targetPort, host: "127.0.0.1" });
      const pair = { near, far };
      this.#pairs.add(pair);
      const end = (): void => {
        this.#pairs.delete(pair);
        near.destroy();
        far.destroy();
      };
      for (const socket of [near, far]) socket.on("error", end).on("close", end);
      near.pipe(far);
      far.pipe(near);
      if (this.#holders > 0) hold(pair);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resets each connection for which `chosen` says so; answers how many. */
  cut(chosen: () => boolean): number {
    const doomed = [...this.#pairs].filter(chosen);
    for (const { near, far } of doomed) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    return doomed.length;
  }

  /** Connections stay open and carry nothing until each `hold` has its `release`. */
  hold(): void {
    this.#holders++;
    for (const pair of this.#pairs) hold(pair);
  }

  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    for (const { near, far } of this.#pairs) {
      near.pipe(far);
      far.pipe(near);
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut(() => true);
    await closed;
  }
}

function hold({ near, far }: Pair): void {
  for (const socket of [near, far]) {
    socket.unpipe();
    socket.pause();
  }
}
