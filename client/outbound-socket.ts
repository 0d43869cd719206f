/** One WebSocket that this machine opens to a control plane: the handshake, frames, heartbeats and the end. */
import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import { CLOSE_REASON_BYTES, HEARTBEAT_REQUEST, HEARTBEAT_RESPONSE, withinBytes } from "../protocol/index.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 500;
const NORMAL_CLOSURE = 1000;
/** Characters of a refusal's text that are read. */
const REFUSAL_LENGTH = 64 * 1024;

interface SocketTarget {
  /** `ws:` or `http:`, either of them with or without an s. */
  readonly url: string;
  readonly bearer: string;
  readonly subprotocols: readonly string[];
  /** Limits one incoming message; a longer one ends the socket. */
  readonly maxMessageBytes?: number;
  /** Waits for the text of a refused handshake. */
  readonly readsRefusal?: boolean;
}

/**
 * The end of a socket. `closed`: by the other side or by us. `answered`: the handshake got another answer. `failed`: the network
 * failed; `code` and `reason` are the socket's own.
 */
export type OutboundSocketEnd =
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "answered"; readonly status: number; readonly text: string }
  | { readonly type: "failed"; readonly error: Error; readonly code: number; readonly reason: string };

interface OutboundSocketHandlers {
  opened?(): void;
  /** A frame that answers no heartbeat. */
  frame?(content: Buffer, isBinary: boolean): void;
  pong?(): void;
  /** Called once, also when it never opened. */
  ended(end: OutboundSocketEnd): void;
}

export interface OutboundSocket {
  /** Nothing is sent before it is open, or after it closed. */
  send(text: string): void;
  ping(): void;
  /** Says goodbye, and waits a short time for the answer. A reason that is too long is cut. */
  close(reason: string): void;
  /** Ends without a goodbye: it failed with `error`, where there is one. */
  terminate(error?: Error): void;
}

export function openOutboundSocket(target: SocketTarget, handlers: OutboundSocketHandlers): OutboundSocket {
  const { url, bearer, subprotocols, maxMessageBytes, readsRefusal = false } = target;
  const socket = new WebSocket(url.replace(/^http/, "ws"), [...subprotocols], {
    headers: { authorization: `Bearer ${bearer}` },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    perMessageDeflate: false,
    ...(maxMessageBytes === undefined ? {} : { maxPayload: maxMessageBytes }),
  });
  let failure: Error | null = null;
  let hasEnded = false;
  let impatience: NodeJS.Timeout | undefined;
  const end = (how: OutboundSocketEnd): void => {
    if (hasEnded) return;
    hasEnded = true;
    clearTimeout(impatience);
    handlers.ended(how);
  };
  const send = (text: string): void => {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
  };
  socket.on("open", () => handlers.opened?.());
  socket.on("message", (content, isBinary) => {
    if (content.toString() === HEARTBEAT_RESPONSE) handlers.pong?.();
    else handlers.frame?.(content, isBinary);
  });
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("unexpected-response", (request, response) => {
    const answered = (text: string): void => {
      request.destroy();
      end({ type: "answered", status: response.statusCode ?? 0, text });
    };
    if (readsRefusal) void textOf(response).then(answered);
    else answered("");
  });
  socket.on("close", (code, bytes) => {
    const reason = bytes.toString();
    end(failure === null ? { type: "closed", code, reason } : { type: "failed", error: failure, code, reason });
  });
  return {
    send,
    ping: () => send(HEARTBEAT_REQUEST),
    close(reason) {
      if (hasEnded) return;
      impatience = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      socket.close(NORMAL_CLOSURE, withinBytes(reason, CLOSE_REASON_BYTES));
    },
    terminate(error) {
      failure = error ?? failure;
      socket.terminate();
    },
  };
}

/** Reads the text of a response. Where reading fails midway, the part that came is returned. */
async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const part of response.setEncoding("utf8")) {
      text += part;
      if (text.length > REFUSAL_LENGTH) break;
    }
  } catch {
    // The status says enough.
  }
  return text;
}
