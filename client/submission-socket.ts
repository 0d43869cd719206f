/** One WebSocket to the registry as a submitter sees it: the handshake, heartbeats, and how it ended. */
import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import { API_PREFIX, HEARTBEAT_REQUEST, HEARTBEAT_RESPONSE, LIMITS } from "../protocol/index.ts";
import type { Connection } from "./credentials.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A line on which nothing is heard from one heartbeat to the next is dead, whatever the network says. */
const HEARTBEAT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 500;
const NORMAL_CLOSURE = 1000;
const REFUSAL_BYTES = 64 * 1024;

/** Why it ended: the other side closed, the handshake was answered with something else, or the network failed. */
export type SocketEnd =
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "answered"; readonly status: number; readonly text: string }
  | { readonly type: "failed"; readonly error: Error };

export interface SubmissionSocketHandlers {
  opened(): void;
  answer(text: string): void;
  /** Called once, also when it never opened. */
  ended(end: SocketEnd): void;
}

export interface SubmissionSocket {
  send(text: string): void;
  /** Says goodbye, and waits for the answer to that, but not long. */
  close(): Promise<void>;
}

export function openSubmissionSocket(
  { url, token }: Connection,
  handlers: SubmissionSocketHandlers,
  heartbeatMs = HEARTBEAT_MS,
): SubmissionSocket {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}${API_PREFIX}/submissions`, [], {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: LIMITS.requestBodyBytes,
    perMessageDeflate: false,
  });
  let wasHeard = true;
  let failure: Error | null = null;
  let heartbeat: NodeJS.Timeout | undefined;
  const gone = Promise.withResolvers<void>();
  let hasEnded = false;
  const end = (how: SocketEnd): void => {
    if (hasEnded) return;
    hasEnded = true;
    clearInterval(heartbeat);
    gone.resolve();
    handlers.ended(how);
  };
  const beat = (): void => {
    if (wasHeard) {
      wasHeard = false;
      socket.send(HEARTBEAT_REQUEST);
      return;
    }
    // A process that computed all the while reads first what came in the meantime.
    setImmediate(() => {
      if (wasHeard) return;
      failure = new Error(`nothing was heard for ${heartbeatMs / 1000} s`);
      socket.terminate();
    });
  };
  socket.on("open", () => {
    heartbeat = setInterval(beat, heartbeatMs);
    handlers.opened();
  });
  socket.on("message", (data) => {
    wasHeard = true;
    const text = data.toString();
    if (text !== HEARTBEAT_RESPONSE) handlers.answer(text);
  });
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("unexpected-response", (request, response) => {
    void textOf(response).then((text) => {
      request.destroy();
      end({ type: "answered", status: response.statusCode ?? 0, text });
    });
  });
  socket.on("close", (code, reason) => {
    end(failure === null ? { type: "closed", code, reason: reason.toString() } : { type: "failed", error: failure });
  });
  return {
    send: (text) => socket.send(text),
    async close() {
      const impatience = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      socket.close(NORMAL_CLOSURE, "the submitter leaves");
      await gone.promise;
      clearTimeout(impatience);
    },
  };
}

/** As much of a refusal as anybody would read; what cannot be read to its end is what came of it. */
async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const part of response.setEncoding("utf8")) {
      text += part;
      if (text.length > REFUSAL_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  return text;
}
