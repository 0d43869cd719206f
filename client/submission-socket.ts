/** One WebSocket to the registry, as a submitter sees it: answers, and heartbeats that notice a dead line. */
import { LIMITS, pathOf, ROUTES } from "../protocol/index.ts";
import type { Connection } from "./credentials.ts";
import { type OutboundSocketEnd, openOutboundSocket } from "./outbound-socket.ts";

/** A line on which nothing is heard from one heartbeat to the next is dead, whatever the network says. */
const HEARTBEAT_MS = 10_000;

interface SubmissionSocketHandlers {
  opened(): void;
  answer(text: string): void;
  /** Called once, also when it never opened. */
  ended(end: OutboundSocketEnd): void;
}

export interface SubmissionSocket {
  send(text: string): void;
  /** Says goodbye, and waits a short time for the answer. */
  close(): Promise<void>;
}

export function openSubmissionSocket(
  { url, token }: Connection,
  handlers: SubmissionSocketHandlers,
  heartbeatMs = HEARTBEAT_MS,
): SubmissionSocket {
  let wasHeard = true;
  let heartbeat: NodeJS.Timeout | undefined;
  const gone = Promise.withResolvers<void>();
  const beat = (): void => {
    if (wasHeard) {
      wasHeard = false;
      socket.ping();
      return;
    }
    // A process that computed all the while first reads the frames that came in the meantime.
    setImmediate(() => {
      if (!wasHeard) socket.terminate(new Error(`nothing was heard for ${heartbeatMs / 1000} s`));
    });
  };
  const target = {
    url: `${url}${pathOf(ROUTES.openSubmissionLine)}`,
    bearer: token,
    subprotocols: [],
    maxMessageBytes: LIMITS.requestBodyBytes,
    readsRefusal: true,
  };
  const socket = openOutboundSocket(target, {
    opened: () => {
      heartbeat = setInterval(beat, heartbeatMs);
      handlers.opened();
    },
    pong: () => {
      wasHeard = true;
    },
    frame: (content) => {
      wasHeard = true;
      handlers.answer(content.toString());
    },
    ended: (end) => {
      clearInterval(heartbeat);
      gone.resolve();
      handlers.ended(end);
    },
  });
  return {
    send: (text) => socket.send(text),
    close() {
      socket.close("the submitter leaves");
      return gone.promise;
    },
  };
}
