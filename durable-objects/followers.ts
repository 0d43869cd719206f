/**
 * Tells followers of operations as they happen: server-sent events (a streaming response keeps the object awake for as long
 * as it lasts) and WebSockets (hibernate with the object). Both first get what they missed since the event id they name.
 */
import { FINAL_EVENTS, type OperationEvent, operationEvent, wire } from "../protocol/index.ts";
import { attachmentOf, type FollowerAttachment, isFollower, setAttachment } from "./attachment.ts";
import { closeQuietly } from "./connections.ts";
import type { Effect } from "./scheduler/index.ts";

const eventWire = wire(operationEvent);
const KEEP_ALIVE_MS = 15_000;
const ALL = "*";

interface Stream {
  readonly operationId: string | null;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly keepAlive: ReturnType<typeof setInterval>;
}

export class Followers {
  readonly #context: DurableObjectState;
  readonly #streams = new Set<Stream>();
  /** Sockets by the operation that they follow. Most operations have no follower, and asking the runtime takes time. */
  readonly #sockets = new Map<string, Set<WebSocket>>();

  constructor(context: DurableObjectState) {
    this.#context = context;
    for (const socket of context.getWebSockets()) if (isFollower(attachmentOf(socket))) this.#add(socket);
  }

  /** A `text/event-stream` of `missed` and all that follows. It ends after a final event of its operation. */
  stream(operationId: string | null, missed: readonly OperationEvent[]): Response {
    let stream: Stream;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const keepAlive = setInterval(() => this.#write(stream, ": still here\n\n"), KEEP_ALIVE_MS);
        stream = { operationId, controller, keepAlive };
        this.#streams.add(stream);
        this.#write(stream, "retry: 1000\n\n");
        for (const event of missed) this.#tellStream(stream, event);
      },
      cancel: () => this.#drop(stream),
    });
    return new Response(body, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      },
    });
  }

  /** A WebSocket with one JSON event a frame. */
  socket(operationId: string | null, missed: readonly OperationEvent[]): Response {
    const pair = new WebSocketPair();
    this.#context.acceptWebSocket(pair[1], [`follows:${operationId ?? ALL}`]);
    setAttachment(pair[1], { follows: operationId });
    this.#add(pair[1]);
    for (const event of missed) tellSocket(pair[1], event);
    return new Response(null, { status: 101, webSocket: pair[0] });
  }

  tell(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== "event") continue;
      const { event } = effect;
      for (const stream of this.#streams) {
        if (stream.operationId === null || stream.operationId === event.operationId) this.#tellStream(stream, event);
      }
      for (const socket of this.#sockets.get(event.operationId) ?? []) tellSocket(socket, event);
      for (const socket of this.#sockets.get(ALL) ?? []) tellSocket(socket, event);
    }
  }

  /** Forgets a follower whose connection closed. */
  forget(socket: WebSocket): void {
    const key = followedBy(socket);
    const sockets = this.#sockets.get(key);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.#sockets.delete(key);
  }

  #add(socket: WebSocket): void {
    const key = followedBy(socket);
    const sockets = this.#sockets.get(key);
    if (sockets === undefined) this.#sockets.set(key, new Set([socket]));
    else sockets.add(socket);
  }

  #tellStream(stream: Stream, event: OperationEvent): void {
    const id = event.eventId === null ? "" : `id: ${event.eventId}\n`;
    this.#write(stream, `${id}event: ${event.type}\ndata: ${JSON.stringify(eventWire.encode(event))}\n\n`);
    if (stream.operationId === null || !FINAL_EVENTS.includes(event.type)) return;
    this.#drop(stream);
    try {
      stream.controller.close();
    } catch {
      // The reader left in the same moment.
    }
  }

  #write(stream: Stream, text: string): void {
    if (!this.#streams.has(stream)) return;
    try {
      stream.controller.enqueue(new TextEncoder().encode(text));
    } catch {
      this.#drop(stream);
    }
  }

  #drop(stream: Stream): void {
    clearInterval(stream.keepAlive);
    this.#streams.delete(stream);
  }
}

function followedBy(socket: WebSocket): string {
  return (attachmentOf(socket) as FollowerAttachment).follows ?? ALL;
}

function tellSocket(socket: WebSocket, event: OperationEvent): void {
  try {
    socket.send(JSON.stringify(eventWire.encode(event)));
  } catch {
    closeQuietly(socket, 1011, "not reachable");
  }
}
