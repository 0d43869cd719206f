/** A stand-in for a submitter that holds its line open. */
import { SELF } from "cloudflare:test";
import { ADMIN_TOKEN } from "./support.ts";

type Answer = Record<string, unknown> & { type: string; request_id: string | null };

export class SubmitterStandIn {
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #received: Answer[] = [];
  #wake: () => void = () => {};
  #requests = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", (event) => resolve({ code: event.code, reason: event.reason }));
    });
    socket.addEventListener("message", (event) => {
      if (event.data === "pong") return;
      this.#received.push(JSON.parse(event.data as string) as Answer);
      this.#wake();
    });
    socket.accept();
  }

  static async open(token = ADMIN_TOKEN): Promise<SubmitterStandIn> {
    const { status, socket, text } = await upgrade(token);
    if (socket === null) throw new Error(`no socket: ${status} ${text}`);
    return new SubmitterStandIn(socket);
  }

  /** The answer to a submission of `operations`. */
  async submit(operations: unknown[], more: Record<string, unknown> = {}): Promise<Answer> {
    const requestId = `r${++this.#requests}`;
    this.sendText(JSON.stringify({ type: "submit", request_id: requestId, operations, ...more }));
    return this.next(requestId);
  }

  sendText(frame: string | ArrayBuffer): void {
    this.#socket.send(frame);
  }

  /** The next answer, to this request or (without one) to any. */
  async next(requestId?: string | null): Promise<Answer> {
    for (;;) {
      const index = this.#received.findIndex((answer) => requestId === undefined || answer.request_id === requestId);
      if (index >= 0) return this.#received.splice(index, 1)[0]!;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no answer to ${requestId ?? "anything"} within 15 s`)),
          15_000,
        );
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#socket.close(1000, "done");
  }
}

/** The body is read: an object with an answer that nobody took is not evicted. */
export async function upgrade(
  token: string,
): Promise<{ status: number; socket: WebSocket | null; text: string | null }> {
  const response = await SELF.fetch("http://plane/api/v1/submissions", {
    headers: { upgrade: "websocket", authorization: `Bearer ${token}` },
  });
  const { status, webSocket: socket } = response;
  return { status, socket, text: socket === null ? await response.text() : null };
}
