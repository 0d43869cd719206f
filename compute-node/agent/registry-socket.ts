/** One socket to the registry, as the agent sees it: messages parsed and encoded, heartbeats, and how it ended. */
import WebSocket from "ws";
import {
  CLOSE_REASON_BYTES,
  framesOf,
  HEARTBEAT_REQUEST,
  HEARTBEAT_RESPONSE,
  LIMITS,
  type NodeMessage,
  nodeMessage,
  type RegistryMessage,
  registryMessage,
  SUBPROTOCOL,
  wire,
  withinBytes,
} from "../../protocol/index.ts";
import { Outbox } from "./outbox.ts";

export interface SocketHandlers {
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

const HANDSHAKE_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 500;
const NORMAL_CLOSURE = 1000;
/** What `ws` reports for a socket that was never properly closed. */
const ABNORMAL_CLOSURE = 1006;

export function openRegistrySocket(url: string, credential: string, handlers: SocketHandlers): RegistrySocket {
  const socket = new WebSocket(url, SUBPROTOCOL, {
    headers: { authorization: `Bearer ${credential}` },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: LIMITS.socketMessageBytes * 16,
    perMessageDeflate: false,
  });
  let failure = "";
  let ended = false;
  const end = (code: number, reason: string, httpStatus?: number): void => {
    if (ended) return;
    ended = true;
    outbox.discard();
    handlers.closed({ code, reason, ...(httpStatus === undefined ? {} : { httpStatus }) });
  };
  const write = (text: string): void => {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
  };
  const outbox = new Outbox((messages) => framesOf(messages.map(jsonOf)).forEach(write));
  socket.on("open", () => handlers.opened());
  socket.on("message", (data, isBinary) => {
    receive(data, isBinary, handlers);
    outbox.answered();
  });
  socket.on("error", (error) => {
    failure = error.message;
  });
  socket.on("unexpected-response", (request, response) => {
    const status = response.statusCode ?? 0;
    response.resume();
    request.destroy();
    end(ABNORMAL_CLOSURE, `the handshake was answered with status ${status}`, status);
  });
  socket.on("close", (code, reason) => end(code, reason.toString() || failure));
  return {
    send: (messages, slotsAreScarce) => outbox.push(messages, slotsAreScarce),
    ping: () => write(HEARTBEAT_REQUEST),
    close(reason) {
      outbox.flush();
      socket.close(NORMAL_CLOSURE, withinBytes(reason, CLOSE_REASON_BYTES));
      setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    },
  };
}

function receive(data: Buffer, isBinary: boolean, handlers: SocketHandlers): void {
  const text = data.toString();
  if (text === HEARTBEAT_RESPONSE) {
    handlers.pong();
    return;
  }
  if (isBinary) {
    handlers.unreadable(`a binary frame of ${data.length} bytes`);
    return;
  }
  let frame: unknown;
  try {
    frame = JSON.parse(text);
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
