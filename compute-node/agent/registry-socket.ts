/** One socket to the registry, as the agent sees it: messages parsed and encoded, heartbeats, and how it ended. */
import { type OutboundSocketEnd, openOutboundSocket } from "../../client/outbound-socket.ts";
import {
  framesOf,
  LIMITS,
  type NodeMessage,
  nodeMessage,
  type RegistryMessage,
  registryMessage,
  SUBPROTOCOL,
  wire,
} from "../../protocol/index.ts";
import { Outbox } from "./outbox.ts";

interface SocketHandlers {
  opened(): void;
  message(message: RegistryMessage): void;
  pong(): void;
  /** A frame or message that does not parse. */
  unreadable(reason: string): void;
  /** Called once, also when it never opened. */
  closed(end: { code: number; reason: string; httpStatus?: number }): void;
}

export interface RegistrySocket {
  /** In one frame, or several where one would be too large; at once, or after a moment together with more (outbox.ts). */
  send(messages: readonly NodeMessage[], slotsAreScarce: boolean): void;
  ping(): void;
  /** Says goodbye, and does not wait long for the answer. */
  close(reason: string): void;
}

/** The close code of a socket that was never properly closed. */
const ABNORMAL_CLOSURE = 1006;
/** Several times the registry's largest frame. */
const MAX_FRAME_BYTES = LIMITS.socketMessageBytes * 16;

export function openRegistrySocket(url: string, credential: string, handlers: SocketHandlers): RegistrySocket {
  const target = { url, bearer: credential, subprotocols: [SUBPROTOCOL], maxMessageBytes: MAX_FRAME_BYTES };
  const socket = openOutboundSocket(target, {
    opened: () => handlers.opened(),
    pong: () => {
      handlers.pong();
      outbox.answered();
    },
    frame: (content, isBinary) => {
      receive(content, isBinary, handlers);
      outbox.answered();
    },
    ended: (end) => {
      outbox.discard();
      handlers.closed(closingOf(end));
    },
  });
  const outbox = new Outbox((messages) => framesOf(messages.map(jsonOf)).forEach(socket.send));
  return {
    send: (messages, slotsAreScarce) => outbox.push(messages, slotsAreScarce),
    ping: () => socket.ping(),
    close(reason) {
      outbox.flush();
      socket.close(reason);
    },
  };
}

function closingOf(end: OutboundSocketEnd): { code: number; reason: string; httpStatus?: number } {
  if (end.type === "answered") {
    const reason = `the handshake was answered with status ${end.status}`;
    return { code: ABNORMAL_CLOSURE, reason, httpStatus: end.status };
  }
  const { code, reason } = end;
  return { code, reason: end.type === "failed" ? reason || end.error.message : reason };
}

function receive(data: Buffer, isBinary: boolean, handlers: SocketHandlers): void {
  if (isBinary) {
    handlers.unreadable(`a binary frame of ${data.length} bytes`);
    return;
  }
  let frame: unknown;
  try {
    frame = JSON.parse(data.toString());
  } catch (error) {
    handlers.unreadable(error instanceof Error ? error.message : String(error));
    return;
  }
  for (const item of Array.isArray(frame) ? frame : [frame]) {
    let message: RegistryMessage;
    try {
      message = wire(registryMessage).parse(item, "message of the registry");
    } catch (error) {
      handlers.unreadable(error instanceof Error ? error.message : String(error));
      continue;
    }
    handlers.message(message);
  }
}

function jsonOf(message: NodeMessage): string {
  return JSON.stringify(wire(nodeMessage).encode(message));
}
