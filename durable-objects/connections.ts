/** Keeps the hibernating sockets of one registry by worker and epoch, and sends over them. */
import {
  CLOSE_REASON_BYTES,
  framesOf,
  type RegistryMessage,
  registryMessage,
  wire,
  withinBytes,
} from "../protocol/index.ts";
import { attachmentOf, isNode, nodeAttachmentOf, setAttachment } from "./attachment.ts";
import type { Effect } from "./scheduler/index.ts";

const messageWire = wire(registryMessage);

export class Connections {
  readonly #context: DurableObjectState;
  readonly #byWorker = new Map<string, WebSocket>();

  /**
   * After hibernation a worker's connection is the socket of its present epoch alone. Older ones may linger while they close, or
   * because nobody noticed that they are dead.
   */
  constructor(context: DurableObjectState, presentEpochs: ReadonlyMap<string, number>) {
    this.#context = context;
    for (const socket of context.getWebSockets()) {
      const attachment = attachmentOf(socket);
      if (!isNode(attachment)) continue;
      const { workerId, epoch } = attachment;
      if (epoch !== null && epoch === presentEpochs.get(workerId)) this.#byWorker.set(workerId, socket);
    }
  }

  accept(socket: WebSocket, workerId: string): void {
    this.#context.acceptWebSocket(socket, [workerId]);
    setAttachment(socket, { workerId, epoch: null, faults: 0 });
  }

  /** Records the epoch that the connection claims. A later step decides whether it becomes the worker's own. */
  identify(socket: WebSocket, epoch: number): void {
    setAttachment(socket, { ...nodeAttachmentOf(socket), epoch });
  }

  /** Makes the connection the worker's own. */
  adopt(socket: WebSocket): void {
    this.#byWorker.set(nodeAttachmentOf(socket).workerId, socket);
  }

  forget(socket: WebSocket): void {
    const { workerId } = nodeAttachmentOf(socket);
    if (this.#byWorker.get(workerId) === socket) this.#byWorker.delete(workerId);
  }

  /** Returns the epoch of each worker that has a live connection. */
  epochs(): Map<string, number> {
    return new Map([...this.#byWorker].map(([workerId, socket]) => [workerId, nodeAttachmentOf(socket).epoch!]));
  }

  /** Returns the moment at which the runtime last answered this worker's heartbeat without waking anyone. */
  lastHeartbeatAt(workerId: string): number | null {
    const socket = this.#byWorker.get(workerId);
    if (socket === undefined) return null;
    return this.#context.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;
  }

  /** Sends the messages and closes the sockets that a step asked for. Messages to one worker share frames. */
  carryOut(effects: readonly Effect[]): void {
    const outgoing = new Map<WebSocket, RegistryMessage[]>();
    for (const effect of effects) {
      if (effect.type === "event") continue;
      const socket = this.#socketOf(effect.workerId, effect.epoch);
      if (socket === undefined) continue;
      if (effect.type === "close") closeQuietly(socket, effect.code, effect.reason);
      else {
        const messages = outgoing.get(socket);
        if (messages === undefined) outgoing.set(socket, [effect.message]);
        else messages.push(effect.message);
      }
    }
    for (const [socket, messages] of outgoing) sendFrames(socket, messages);
  }

  #socketOf(workerId: string, epoch: number): WebSocket | undefined {
    const present = this.#byWorker.get(workerId);
    if (present !== undefined && nodeAttachmentOf(present).epoch === epoch) return present;
    return this.#context.getWebSockets(workerId).find((socket) => nodeAttachmentOf(socket).epoch === epoch);
  }
}

/** Packs all messages into one frame, or into several when one would be over the limit. */
export function sendFrames(socket: WebSocket, messages: readonly RegistryMessage[]): void {
  const texts = messages.map((message) => JSON.stringify(messageWire.encode(message)));
  for (const frame of framesOf(texts)) sendQuietly(socket, frame);
}

/** Sends a frame. A message to a socket that just closed is lost; the protocol repeats those that matter. */
export function sendQuietly(socket: WebSocket, text: string): void {
  try {
    socket.send(text);
  } catch {
    // The close event follows and the step that it causes does the rest.
  }
}

/** Closes a socket, also one that is closed already. A long reason is cut. */
export function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, withinBytes(reason, CLOSE_REASON_BYTES));
  } catch {
    // Already closed.
  }
}
